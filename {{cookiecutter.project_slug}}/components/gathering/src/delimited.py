"""CSV and its like become Parquet by DuckDB, which reads them in parallel and in bounded memory.

It reads text. What each column holds is decided here, over the whole file, because the types that readers guess from
a sample lose what comes later: a number that is rounded, a zero in front, a word among numbers.
"""

import re
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from pyarrow.parquet import ParquetWriter, read_metadata

from deciding import Decisions, decide_all, decide_soon, looked_again, to_try
from dialect import Dialect, MixedLines, NotUtf8, dialect_of, head_of
from kinds import GROUPED, quoted, sql_of
from reading import Gathered, Reading
from shared.step import StepError
from shared.tables import batches, schema_of
from unpacking import in_utf8, marked, with_lines_alike, words_of

THOROUGH_BYTES = 64 << 20  # of a source up to here all rows decide
DICTIONARY = 2_000  # values that a column in a row group is written by the numbers of; to look for more takes long
SAMPLE_ROWS = 50_000  # by which types are chosen first
LARGE = 1e15  # numbers from here on may have more digits than a double holds
MISFIT = "a value is of another kind than those before it"


def copy_text(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], target: Path, reading: Reading, thorough: bool
) -> Gathered:
    """Write the files, whatever they are encoded in, as one Parquet table.

    Types are those of all values where the source is small or `thorough`, else of the first rows. These tell them
    mostly; where one value later is not of that type, we look at all of them and start again.
    """
    encoding = marked(files[0]) or (reading.encoding if reading.encoding.lower().startswith("utf") else "")
    if not encoding:
        with suppress(NotUtf8):
            return copy_any_lines(connection, files, target, reading, thorough)
        encoding = reading.encoding
    with tempfile.TemporaryDirectory() as folder:
        plain = in_utf8(files, Path(folder), encoding or "cp1252")
        found = copy_any_lines(connection, plain, target, reading, thorough)
    if not encoding:
        found.told.insert(0, f"{files[0].name!r} is not UTF-8: read as Windows-1252")
        found.reading = replace(found.reading, encoding="cp1252")
    return found


def copy_any_lines(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], target: Path, reading: Reading, thorough: bool
) -> Gathered:
    """As `copy_text`, of files in UTF-8, whose lines may end in different ways."""
    try:
        return copy_utf8(connection, files, target, reading, thorough)
    except MixedLines:
        with tempfile.TemporaryDirectory() as folder:
            alike, told = with_lines_alike(files, Path(folder))
            found = copy_utf8(connection, alike, target, reading, thorough)
        found.told.insert(0, told)
        return found


def copy_utf8(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    target: Path,
    reading: Reading,
    thorough: bool,
    soon: bool = True,
) -> Gathered:
    """As `copy_any_lines`, of lines that end alike; `soon`: what columns hold may be decided by the first rows."""
    given = reading
    dialect = dialect_of(connection, files[0], reading)
    for other in files[1:]:
        same_columns(files[0], dialect.names, other, dialect_of(connection, other, reading).names)
    whole = thorough or sum(file.stat().st_size for file in files) <= THOROUGH_BYTES
    try:
        source, names, sign = relation(files, dialect), dialect.names, dialect.delimiter
        if soon:
            decisions = decide_soon(connection, source, names, given, sign, SAMPLE_ROWS, whole)
        else:
            decisions = decide_all(connection, source, names, given, sign)
        reading = decided_reading(given, dialect, decisions, whole)
        try:
            with ThreadPoolExecutor(1) as beside:
                counted = beside.submit(lines_of, files, dialect)
                rows = write(connection, files, dialect, reading, decisions, target)
        except (duckdb.InvalidInputException, duckdb.ConversionException) as problem:
            misfit = any(words in str(problem) for words in (MISFIT, "Error when converting column"))
            if not soon or not (misfit or isinstance(problem, duckdb.ConversionException)):
                raise
            return copy_utf8(connection, files, target, given, thorough=True, soon=False)
        if whole and (odd := odd_ones(decisions, reading, target)):
            found = looked_again(connection, source, decisions, odd, names, given, sign)
            if not found or any(found.columns[name].kind != decisions.columns[name].kind for name in names):
                return copy_utf8(connection, files, target, given, thorough=True, soon=False)
            decisions = found
    except duckdb.Error as problem:
        if "Invalid unicode (byte sequence mismatch) detected" in str(problem):
            raise NotUtf8(str(files[0])) from problem
        if "reached an invalid state" in str(problem) and b"\r" in head_of(files[0]):
            raise MixedLines(str(files[0])) from problem
        raise StepError(sentence(problem, files, dialect)) from problem
    told = [*dialect.told, *account(files, dialect, rows, *counted.result())]
    kept = {name: one for name, one in decisions.columns.items() if name not in reading.drop}
    notes = {name: [one.note] for name, one in kept.items() if one.note}
    for name in kept.keys() & set(dialect.unnamed):
        notes.setdefault(name, []).append("it has no name in the source")
    nothing = [name for name in unnamed_and_empty(dialect, decisions) if name not in kept]
    notes |= {name: ["left out: it has no name and no values"] for name in nothing}
    said = {name: "; ".join(each) for name, each in notes.items()}
    return Gathered(rows, len(kept), told, said, dialect.names, reading)


