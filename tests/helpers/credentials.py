"""Credentials that the tests plant, and where they turn up again."""

from pathlib import Path


def holders(folder: Path, secret: str) -> list[Path]:
    """The files below a folder that hold a secret."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if secret.encode() in path.read_bytes()]
