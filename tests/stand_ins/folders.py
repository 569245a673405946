"""Folders in the stand-in for KFP: objects whose names begin alike, which the UI's server sends as one archive."""

import io
import tarfile


def inside_of(objects: dict[str, bytes], name: str) -> dict[str, bytes]:
    """The files of a folder in a store, by their paths from there."""
    return {key.removeprefix(f"{name}/"): content for key, content in objects.items() if key.startswith(f"{name}/")}


def archive(files: dict[str, bytes]) -> bytes:
    """A .tar.gz of files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as into:
        for name, content in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            into.addfile(about, io.BytesIO(content))
    return packed.getvalue()
