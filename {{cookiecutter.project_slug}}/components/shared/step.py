"""What every step is: a program with typed options, one line for a mistake, and files that are whole or not there.

Imports nothing heavy.
"""

import errno
import glob
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typer import Typer

from shared.masking import learn, masked

STALE = 3600  # seconds after which nobody writes to a temporary file any more


class StepError(Exception):
    """A mistake in the data or the parameters. The message says what is wrong and what to do, on one line."""


def command(main: Callable[..., None]) -> "Typer":
    """The command-line program whose options are the parameters of `main`."""
    import typer  # the commands of the project import this module too, and need no typer

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(main)
    return app


def run(main: Callable[..., None]) -> None:
    """Run `main` as a program. A StepError ends it with exit code 1 and one line, a bug with its traceback.

    No credentials of its options are in that line.
    """
    # A stopped pod gets SIGTERM: leave through the `finally` blocks, so that nothing half-written stays.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    learn(sys.argv)
    try:
        command(main)()
    except StepError as problem:
        sys.exit(f"error: {masked(' '.join(str(problem).split()))}")


def given(path: Path | None) -> Path | None:
    """The path of an artifact that may be left out: KFP then leaves the placeholder of its path as it is."""
    return None if path is None or str(path).startswith("{{$") else path


def path_of(place: str, what: str) -> Path:
    """The path of a place on this machine, with its home written out. Raises StepError for a home that is not known."""
    try:
        return Path(place).expanduser()
    except RuntimeError:
        raise StepError(f"{what} {place!r} begins with a home that is not known here. Give the whole path.") from None


@contextmanager
def writing(path: Path, replace: bool = True) -> Iterator[Path]:
    """A temporary path beside `path`, which gets that name on success, and is removed on any exception.

    Without `replace`, what has come there meanwhile stays, and that is a FileExistsError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        yield temporary
        if replace:
            temporary.replace(path)
        else:
            _named(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _named(temporary: Path, path: Path) -> None:
    """Give a file its name where nothing else has that. Raises FileExistsError."""
    try:
        os.link(temporary, path)  # which, unlike a rename, replaces nothing
    except OSError as problem:
        if problem.errno not in (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
        # A file system without links, as of a mounted bucket: an empty file takes the name first.
        path.touch(exist_ok=False)
        temporary.replace(path)


def sweep(path: Path) -> None:
    """Remove what killed writers have left beside a path: temporary files that nobody has written to for an hour.

    Whose process is alive is not known of another machine; a writer that loses its file fails, and destroys nothing.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*-*.part"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE:
                left.unlink()


def write_text(path: Path, text: str) -> None:
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
