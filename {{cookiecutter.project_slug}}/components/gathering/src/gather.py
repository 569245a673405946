"""Gathering: a table from anywhere becomes one Parquet file, in memory that does not grow with it."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import duckdb
import pyarrow as pa
from pyarrow.parquet import ParquetFile
from typer import Option

from arrow_tables import copy_json, copy_parquet, sheet_as_csv
from delimited import copy_text
from reading import Gathered, Reading, reading_of
from shared.masking import masked
from shared.metadata import write_metadata
from shared.sources import local_copy
from shared.step import StepError, run, writing
from unpacking import format_of, unpacked, words_of

MEMORY = "600MB"  # of DuckDB's; Python and its packages take 200 MB besides
THREADS = 4  # at most, since each takes memory of its own


def main(
    source: Annotated[str, Option(help="Path, folder, glob, sample://penguins or URI of a table.")],
    table: Annotated[Path, Option(help="Parquet table to write.")],
    reading: Annotated[str, Option(help="How the source is read, as JSON, where that is not plain.")] = "{}",
    source_fingerprint: Annotated[str, Option(help="Changes when the source does.")] = "",
    executor_input: Annotated[str, Option(help="KFP's description of the task.")] = "",
) -> None:
    found = gather(source, table, reading_of(reading))
    print(*found.told, *(f"{name}: {note}" for name, note in found.notes.items()), sep="\n")
    print(f"{found.rows} rows, {found.columns} columns, {table.stat().st_size} bytes from {masked(source)}")
    about = {"rows": found.rows, "columns": found.columns, "source": source, "source_fingerprint": source_fingerprint}
    write_metadata(executor_input, {"table": about})


def gather(source: str, table: Path, reading: Reading | None = None, thorough: bool = False) -> Gathered:
    """Write the table at `source` to the Parquet file `table`. `thorough`: look at all of it before it is read."""
    reading = reading or Reading()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch,
        local_copy(source) as path,
        writing(table) as temporary,
    ):
        files = unpacked(path, Path(scratch, "unpacked"))
        formats = {format_of(file, reading): file.name for file in files}
        if len(formats) > 1:
            first, other, *_ = formats.values()
            raise StepError(f"{first!r} and {other!r} are files of different kinds. Give a folder of one kind.")
        try:
            found = copy(next(iter(formats)), files, temporary, reading, thorough, Path(scratch))
            with ParquetFile(temporary) as written:
                there = written.metadata.num_rows
        except (pa.ArrowException, duckdb.Error, OSError, ValueError) as problem:
            if isinstance(problem, OSError) and problem.errno:  # of the machine, such as a full disk
                raise StepError(f"cannot read {path.name!r}: {problem.strerror}. Mend that.") from problem
            said = f"cannot read {path.name!r}: {words_of(problem)}"
            raise StepError(f"{said}. It is cut or damaged: fetch it again.") from problem
        if there != found.rows:
            raise StepError(f"{found.rows} rows were read and {there} written. Report this with the file.")
        if not there:
            raise StepError(f"source {source!r} has columns but no rows. Give a file with data.")
        return found


def copy(format_: str, files: list[Path], target: Path, reading: Reading, thorough: bool, scratch: Path) -> Gathered:
    if thorough:  # somebody says so of this very file
        refuse_useless(format_, files[0], reading)
    told = [f"{len(files)} files, from {files[0].name!r} to {files[-1].name!r}"] if len(files) > 1 else []
    if format_ == "parquet":
        found = copy_parquet(files, target, reading)
    elif format_ == "excel":
        sheet = scratch / "sheet.csv"
        told.append(sheet_as_csv(files[0], sheet))
        with connected(scratch) as connection:
            found = copy_text(connection, [sheet], target, replace(reading, delimiter=","), thorough)
    else:
        with connected(scratch) as connection:
            if format_ == "json":
                found = copy_json(connection, files, target, reading)
            else:
                found = copy_text(connection, files, target, reading, thorough)
    return replace(found, told=[*told, *found.told])


def refuse_useless(format_: str, file: Path, reading: Reading) -> None:
    """Raise StepError where the reading says of a file what only a text has."""
    said = {"delimiter": reading.delimiter, "encoding": reading.encoding}
    said |= {"decimal": reading.decimal} if format_ != "excel" else {}
    useless = [name for name, value in said.items() if value] if format_ != "delimited" else []
    if useless:
        kind = {"parquet": "Parquet", "json": "JSON", "excel": "Excel"}[format_]
        raise StepError(f"{file.name!r} is {kind}, which has no {' and no '.join(useless)} to tell. Leave that out.")


def connected(scratch: Path) -> duckdb.DuckDBPyConnection:
    threads = max(1, min(THREADS, os.cpu_count() or 1))
    return duckdb.connect(config={"threads": threads, "memory_limit": MEMORY, "temp_directory": str(scratch / "spill")})


if __name__ == "__main__":
    run(main)
