"""How a delimited file is written: delimiter, quotes, lines before the header, and names."""

import codecs
import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from kinds import quoted
from reading import WORDS, Reading
from shared.step import StepError

HEAD_BYTES = 1 << 20
SAMPLE_ROWS = 20_480  # that the sniffer looks at
DELIMITERS = ",;\t|"
NAME = 1_000  # characters of a name, at most: YAML takes no longer one for a key
NUMBER = re.compile(r"[-+]?[\d.,]*\d")
HEADER_ROWS = 3  # at most
VALUE = re.compile(r"[^A-Za-z]*\d[^A-Za-z]*([eE][-+]?\d+)?[^A-Za-z]*")  # a number, an amount, a date
# A unit in brackets, or a type.
TYPES = re.compile(r"(?i)^\s*([(\[].*[)\]]|float|int|integer|double|decimal|number|numeric)\s*$")


class NotUtf8(Exception):
    """A file that was taken for UTF-8 is not."""


class MixedLines(Exception):
    """The lines of a file end in different ways."""


@dataclass(frozen=True)
class Dialect:
    delimiter: str
    quote: str
    escape: str
    skip: int  # rows before the last of the header, which the reader passes over
    head: int  # lines up to its end
    names: list[str]
    unnamed: list[str]  # those of the names that the file does not say
    newline: bytes
    told: list[str]  # what a person should know of it


def head_of(path: Path) -> bytes:
    """The first megabyte of a file."""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def dialect_of(connection: duckdb.DuckDBPyConnection, path: Path, reading: Reading) -> Dialect:
    """How the UTF-8 file `path` is written. Raises StepError where its first lines are no header of a table."""
    head = head_of(path)
    cut = len(head) == HEAD_BYTES
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=not cut)
    except UnicodeDecodeError as problem:
        raise NotUtf8(path.name) from problem
    if not text.strip():
        raise StepError(f"{path.name!r} is empty. Give a file with a header line and data.")
    lines = text.splitlines()
    told = re.match(r'"?sep=(.)"?$', lines[0])  # Excel's own way to say it
    delimiter, quote, escape = sniffed(connection, path, reading.delimiter or (told[1] if told else ""), lines)
    rows = list(rows_of(text, delimiter, quote, escape))[: -1 if cut else None]
    width = Counter(len(row) for _, row in rows if row).most_common(1)[0][0] if rows else 0
    number = header_of([row for _, row in rows], width)
    before = rows[number - 1][0] if number else 0
    more = more_of_header([row for _, row in rows[number:]])
    header, left = header_from([row for _, row in rows[number : number + more + 1]])
    names, notes = named(header)
    unnamed = [name for name, said in zip(names, header, strict=True) if not said.strip()]
    if before and not (told and before == 1):
        shown = " | ".join(line.strip() for line in lines[:before] if line.strip())
        notes.append(f"{before} line{'s' * (before > 1)} before the header left out: {shown[:80]!r}")
    for row in left:
        shown = " | ".join(cell.strip() for cell in row if cell.strip())
        notes.append(f"the header has {more + 1} lines, of which this one is left out: {shown[:80]!r}")
    if more and not left:
        notes.append(f"the header has {more + 1} lines, which are put together: {max(names, key=len)[:80]!r}")
    refuse_data_as_header(path, header, [row for _, row in rows[number + more + 1 :]], lines[before])
    newline = b"\n" if b"\n" in head or b"\r" not in head else b"\r"
    return Dialect(delimiter, quote, escape, number + more, rows[number + more][0], names, unnamed, newline, notes)


def sniffed(
    connection: duckdb.DuckDBPyConnection, path: Path, delimiter: str, lines: list[str]
) -> tuple[str, str, str]:
    """Delimiter, quote and escape. Where the sniffer finds no table, those that the first line suggests."""
    given = f", delim = {quoted(delimiter)}" if delimiter else ""
    bare = [re.sub('"[^"]*"', "", line) for line in islice(filter(str.strip, lines), 20)]
    suggested = delimiter or max(DELIMITERS, key=bare[0].count)
    ask = f"SELECT Delimiter, Quote, Escape, len(Columns) FROM sniff_csv({quoted(str(path))}"
    try:
        found: Any = connection.execute(f"{ask}, sample_size = {SAMPLE_ROWS}, compression = 'none'{given})").fetchone()
        delimiter, quote, escape, width = found
    except duckdb.Error:
        return suggested, '"', '"'
    # A sign that the first line has not, and another that it has as often as those below: that one is the header's.
    alike = len({line.count(suggested) for line in bare}) == 1 and delimiter not in bare[0]
    if delimiter != suggested and suggested in bare[0] and (width == 1 or alike):
        return suggested, '"', '"'
    if width == 1 and (rare := rare_delimiter(lines)):
        return rare, '"', '"'
    if quote == "'" and not any(line.startswith("'") or delimiter + "'" in line for line in lines):
        quote = '"'  # what was found is the sign between thousands: 1'200.50
    escape = '"' if escape == "'" and quote != "'" else escape
    quote = '"' if quote == "(empty)" else quote  # the first quote may come later
    return delimiter, quote, quote if escape == "(empty)" else escape


