"""Whether every line of the files became a row, by a count that the reader has no part in."""

from collections.abc import Sequence
from pathlib import Path

from dialect import Dialect
from shared.step import StepError


def account(files: Sequence[Path], dialect: Dialect, rows: int) -> list[str]:
    """Hold the rows written against the lines of the files; return the reason for a difference.

    Raises StepError where it has none.
    """
    lines = quotes = 0
    for file in files:
        found, quoting = count_lines(file, dialect)
        lines += found - dialect.skip - 1
        quotes += quoting
    if rows == lines:
        return []
    blank = sum(blank_lines(file) for file in files)
    if not quotes and rows != lines - blank and len(dialect.names) > 1:
        raise StepError(f"{lines} lines with data were read and {rows} rows written. Report this with the file.")
    quoted = lines - rows - blank
    reasons = [f"{blank} are blank"] * bool(blank) + [f"{quoted} go on in quotes"] * (quoted > 0)
    return [f"{lines} lines after the header are {rows} rows: {' and '.join(reasons)}"] if reasons else []


def count_lines(path: Path, dialect: Dialect) -> tuple[int, bool]:
    """The lines of a file, and whether there are quotes in it."""
    lines, quotes, last = 0, False, b""
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            lines += block.count(dialect.newline)
            quotes = quotes or dialect.quote.encode() in block
            last = block[-1:]
    return lines + (last != dialect.newline), quotes


def blank_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(not line.strip() for line in file)
