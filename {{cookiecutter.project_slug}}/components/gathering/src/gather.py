"""Gathering: a CSV or Parquet file from anywhere becomes one Parquet table, in memory that does not grow with it."""

import io
import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.csv as pcsv
from pyarrow.parquet import ParquetWriter
from typer import Option

from shared.metadata import write_metadata
from shared.sources import local_copy
from shared.step import StepError, run, writing
from shared.tables import batches, schema_of

BLOCK_BYTES = 1 << 22
WIDER = {pa.null(): pa.int64(), pa.int64(): pa.float64()}  # and all others: text
MISFIT = re.compile(r"In CSV column #(\d+): .*CSV conversion error to \S+: invalid value '(.*)'", re.DOTALL)


def main(
    source: Annotated[str, Option(help="Path, sample://penguins or URI of a CSV or Parquet file.")],
    table: Annotated[Path, Option(help="Parquet table to write.")],
    source_fingerprint: Annotated[str, Option(help="Changes when the source does.")] = "",
    executor_input: Annotated[str, Option(help="KFP's description of the task.")] = "",
) -> None:
    rows, columns = gather(source, table)
    print(f"{rows} rows, {columns} columns, {table.stat().st_size} bytes from {source}")
    about = {"rows": rows, "columns": columns, "source": source, "source_fingerprint": source_fingerprint}
    write_metadata(executor_input, {"table": about})


def gather(source: str, table: Path) -> tuple[int, int]:
    """Write the table at `source` to the Parquet file `table`; return its numbers of rows and of columns."""
    with local_copy(source) as path, writing(table) as temporary:
        try:
            with path.open("rb") as file:
                parquet = file.read(4) == b"PAR1"
            rows, columns = write(temporary, schema_of(path), batches(path)) if parquet else copy_csv(path, temporary)
        except pa.ArrowInvalid as problem:
            raise StepError(f"cannot read {path.name!r} as CSV or Parquet: {problem}. Correct the file.") from problem
        if not rows:
            raise StepError(f"source {source!r} has columns but no rows. Give a file with data.")
        return rows, columns


def copy_csv(path: Path, target: Path) -> tuple[int, int]:
    """Types are those of the first block. A later value that does not fit widens its column, and we start again."""
    with path.open("rb") as file:
        encoding = "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    types = dict[str, pa.DataType]()
    while True:
        try:
            reader = pcsv.open_csv(
                pa.input_stream(str(path)),  # unpacks .gz, .bz2 and .zst
                pcsv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False, encoding=encoding),
                pcsv.ParseOptions(delimiter=delimiter_of(path, encoding), newlines_in_values=True),
                pcsv.ConvertOptions(column_types=types, strings_can_be_null=True),
            )
            if pa.binary() in reader.schema.types:  # what pyarrow makes of other encodings in the first block
                raise pa.ArrowInvalid("invalid UTF8 data")
            types = dict(zip(reader.schema.names, reader.schema.types, strict=True))
            return write(target, reader.schema, reader)
        except pa.ArrowInvalid as problem:
            if "invalid UTF8" in str(problem) and encoding == "utf-8":
                encoding = "latin-1"
                print(f"{path.name!r} is not UTF-8: read as Latin-1. Save it as UTF-8 if letters look wrong.")
            elif misfit := MISFIT.search(str(problem)):
                name = list(types)[int(misfit[1])]
                types[name] = WIDER.get(types[name], pa.string())
                print(f"column {name!r} is read as {types[name]}: it holds {misfit[2][:50]!r}")
            else:
                raise


def delimiter_of(path: Path, encoding: str) -> str:
    with io.TextIOWrapper(pa.input_stream(str(path)), encoding, errors="replace") as text:
        header = next((line for line in text if line.strip()), "")
    if not header:
        raise StepError(f"{path.name!r} is empty. Give a file with a header line and data.")
    return max(",;\t|", key=re.sub('"[^"]*"', "", header).count)


def write(target: Path, schema: pa.Schema, record_batches: Any) -> tuple[int, int]:
    """Write the batches to the Parquet file `target`; return the numbers of rows and of columns."""
    if twice := [name for name, count in Counter(schema.names).items() if count > 1]:
        raise StepError(f"columns with the same name: {', '.join(map(repr, twice))}. Rename them in the source.")
    rows = 0
    with ParquetWriter(target, schema) as writer:
        for batch in record_batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows, len(schema)


if __name__ == "__main__":
    run(main)
