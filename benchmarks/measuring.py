"""What commands take: seconds of the clock and of the processor, memory; and how busy others kept the machine."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")


class FailedError(Exception):
    """A command that is measured has failed; its text says which, and its last words."""


class SkippedError(Exception):
    """Something cannot be measured here; its text says why."""


@dataclass(frozen=True)
class Usage:
    clock: float  # seconds
    processor: float  # seconds, of the command and of all that it started and waited for
    memory: float  # MiB, the most that one of these processes had


def usage(command: list[str], cwd: Path, **variables: str) -> Usage:
    """Run a command to its end. Raises `FailedError`."""
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        env = {**os.environ, **variables}
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        clock = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise FailedError(f"{' '.join(command)} ended with {process.returncode}: {said.read().decode()[-2000:]}")
    return Usage(clock, used.ru_utime + used.ru_stime, mebibytes(used))


def mebibytes(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def seconds(command: list[str], cwd: Path, **variables: str) -> float:
    return usage(command, cwd, **variables).clock


def in_turn(count: int, *doings: Callable[[], T], warm_up: bool = False) -> tuple[list[list[T]], float]:
    """What each doing gives, `count` times, in turn, so that what else the machine does falls on all; and the load."""
    for doing in doings if warm_up else ():
        doing()
    found: list[list[T]] = [[] for _ in doings]
    before = _busy()
    for _ in range(count):
        for results, doing in zip(found, doings, strict=True):
            results.append(doing())
    clock, others = (after - start for after, start in zip(_busy(), before, strict=True))
    return found, max(0.0, others / clock)


def _busy() -> tuple[float, float]:
    """Seconds of the clock, and those that all cores have worked for others than this process and its children."""
    times, own = psutil.cpu_times(), os.times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    twice = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # they are in user and nice as well
    worked = sum(times) - idle - twice
    return time.perf_counter(), worked - (own.user + own.system + own.children_user + own.children_system)