def odd_ones(decisions: Decisions, reading: Reading, table: Path) -> dict[str, list[str]]:
    """The columns of which only the first rows were looked at, and of which the written table says that others differ.

    With the kinds that are to be tried: none where only gaps are to be told from words that mean missing.
    """
    kept = [(c, name) for c, name in zip(decisions.fits, decisions.columns, strict=True) if name not in reading.drop]
    odd = dict[str, list[str]]()
    about = read_metadata(table)
    for number, (c, name) in enumerate(kept):
        if c not in decisions.sampled:
            continue
        said = [about.row_group(group).column(number).statistics for group in range(about.num_row_groups)]
        if decisions.columns[name].kind in ("number", *GROUPED) and any(
            max(abs(each.min), abs(each.max)) >= LARGE for each in said if each and each.has_min_max
        ):
            odd[c] = to_try(decisions.fits[c], decisions.decimal)
        elif any(not each or each.null_count for each in said):
            odd[c] = []
    return odd


def decided_reading(reading: Reading, dialect: Dialect, decisions: Decisions, whole: bool) -> Reading:
    """How the next table is read in the same way. Columns without name and values are left out, once all are seen."""
    columns = {name: one.kind for name, one in decisions.columns.items() if one.keep}
    nothing = unnamed_and_empty(dialect, decisions) if whole else []
    return replace(
        reading,
        delimiter="" if dialect.delimiter == "," else dialect.delimiter,
        decimal=reading.decimal or decisions.decimal,
        columns=reading.columns | columns,
        drop=[*reading.drop, *(name for name in nothing if name not in reading.drop)],
    )


def unnamed_and_empty(dialect: Dialect, decisions: Decisions) -> list[str]:
    return [name for name in dialect.unnamed if decisions.columns[name].kind == "empty"]


def relation(files: Sequence[Path], dialect: Dialect, missing: Sequence[str] = (), numbers: Sequence[str] = ()) -> str:
    """The files as DuckDB reads them, as text but for `numbers`: columns c0, c1, ..., NULL where nothing is written.

    They are unpacked; DuckDB would take a plain file whose name ends in .gz for a packed one.
    """
    names = [f"c{number}" for number in range(len(dialect.names))]
    columns = ", ".join(f"{c}: '{'DOUBLE' if c in numbers else 'VARCHAR'}'" for c in names)
    paths = ", ".join(quoted(str(file)) for file in files)
    written = f"delim = {quoted(dialect.delimiter)}, quote = {quoted(dialect.quote)}, escape = {quoted(dialect.escape)}"
    own = {dialect.delimiter, dialect.quote, dialect.escape}  # which DuckDB takes in no word
    nulls = ", ".join(quoted(word) for word in ["", *missing] if not own & set(word))
    return (
        f"read_csv([{paths}], columns = {{{columns}}}, auto_detect = false, header = true, skip = {dialect.skip}, "
        f"{written}, nullstr = [{nulls}], compression = 'none')"
    )


