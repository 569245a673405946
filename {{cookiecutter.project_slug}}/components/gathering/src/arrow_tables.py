"""Parquet, JSON and Excel: tables whose values have types already."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from os.path import commonpath
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as is_

from deciding import ROUNDED, endless_note
from kinds import LONG, quoted, sql_of
from reading import Gathered, Reading
from shared.step import StepError
from shared.tables import batches, parquet_writer, schema_of
from unpacking import words_of

NUMBER = re.compile(r"[-+]?\d*\.?\d+")
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DAYS = (-719_162, 2_932_896)  # since 1970, of the first and the last day that Python has
LEFT_OUT = "left out: a model here takes no {type}"


def copy_parquet(files: Sequence[Path], target: Path, reading: Reading) -> Gathered:
    """Write the files, and what their folders say (colour=red), as one table."""
    root = Path(commonpath([file.parent for file in files]))
    schema = schema_of(files[0])
    for other in files[1:]:
        if schema_of(other) != schema:
            what = f"{other.name!r} has other columns or types than {files[0].name!r}"
            raise StepError(f"{what}. Give files of one kind.")
    said = parts_of(files[0], root)
    for name in said:
        schema = schema.append(pa.field(name, pa.string()))
    if twice := [name for name, count in Counter(schema.names).items() if count > 1]:
        raise StepError(f"columns with the same name: {', '.join(map(repr, twice))}. Rename them in the source.")
    names = [name or f"column_{number}" for number, name in enumerate(schema.names, 1)]
    unnamed = {name: "it has no name in the source" for name in names if name not in schema.names}
    schema = pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])
    first = next(batches(files[0]), None)
    first = first and first.rename_columns(names[: first.num_columns])
    kept, notes = plain_schema(schema, first, reading)
    rows, lost = 0, Counter[str]()
    with parquet_writer(target, kept, first) as writer:
        for file in files:
            for batch in batches(file):
                batch.validate(full=True)  # a damaged file may hold what is no text
                for name, value in parts_of(file, root).items():
                    batch = batch.append_column(name, pa.repeat(pa.scalar(value), batch.num_rows))
                batch = batch.rename_columns(names)
                columns = [plain(batch.column(field.name), field) for field in kept]
                gaps = {field.name: column.null_count for field, column in zip(kept, columns, strict=True)}
                columns = [without(column, reading.missing or []) for column in columns]
                for field, column in zip(kept, columns, strict=True):
                    lost[field.name] += column.null_count - gaps[field.name]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=kept))
                rows += batch.num_rows
    words = " or ".join(map(repr, reading.missing or []))
    for name, count in lost.items():
        if count:
            taken = f"{count} value{'s' * (count > 1)} {words} taken as missing"
            notes[name] = f"{notes[name]}; {taken}" if name in notes else taken
    return Gathered(rows, len(kept), [], unnamed | notes, names, reading)


def parts_of(file: Path, root: Path) -> dict[str, str]:
    """What the folders below the root say, as in colour=red."""
    return dict(part.split("=", 1) for part in file.relative_to(root).parts[:-1] if "=" in part)


def plain_schema(schema: Any, first: Any, reading: Reading) -> tuple[Any, dict[str, str]]:
    """The schema in types that every step knows, without what is left out; and notes on the columns."""
    fields, notes = [], {}
    for field in schema:
        if field.name in reading.drop:
            continue
        type_ = field.type.storage_type if isinstance(field.type, pa.BaseExtensionType) else field.type
        type_ = type_.value_type if is_.is_dictionary(type_) else type_
        if is_binary(type_) and first is not None:
            try:
                first.column(field.name).cast(pa.string())
                notes[field.name], type_ = "bytes read as text", pa.string()
            except pa.ArrowInvalid:
                pass
        if is_.is_nested(type_) or is_.is_interval(type_) or is_binary(type_):
            notes[field.name] = LEFT_OUT.format(type=type_)
        elif reading.columns.get(field.name) == "text" or is_.is_large_string(type_) or is_.is_string_view(type_):
            fields.append(pa.field(field.name, pa.string()))
        else:
            if is_.is_decimal256(type_):  # which DuckDB does not know
                notes[field.name], type_ = (
                    f"decimals of up to {type_.precision} digits, which are rounded to 15",
                    pa.float64(),
                )
            fields.append(pa.field(field.name, pa.float32() if is_.is_float16(type_) else type_))
    return pa.schema(fields), notes


def is_binary(type_: Any) -> bool:
    tests = (is_.is_binary, is_.is_large_binary, is_.is_fixed_size_binary, is_.is_binary_view)
    return any(test(type_) for test in tests)


def plain(column: Any, field: Any) -> Any:
    """A column in its plain type, with no value where it is NaN."""
    try:
        column = column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as problem:
        said = f"column {field.name!r} cannot be read as {field.type}: {problem}"
        raise StepError(f"{said}. Correct it, or leave it out.") from problem
    if is_.is_date(field.type) or is_.is_timestamp(field.type):
        refuse_beyond_calendar(column, field)
    if is_.is_floating(field.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    return column


def refuse_beyond_calendar(column: Any, field: Any) -> None:
    """Raise StepError for days that no calendar here has, as a number that is read as a time gives."""
    if is_.is_timestamp(field.type):
        day = 86_400 * UNITS[field.type.unit]
    else:
        day = 1 if is_.is_date32(field.type) else 86_400_000
    found = pc.min_max(column.cast(pa.int32() if day == 1 else pa.int64())).as_py()
    if found["min"] is not None and (found["min"] < DAYS[0] * day or found["max"] >= (DAYS[1] + 1) * day):
        said = f"column {field.name!r} holds times outside the years 1 to 9999"
        raise StepError(f"{said}. Correct them, or leave it out.")


def without(column: Any, words: Sequence[str]) -> Any:
    """A column with no value where it has one of the words, or is the number that one is."""
    if is_.is_string(column.type):
        there = pc.is_in(column, pa.array(words, pa.string()))
    elif is_.is_integer(column.type) or is_.is_floating(column.type):
        numbers = [float(word) for word in words if NUMBER.fullmatch(word)]
        there = pc.is_in(column.cast(pa.float64(), safe=False), pa.array(numbers, pa.float64()))
    else:
        return column
    return pc.if_else(there, None, column) if words else column


def copy_json(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], target: Path, reading: Reading) -> Gathered:
    """Write files of JSON lines, or of a list of objects, as one table."""
    paths = ", ".join(quoted(str(file)) for file in files)
    options = "sample_size = -1, maximum_object_size = 33554432, compression = 'none'"
    source = f"read_json([{paths}], {options})"
    try:
        columns = {name: type_ for name, type_, *_ in connection.execute(f"DESCRIBE FROM {source}").fetchall()}
        if rounded := [name for name, type_ in columns.items() if type_ in ("DOUBLE", "HUGEINT", "UHUGEINT")]:
            # The digits as they are written: to DuckDB such a number is a double before it is a text.
            types = columns | dict.fromkeys(rounded, "VARCHAR")
            declared = ", ".join(f"{quoted(name)}: {quoted(type_)}" for name, type_ in types.items())
            source = f"read_json([{paths}], {options}, columns = {{{declared}}})"
        chosen, notes = [], {}
        for name, type_ in columns.items():
            column = '"' + name.replace('"', '""') + '"'
            if name in reading.drop:
                continue
            if type_.endswith("]") or type_.startswith(("STRUCT", "MAP")):
                notes[name] = LEFT_OUT.format(type="list" if type_.endswith("]") else "object")
            elif type_ == "JSON":
                chosen.append(f"{column}->>'$' AS {column}")
            elif reading.columns.get(name) == "text":
                chosen.append(f"CAST({column} AS VARCHAR) AS {column}")
            elif name in rounded:
                value, note = as_number(connection, source, column)
                chosen.append(f"{value} AS {column}")
                notes |= {name: note} if note else {}
            else:
                chosen.append(column)
        if not chosen:
            held = ", ".join(f"{name!r} ({note})" for name, note in notes.items()) or "none"
            said = f"{files[0].name!r} has no column of single values: {held}"
            raise StepError(f"{said}. Give JSON lines, or a list of objects.")
        query = f"COPY (SELECT {', '.join(chosen)} FROM {source}) TO {quoted(str(target))} (FORMAT parquet)"
        found: Any = connection.execute(query).fetchone()
    except duckdb.Error as problem:
        first = str(problem).partition("\n")[0].partition(": ")[2]
        for file in files:
            first = first.replace(str(file), file.name)
        raise StepError(
            f"{files[0].name!r} cannot be read as JSON: {words_of(ValueError(first))}. Correct the file."
        ) from problem
    return Gathered(int(found[0]), len(chosen), [], notes, list(columns), reading)


def as_number(connection: duckdb.DuckDBPyConnection, source: str, column: str) -> tuple[str, str]:
    """What a column of numbers, written as text, is as SQL, so that no digit before the point is lost; and a note."""
    long, exact = LONG.format(c=column), sql_of("long", column)
    ask = f"count({column}), count(*) FILTER ({long}), count({exact}), max_by({column}, length({column}))"
    found: Any = connection.execute(f"SELECT {ask} FROM {source}").fetchone()
    values, many, fitting, longest = found
    if many and fitting == values:
        return exact, f"whole numbers such as {longest!r}, kept exactly"
    if many and (endless := endless_note(longest)):
        return column, endless
    return f"CAST({column} AS DOUBLE)", f"numbers such as {longest[:30]!r}, {ROUNDED}" if many else ""


def sheet_as_csv(path: Path, target: Path) -> str:
    """Write the first sheet with values as CSV, for which there is a reader; return what to say of it."""
    from python_calamine import CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(str(path))
        names = [name for name in book.sheet_names if book.get_sheet_by_name(name).height]
        rows: Iterator[list[Any]] = book.get_sheet_by_name(names[0]).iter_rows() if names else iter(())
        with target.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([as_text(cell) for cell in row] for row in rows)
    except Exception as problem:  # it has no error of its own for much that may be wrong in a file
        raise StepError(
            f"{path.name!r} cannot be read as Excel: {words_of(problem)}. Save it anew, or as CSV."
        ) from problem
    more = f"; not read: {', '.join(names[1:])}" if len(names) > 1 else ""
    return f"sheet {names[0]!r} of Excel" + more if names else ""


def as_text(cell: Any) -> str:
    """A cell as one would write it in CSV: whole numbers, which Excel keeps as decimals, as whole ones."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return json.dumps(cell) if isinstance(cell, bool) else str(cell)
