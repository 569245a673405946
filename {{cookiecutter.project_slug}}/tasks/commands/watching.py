"""`inv run --watch`: the same command again whenever a file that a run depends on has changed."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit

from ..files import ROOT
from ..project.components import COMPONENTS, files_of
from ..terminal import say

AGAIN = "KF_TEMPLATE_WATCHED"  # in the environment of the runs that are started
PAUSE = 0.5  # seconds between two looks
Seen = dict[Path, tuple[int, int]]


def watched() -> bool:
    """Whether this is one of the runs that are started again and again."""
    return AGAIN in os.environ


def run_again_and_again(values: Iterable[Any]) -> Exit:
    """Run this very command again for each change, until Ctrl-C. A run that fails waits for the next change too.

    Files that a parameter's value names are looked at too.
    """
    given = [ROOT / value for value in values if isinstance(value, str) and "\0" not in value]
    try:
        while True:
            before = _seen(given)
            _run()
            say("waiting for a change (Ctrl-C ends)")
            while not (changed := _changed(before, given)):
                time.sleep(PAUSE)
            names = [os.path.relpath(path, ROOT) for path in changed]
            say(f"\nchanged: {', '.join(names[:3])}{' and others' if len(names) > 3 else ''}")
    except KeyboardInterrupt:
        return Exit(code=0)


def _run() -> None:
    """One run, to its end: Ctrl-C reaches it too, and it then writes its record."""
    process = subprocess.Popen([sys.executable, "-m", "invoke", *sys.argv[1:]], env={**os.environ, AGAIN: "1"})
    try:
        process.wait()
    except KeyboardInterrupt:
        process.wait()
        raise


def _changed(before: Seen, given: list[Path]) -> list[Path]:
    """The files that were changed, added or removed since; once none changes any more, as editors write in steps."""
    now = _seen(given)
    while now != before:
        time.sleep(PAUSE / 5)
        if (later := _seen(given)) == now:
            break
        now = later
    return sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))


def _seen(given: list[Path]) -> Seen:
    """The time and size of each file that a run depends on: components, pipeline and settings, and what is given."""
    settings = [ROOT / "invoke.yaml", *files_of(ROOT / "environments")]
    found = {}
    for path in [*files_of(COMPONENTS), *ROOT.glob("*.py"), *settings, *given]:
        with contextlib.suppress(OSError):  # one that is not there, or has just been removed
            if path.is_file():
                found[path] = (path.stat().st_mtime_ns, path.stat().st_size)
    return found
