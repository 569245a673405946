"""Where tables come from: a path, a folder, a glob, a sample of the project, or a URI.

The commands of the project import this too, so what is heavy is imported where it is used.
"""

import glob
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from shared.step import StepError, path_of


def local_path(source: str) -> Path | None:
    """What `source` names on this machine: a file, a folder or a glob; None for a URI. Raises StepError if nothing."""
    if "://" in source and not source.startswith("sample://"):
        return None
    path = path_of(source, "source")
    if source.startswith("sample://"):
        path = Path(__file__).with_name(f"{source.removeprefix('sample://')}.csv")
    if not path.exists() and not (glob.has_magic(source) and files_of(path)):
        what = "matches no file" if glob.has_magic(source) else "does not exist"
        where = f"{source!r} {what} (looked for {path.absolute()})"
        raise StepError(f"source {where}. Give a path, a URI or sample://penguins.")
    if not files_of(path):
        raise StepError(f"source {source!r} is a folder without a file. Give one with a table in it.")
    return path


def files_of(path: Path) -> list[Path]:
    """The files of a file, a folder or a glob, in the order of their names, without what is hidden or a marker."""
    if path.is_file():
        return [path]
    root, pattern = (path, "**/*") if path.is_dir() else (Path(path.anchor), str(path.relative_to(path.anchor)))
    inside = root.glob(pattern)
    return sorted(file for file in inside if file.is_file() and belongs(file.relative_to(root).parts))


def belongs(parts: tuple[str, ...]) -> bool:
    """Whether a file of a folder is part of its table: what writers leave beside (_SUCCESS, .crc) is not."""
    return not any(part.startswith((".", "_")) for part in parts)


@contextmanager
def remote(source: str) -> Iterator[tuple[Any, str, dict[str, Any]]]:
    """The fsspec file system of a URI, the path in it, and what it says of the file. What goes wrong is a StepError."""
    with at_address(source, "read source") as (system, path):
        yield system, path, system.info(path)


@contextmanager
def at_address(uri: str, what: str) -> Iterator[tuple[Any, str]]:
    """The fsspec file system of a URI and the path in it; `what` is tried there. What goes wrong is a StepError."""
    from fsspec.core import url_to_fs
    from fsspec.implementations.arrow import ArrowFSWrapper

    try:
        if urlsplit(uri).scheme in ("s3", "gs", "gcs", "abfs", "abfss"):  # pyarrow speaks these: no cloud SDK needed
            from pyarrow.fs import FileSystem

            # Google's client would try for 15 minutes before it says that there is no network.
            limit = "?retry_limit_seconds=30" if uri.startswith("g") and "?" not in uri else ""
            system, path = azure(uri) or FileSystem.from_uri(uri + limit)
            system = ArrowFSWrapper(system)
        else:
            system, path = url_to_fs(uri)
        yield system, path
    except StepError:
        raise
    except Exception as problem:  # every file system has its own errors, and all of them mean this
        # fsspec says FileNotFoundError for whatever happened; the cause knows better (404, no such host, refused).
        said = str(problem.__cause__ or problem) or type(problem).__name__
        remedy = "Check the address, the network and your credentials."
        raise StepError(f"cannot {what} {uri!r}: {said}. {remedy}") from problem


def azure(uri: str) -> tuple[Any, str] | None:
    """The file system of abfs and the path in it, by what the environment says of the account: as for models.

    None where that says nothing that the address lacks: pyarrow itself takes no account, key or signature from there.
    """
    account, key, signature = (
        os.environ.get(f"AZURE_STORAGE_{name}", "") for name in ("ACCOUNT_NAME", "ACCOUNT_KEY", "SAS_TOKEN")
    )
    parts = urlsplit(uri)
    host, _, domain = (parts.hostname or "").partition(".")
    whole = bool(domain or parts.username)
    if not parts.scheme.startswith("abfs") or (whole and not (key or signature)):
        return None
    if not whole and not account:
        raise StepError(
            f"{uri!r} names no account. Give AZURE_STORAGE_ACCOUNT_NAME, or abfs://container@account.dfs.core.windows.net/path."
        )
    from pyarrow.fs import AzureFileSystem

    container = parts.username if domain else host
    options: dict[str, Any] = {"account_key": key} if key else {"sas_token": signature} if signature else {}
    if endpoint := os.environ.get("AZURE_STORAGE_ENDPOINT"):
        server = urlsplit(endpoint)
        for kind in ("blob", "dfs"):
            options |= {f"{kind}_storage_authority": server.netloc, f"{kind}_storage_scheme": server.scheme}
    path = "/".join(part for part in (container, unquote(parts.path).strip("/")) if part)
    return AzureFileSystem(host if domain else parts.username or account, **options), path


def remote_files(system: Any, path: str, info: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the file system says of the files of a remote file or folder, by their paths from there."""
    if info.get("type") != "directory":
        return {PurePosixPath(urlsplit(path).path).name or "table": {"name": path} | info}
    found = system.find(path, detail=True).items()
    inside = {PurePosixPath(name.strip("/")).relative_to(path.strip("/")): about for name, about in found}
    return {str(name): inside[name] for name in sorted(inside) if belongs(name.parts)}


def fingerprint(source: str) -> str:
    """A text that changes when the data behind `source` do; a new one each time where that cannot be known."""
    if path := local_path(source):
        stamps = {str(file): digest(file) for file in files_of(path)}
    else:
        with remote(source) as (system, inside, info):
            stamps = {name: stamp(about) for name, about in remote_files(system, inside, info).items()}
    if len(stamps) == 1:
        return next(iter(stamps.values()))
    return hashlib.sha256(repr(stamps).encode()).hexdigest()[:16]


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"{path.stat().st_size}-{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"


def stamp(info: dict[str, Any]) -> str:
    """What a server says of a file that changes with its content; where it says nothing such, the time."""
    if entity := info.get("ETag") or info.get("etag"):
        return str(entity).strip('"')
    changed = info.get("Last-Modified") or info.get("LastModified") or info.get("mtime")
    return f"{info.get('size')}-{changed}" if changed else f"unknown-{time.time_ns()}"


@contextmanager
def local_copy(source: str) -> Iterator[Path]:
    """The file, folder or glob of `source` on this machine: itself, or a temporary copy of a remote one."""
    if path := local_path(source):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        with remote(source) as (system, inside, info):
            files = remote_files(system, inside, info)
            for name, about in files.items():
                copy = Path(folder, name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                with system.open(about["name"], "rb") as file, copy.open("wb") as target:
                    shutil.copyfileobj(file, target, 1 << 22)
        yield Path(folder) if info.get("type") == "directory" else Path(folder, next(iter(files)))