def rare_delimiter(lines: list[str]) -> str:
    """A sign that stands equally often, and at least twice, in each of many lines; "" if there is none."""
    some = [line.strip() for line in lines[:50] if line.strip()]
    for sign in "~^:¦ ":
        if len(some) >= 10 and len({line.count(sign) for line in some}) == 1 and some[0].count(sign) > 1:
            return sign
    return ""


def rows_of(text: str, delimiter: str, quote: str, escape: str) -> Any:
    """The rows of a text, each with the number of its last line, until one that is none."""
    csv.field_size_limit(HEAD_BYTES)
    doubled = escape == quote
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quotechar=quote,
        doublequote=doubled,
        escapechar=None if doubled else escape,
    )
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error:
        return


def header_of(rows: list[list[str]], width: int) -> int:
    """The number of the row with the names: the first that is no title, comment or blank line."""
    for number, row in enumerate(rows[:50]):
        filled = sum(bool(cell.strip()) for cell in row)
        comment = bool(row) and row[0].lstrip().startswith("#") and len(row) != width
        title = filled <= 1 and width > 2
        if filled and not title and not comment and not re.match("sep=.?$", row[0]):
            return number
    return next((number for number, row in enumerate(rows) if any(cell.strip() for cell in row)), 0)


def more_of_header(rows: list[list[str]]) -> int:
    """How many of the rows below the first are still header: units, types, questions, or names under names.

    They have words in the columns in which the rows below have values such as numbers and dates, and no value in any.
    """
    width = len(rows[0])
    for more in range(HEADER_ROWS - 1, 0, -1):
        above, below = rows[1 : more + 1], [row for row in rows[more + 1 : more + 51] if len(row) == width]
        if len(below) < 5 or any(len(row) != width for row in above):
            continue
        valued = [n for n in range(width) if sum(is_value(row[n]) for row in below) > 0.9 * len(below)]
        again = {n: {row[n] for row in below} | WORDS for n in valued}
        words = [sum(not {row[n], row[n].strip().lower()} & again[n] for n in valued) for row in above]
        # A row of a table may have a word where there should be a number; in several columns, it is no row of it.
        if max(words) >= (1 if any(map(TYPES.search, above[0])) else 2) and not any(
            is_value(row[n]) for row in above for n in valued
        ):
            return more
    return 0


def is_value(cell: str) -> bool:
    return bool(VALUE.fullmatch(cell))


def header_from(rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """The names in the rows of a header, and the rows that are in none of them.

    They are those of the first row in which each column has one of its own, or else of all rows together.
    """
    for row in rows if len(rows) > 1 else []:
        names = [cell.strip() for cell in row]
        if all(names) and len({*names}) == len(names):
            return row, [other for other in rows if other is not row]
    if len(rows) == 1:
        return rows[0], []
    return [" ".join(filter(None, map(str.strip, cells))) for cells in zip(*rows, strict=True)], []


def named(header: list[str]) -> tuple[list[str], list[str]]:
    """The names of the columns without blanks around them, all different, and what was done to them."""
    stripped = [name.strip() for name in header]
    notes = []
    if blank := [name for name, whole in zip(stripped, header, strict=True) if name and name != whole]:
        notes.append(f"blanks around the names of columns left out: {', '.join(map(repr, blank))}")
    for number, name in enumerate(stripped, 1):
        if not name:
            stripped[number - 1] = f"column_{number}"
    if twice := [name for name, count in Counter(stripped).items() if count > 1]:
        raise StepError(f"columns with the same name: {', '.join(map(repr, twice))}. Rename them in the source.")
    if long := [name for name in stripped if len(name) > NAME]:
        said = f"the name of a column has {len(long[0])} characters: '{long[0][:60]}...'"
        raise StepError(f"{said}. Shorten it in the source, or say how the file is written (delimiter).")
    return stripped, notes


def refuse_data_as_header(path: Path, header: list[str], rows: list[list[str]], line: str) -> None:
    """Raise StepError if the names would be values: numbers above numbers, which are no years and no counting."""
    numbers = [number for number, cell in enumerate(header) if NUMBER.fullmatch(cell.strip())]
    below = [n for n in numbers if any(NUMBER.fullmatch(row[n].strip()) for row in rows[:20] if len(row) > n)]
    values = [header[number].strip() for number in numbers]
    counting = all(value.isdigit() for value in values) and [*map(int, values)] == sorted({*map(int, values)})
    if below and not counting:
        raise StepError(
            f"the first line of {path.name!r} looks like values and not like names: {line[:80]!r}. "
            "Add a line with the names of the columns."
        )
