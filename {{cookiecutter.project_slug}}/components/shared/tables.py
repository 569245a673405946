"""Where tables come from, and how they are read: batch by batch, so that memory does not grow with the table.

The commands of the project import this too, so what is heavy is imported where it is used.
"""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared.step import StepError


def local_path(source: str) -> Path | None:
    """The file of this machine that `source` names; None for a URI. Raises StepError where there is no such file."""
    if "://" in source and not source.startswith("sample://"):
        return None
    path = Path(source).expanduser()
    if source.startswith("sample://"):
        path = Path(__file__).with_name(f"{source.removeprefix('sample://')}.csv")
    if path.is_dir():
        raise StepError(f"source {source!r} is a folder. Give the path of one CSV or Parquet file.")
    if not path.is_file():
        where = f"{source!r} does not exist (looked for {path.absolute()})"
        raise StepError(f"source {where}. Give a path, a URI or sample://penguins.")
    return path


@contextmanager
def remote(source: str) -> Iterator[tuple[Any, str, dict[str, Any]]]:
    """The fsspec file system of a URI, the path in it, and what it says of the file. What goes wrong is a StepError."""
    from fsspec.core import url_to_fs
    from fsspec.implementations.arrow import ArrowFSWrapper

    try:
        if urlsplit(source).scheme in ("s3", "gs", "gcs", "abfs", "abfss"):  # pyarrow speaks these: no cloud SDK needed
            from pyarrow.fs import FileSystem

            # Google's client would try for 15 minutes before it says that there is no network.
            limit = "?retry_limit_seconds=30" if source.startswith("g") and "?" not in source else ""
            system, path = FileSystem.from_uri(source + limit)
            system = ArrowFSWrapper(system)
        else:
            system, path = url_to_fs(source)
        yield system, path, system.info(path)
    except Exception as problem:  # every file system has its own errors, and all of them mean this
        # fsspec says FileNotFoundError for whatever happened; the cause knows better (404, no such host, refused).
        said = str(problem.__cause__ or problem) or type(problem).__name__
        remedy = "Check the address, the network and your credentials."
        raise StepError(f"cannot read source {source!r}: {said}. {remedy}") from problem


def fingerprint(source: str) -> str:
    """A text that changes when the data behind `source` do; a new one each time where that cannot be known."""
    if path := local_path(source):
        with path.open("rb") as file:
            return f"{path.stat().st_size}-{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
    with remote(source) as (_, _, info):
        pass
    if entity := info.get("ETag") or info.get("etag"):
        return str(entity).strip('"')
    changed = info.get("Last-Modified") or info.get("LastModified") or info.get("mtime")
    return f"{info.get('size')}-{changed}" if changed else f"unknown-{time.time_ns()}"


@contextmanager
def local_copy(source: str) -> Iterator[Path]:
    """The file of `source` on this machine: itself, or a temporary copy of a remote one."""
    if path := local_path(source):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, Path(urlsplit(source).path).name or "table")
        with remote(source) as (system, inside, _), system.open(inside, "rb") as file, copy.open("wb") as target:
            shutil.copyfileobj(file, target, 1 << 22)
        yield copy


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
