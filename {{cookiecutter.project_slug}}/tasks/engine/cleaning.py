"""Takes the credentials that a run was given out of what its steps said."""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO, cast

from .. import masking


def clean(files: Iterable[Path]) -> None:
    """Mask what was learnt in these files; where nothing was, they are not looked at.

    One that is not there is fine. One that cannot be written anew, as on a full disk, is removed.
    """
    for file in files if masking.known else ():
        partial = file.with_name(f"{file.name}.partial")
        try:
            with _opened(file, "r") as old, _opened(partial, "w") as new:
                new.writelines(map(masking.masked, old))
            partial.replace(file)
        except OSError:
            for each in (partial, file):
                with contextlib.suppress(OSError):
                    each.unlink()


def _opened(file: Path, mode: str) -> TextIO:
    """A text file whose bytes stay as they are, whatever they are."""
    return cast(TextIO, file.open(mode, encoding="utf-8", errors="surrogateescape", newline=""))