def write(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    dialect: Dialect,
    reading: Reading,
    decisions: Decisions,
    target: Path,
) -> int:
    """Write the columns that are not left out as their kinds; return the number of rows."""
    chosen, names, numbers = list[str](), list[str](), list[str]()
    for number, (name, one) in enumerate(decisions.columns.items()):
        if name in reading.drop:
            continue
        c = f"c{number}"
        value = sql_of(one.kind, c)
        if one.kind == "number" and one.strict and "nan" in reading.missing_words:
            value, numbers = c, [*numbers, c]  # the reader's error where it is none, and much faster than to look
        elif one.kind == "whole" and one.strict:
            whole = f"CAST({c} AS BIGINT)"  # an error too; and 1.5 would be rounded
            value = (
                f"CASE WHEN {c} IS NULL OR CAST({whole} AS VARCHAR) = {c} THEN {whole} ELSE error({quoted(MISFIT)}) END"
            )
        elif one.kind == "empty":
            value = f"CASE WHEN {c} IS NOT NULL THEN error({quoted(MISFIT)}) END"
        elif one.strict and one.kind != "text":
            value = f"CASE WHEN {c} IS NOT NULL THEN coalesce({value}, error({quoted(MISFIT)})) END"
        names.append(name)
        chosen.append(f'{value} AS "{name.replace(chr(34), chr(34) * 2)}"')
    if not chosen:
        raise StepError("every column is left out (drop). Keep one.")
    source = relation(files, dialect, reading.missing_words, numbers)
    rows = max(1_000, min(100_000, 2_000_000 // len(chosen)))  # of a row group: memory is that of one a thread
    options = f"FORMAT parquet, ROW_GROUP_SIZE {rows}, DICTIONARY_SIZE_LIMIT {DICTIONARY}"
    found: Any = connection.execute(
        f"COPY (SELECT {', '.join(chosen)} FROM {source}) TO {quoted(str(target))} ({options})"
    ).fetchone()
    if len({name.casefold() for name in names}) < len(names):
        rename(target, names)
    return int(found[0])


def rename(path: Path, names: Sequence[str]) -> None:
    """Give the columns of a Parquet file their names: DuckDB changes those that differ from others in capitals only."""
    renamed = path.with_name(f"{path.name}.renamed")
    schema = pa.schema([field.with_name(name) for field, name in zip(schema_of(path), names, strict=True)])
    with ParquetWriter(renamed, schema) as writer:
        for batch in batches(path):
            writer.write_batch(batch.rename_columns(names))
    renamed.replace(path)


def same_columns(first: Path, names: list[str], other: Path, others: list[str]) -> None:
    if names == others:
        return
    lacks = [f"{other.name!r} lacks {name!r}" for name in names if name not in others]
    more = [f"{other.name!r} has {name!r} besides" for name in others if name not in names]
    what = "; ".join([*lacks, *more][:3]) or f"those of {other.name!r} are in another order"
    raise StepError(f"the files have different columns than {first.name!r}: {what}. Give files of one kind.")


def sentence(problem: duckdb.Error, files: Sequence[Path], dialect: Dialect) -> str:
    """What DuckDB says of a file that is not what its first lines promise."""
    text = str(problem)
    where = next((file.name for file in files if str(file) in text), files[0].name)
    line = re.search(r"CSV Error on Line: (\d+)", text)
    shown = re.search(r"Original Line: (.*)", text)
    counts = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
    at = f"line {line[1]} of {where!r}" if line else f"{where!r}"
    cited = f": {shown[1].strip()[:80]!r}" if shown else ""
    if counts:
        return (
            f"{at} has {counts[2]} field{'s' * (counts[2] != '1')} where the header has {counts[1]}{cited}. "
            f"Correct the line, or say how the file is written (delimiter, now {dialect.delimiter!r})."
        )
    if "unterminated quote" in text:
        return f"{at} opens a quote that is never closed{cited}. Correct the line."
    if "Maximum line size" in text or "maximum_line_size" in text:
        return f"{at} is longer than 2 MB, which is no line of a table. Correct the file."
    first = ValueError(text.partition("\n")[0].partition(": ")[2] or text)
    return f"{at} cannot be read as CSV: {words_of(first)}{cited}. Correct the file."


def account(files: Sequence[Path], dialect: Dialect, rows: int, lines: int, quotes: bool) -> list[str]:
    """Hold the rows written against the lines of the files, which were counted without the reader.

    Returns the reason for a difference.

    Raises StepError where it has none.
    """
    if rows == lines:
        return []
    blank = sum(blank_lines(file) for file in files)
    if not quotes and rows != lines - blank and len(dialect.names) > 1:
        raise StepError(f"{lines} lines with data were read and {rows} rows written. Report this with the file.")
    quoted = lines - rows - blank
    reasons = [f"{blank} are blank"] * bool(blank) + [f"{quoted} go on in quotes"] * (quoted > 0)
    return [f"{lines} lines after the header are {rows} rows: {' and '.join(reasons)}"] if reasons else []


def lines_of(files: Sequence[Path], dialect: Dialect) -> tuple[int, bool]:
    """The lines with data of all files, and whether there are quotes in one."""
    found = [count_lines(file, dialect) for file in files]
    return sum(lines - dialect.head for lines, _ in found), any(quotes for _, quotes in found)


def count_lines(path: Path, dialect: Dialect) -> tuple[int, bool]:
    """The lines of a file, and whether there are quotes in it."""
    lines, quotes, last = 0, False, b""
    block = bytearray(1 << 20)
    letters = np.frombuffer(block, np.uint8)  # in which numpy counts twice as fast as Python does in bytes
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(block):
            lines += int(np.count_nonzero(letters[:size] == ord(dialect.newline)))
            quotes = quotes or block.find(dialect.quote.encode(), 0, size) >= 0
            last = bytes(block[size - 1 : size])
    return lines + (last != dialect.newline), quotes


def blank_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(not line.strip() for line in file)
