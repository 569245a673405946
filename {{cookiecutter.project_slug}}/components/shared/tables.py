"""How tables are read: batch by batch, so that memory does not grow with the table, and no row is lost on the way.

The commands of the project import this too, so what is heavy is imported where it is used.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from shared.step import StepError

IDENTITY = ("row", "model_version")  # columns in front of new rows that were predicted: their number, from 1 on


def schema_of(path: Path) -> Any:
    """The Arrow schema of the Parquet file `path`, as `batches` gives it: in types that every step can deal with."""
    from pyarrow.parquet import read_schema

    return _plain(read_schema(path))


def is_plain(path: Path) -> bool:
    """Whether the Parquet file `path` has these types itself and no metadata, so that it lies as `batches` gives it."""
    from pyarrow.parquet import read_schema

    schema = read_schema(path)
    return bool(schema.equals(_plain(schema), check_metadata=True))


def batches(path: Path, columns: Sequence[str] | None = None, rows: int = 65_536) -> Iterator[Any]:
    """The Parquet file `path` as record batches of at most so many `rows`."""
    from pyarrow.parquet import ParquetFile

    # Small buffers, and no column chunks of the whole file ahead: memory is that of a batch, whatever the row groups.
    with ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
        for batch in file.iter_batches(rows, columns=columns):
            yield plain(batch)


def parquet_writer(path: Path, schema: Any, first: Any = None) -> Any:
    """A writer of a Parquet file, whose rows are as those of the record batch `first`.

    Columns of numbers that hardly repeat themselves there get no dictionary: to try one takes most of the time of
    writing, and makes the file larger.
    """
    import pyarrow.compute as pc
    import pyarrow.types as is_
    from pyarrow.parquet import ParquetWriter

    def repeats(field: Any) -> bool:
        if first is None or field.name not in first.schema.names or is_text(field.type):
            return True
        column = first.column(field.name)
        numbers = is_.is_integer(column.type) or is_.is_floating(column.type) or is_.is_temporal(column.type)
        return not numbers or pc.count_distinct(column).as_py() * 2 < len(column)

    return ParquetWriter(path, schema, use_dictionary=[field.name for field in schema if repeats(field)])


def plain(batch: Any) -> Any:
    """A record batch in the types of `_plain`."""
    import pyarrow as pa

    schema = _plain(batch.schema)
    arrays = [_cast(column, field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _plain(schema: Any) -> Any:
    """A schema without metadata, of which pandas would make an index, and without rare types that say nothing more."""
    import pyarrow as pa
    import pyarrow.types as is_

    def simple(type_: Any) -> Any:
        if isinstance(type_, pa.BaseExtensionType):
            return simple(type_.storage_type)
        if is_.is_run_end_encoded(type_) or (is_.is_dictionary(type_) and is_text(type_.value_type)):
            return simple(type_.value_type)
        if is_text(type_):
            return pa.string()
        if is_.is_large_binary(type_) or is_.is_binary_view(type_):
            return pa.binary()
        return pa.float32() if is_.is_float16(type_) else type_

    return pa.schema([pa.field(field.name, simple(field.type)) for field in schema])


def _cast(column: Any, type_: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_run_end_encoded(column.type):
        column = pc.run_end_decode(column)
    return column if column.type == type_ else column.cast(type_)


def read(path: Path) -> Any:
    """The whole table of the Parquet file `path`."""
    import pyarrow as pa

    return pa.Table.from_batches(batches(path), schema_of(path))


def rows_of(path: Path) -> int:
    """The number of rows that the Parquet file `path` says it has."""
    from pyarrow.parquet import read_metadata

    return int(read_metadata(path).num_rows)


def account_for_rows(source: Path, *written: Path, left_out: int = 0) -> None:
    """Raise StepError unless each row of `source` is in one of the files `written`, or is `left_out` for a reason."""
    there, here = rows_of(source), sum(rows_of(path) for path in written)
    if there != here + left_out:
        counts = f"{there} rows were read, {here} written and {left_out} left out"
        raise StepError(f"{counts}: rows were lost or made up, and nothing is kept. This is a mistake in the step.")


def free_name(name: str, taken: Sequence[str], prefix: str) -> str:
    """The name of a new column: with the prefix, once or more, where a column is called so already."""
    return name if name not in taken else free_name(f"{prefix}{name}", taken, prefix)


def predicted(names: Sequence[str]) -> list[str]:
    """The columns that the prediction step added behind the others: the prediction and, of classes, its probability."""
    found = [at for at, name in enumerate(names) if name.endswith("prediction")]
    if not found:
        raise StepError("the table has no column of predictions. Give what the step prediction wrote.")
    return list(names[found[-1] :])


def identity(names: Sequence[str]) -> list[str]:
    """The columns IDENTITY in front, which may have the prefix of `free_name`; none where they are not there."""
    front = list(names[: len(IDENTITY)])
    return front if [name.replace("scored_", "") for name in front] == list(IDENTITY) else []


def is_number(type_: Any) -> bool:
    import pyarrow.types as is_

    return bool(is_.is_integer(type_) or is_.is_floating(type_) or is_.is_decimal(type_))


def is_text(type_: Any) -> bool:
    import pyarrow.types as is_

    return bool(is_.is_string(type_) or is_.is_large_string(type_) or is_.is_string_view(type_))
