"""One attempt at a step: what a launcher is to run."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .executor_io import StepFailed

RETRY = "KFP_RETRY_INDEX"  # of a step that may be tried again: the number of this try, from 0 (argocompiler/common.go)


class Stopped(BaseException):
    """The run was asked to stop: Ctrl-C, or a signal that says the same."""


@dataclass
class Job:
    """What stands for a step's container.

    `command` is what is run, of which the first `entrypoint` parts replace the image's own entry point. `reads` and
    `writes` are the files and folders of this machine that it is given. `resources` are KFP's, `timeout` is in seconds,
    and `threads` is how many its libraries may use.
    """

    name: str
    image: str
    command: list[str]
    entrypoint: int
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    reads: list[Path] = field(default_factory=list)
    writes: list[Path] = field(default_factory=list)
    resources: dict[str, Any] = field(default_factory=dict)
    timeout: float | None = None
    threads: int = 1
    elsewhere: Callable[[], dict[str, Path]] = dict  # once it ended well: where it put outputs, and where those belong

    def threads_environment(self) -> dict[str, str]:
        """How many threads numerical libraries use, which wait without spinning: they would slow down other steps."""
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        chosen = {name: str(self.threads) for name in names} | {"OMP_WAIT_POLICY": "PASSIVE"}
        return {n: value for n, value in chosen.items() if n not in os.environ and n not in self.environment}


class Launcher(Protocol):
    """What starts steps: processes, or containers."""

    stopping: bool

    def run(self, job: Job) -> None:
        """Run a job to its end. Raises `StepFailed` with the reason where it fails, `Stopped` where it was stopped."""

    def stop(self) -> None:
        """End all that runs, and let nothing new start. Does not wait: it is called from a signal handler."""

    def close(self) -> None:
        """Leave nothing behind."""


def too_late(job: Job) -> StepFailed:
    return StepFailed(f"took longer than its timeout, {job.timeout:g} s, and was ended")
