"""Where tables come from: a path, a sample of the project, or a URI.

The commands of the project import this too, so what is heavy is imported where it is used.
"""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator
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
