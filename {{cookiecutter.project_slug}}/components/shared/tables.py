"""How tables are read: batch by batch, so that memory does not grow with the table.

The commands of the project import this too, so what is heavy is imported where it is used.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


def schema_of(path: Path) -> Any:
    from pyarrow.parquet import read_schema

    return read_schema(path).remove_metadata()


def batches(path: Path, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """The Parquet file `path` as record batches of at most 65,536 rows."""
    from pyarrow.parquet import ParquetFile

    # Small buffers, and no column chunks of the whole file ahead: memory is that of a batch, whatever the row groups.
    with ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
        for batch in file.iter_batches(65_536, columns=columns):
            yield batch.replace_schema_metadata(None)  # pandas would make an index of some columns


def features(table: Any, columns: Sequence[str]) -> Any:
    """`columns` as a model takes them, shape (rows, columns): float64 with NaN, or text with None, where missing."""
    import pandas as pd

    arrays = {name: feature(table.column(name)) for name in columns}
    # Each with its dtype: pandas would turn text into its own string type, which skops cannot store.
    return pd.DataFrame({name: pd.Series(array, dtype=array.dtype) for name, array in arrays.items()})


def feature(column: Any) -> Any:
    """A column as an array, shape (rows,): float64 for numbers, booleans, times (s) and no values at all, else text."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.types as is_

    if is_.is_date(column.type) or is_.is_timestamp(column.type):
        column = column.cast(pa.timestamp("s", getattr(column.type, "tz", None)), safe=False).cast(pa.int64())
    if is_number(column.type) or is_.is_boolean(column.type) or is_.is_null(column.type):
        numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return np.where(np.isfinite(numbers), numbers, np.nan)  # models take missing values, but no infinite ones
    return np.array([None if value is None else str(value) for value in column.to_pylist()], dtype=object)


def is_number(type_: Any) -> bool:
    import pyarrow.types as is_

    return bool(is_.is_integer(type_) or is_.is_floating(type_) or is_.is_decimal(type_))


def target_values(column: Any, problem_type: str) -> Any:
    """A target without missing values as an array, shape (rows,): text for classes, float64 for quantities."""
    import numpy as np

    return (
        np.array([str(value) for value in column.to_pylist()]) if problem_type == "classification" else feature(column)
    )
