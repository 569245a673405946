"""Where the project lies, and how a file is written."""

import contextlib
import errno
import sys
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)  # a link left there would have it written elsewhere
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


FAULTS = {
    errno.ENOSPC: "the disk is full; inv disk shows what takes it, inv prune frees some",
    errno.EDQUOT: "your share of the disk is used up; inv disk shows what takes it, inv prune frees some",
    errno.EROFS: "what it lies on can only be read: mount it for writing, or move the project",
    errno.EACCES: "this user has no right to it: change its owner or its permissions",
    errno.EPERM: "this user has no right to it: change its owner or its permissions",
}


def told_in_a_sentence(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A `sys.excepthook`: a fault of the disk ends a command with one sentence; anything else with its traceback."""
    if isinstance(error, OSError) and error.errno in FAULTS:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{FAULTS[error.errno]}.", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
