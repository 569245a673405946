"""The files that a page tells of: how large they are, and links to them."""

import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote


class Link(NamedTuple):
    text: str
    target: str


def link(path: Path, base: Path, text: str) -> Link:
    """A link to a file, from a page in the folder `base`: it holds as long as the project is moved as a whole."""
    try:
        target = quote(Path(os.path.relpath(path, base)).as_posix())
    except ValueError:  # on another drive of Windows
        target = path.as_uri()
    return Link(text, target)


def bytes_of(path: Path) -> int:
    """Bytes of a file, or of all in a folder; 0 where there is none, or its name is none."""
    try:
        files = path.rglob("*") if path.is_dir() else [path]
        return sum(each.stat().st_size for each in files if each.is_file())
    except (OSError, ValueError):
        return 0
