"""Steps as processes of this machine, in this environment."""

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from ..files import ROOT
from ..project.components import COMPONENTS, component_of
from ..runs.record import tail
from ..terminal import last_line, printable
from .executor_io import StepFailed
from .jobs import Job, Stopped, too_late
from .keeper import COOKIE, Keeper, kill_all
from .warm import Forked, Warm

Process = subprocess.Popen[bytes] | Forked
DEBUGGING = Path(__file__).with_name("debugging.py")
NOTHING = os.open(os.devnull, os.O_RDWR)  # what steps read; `subprocess.DEVNULL` would open it for each


class Processes:
    """The processes of a run, so that none outlives it. What can is forked from `warm`, where there is one.

    With `debug` they have the terminal, and stop in pdb where they fail.
    """

    def __init__(self, keeper: Keeper, warm: Warm | None = None, debug: bool = False) -> None:
        self.stopping = False
        self._debug = debug
        self._keeper = keeper
        self._warm = warm
        self._running: set[Process] = set()
        self._component = functools.cache(component_of)
        self._lock = threading.RLock()
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        # Read once: each reading of `os.environ` decodes all of it.
        self._environment = {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}

    def run(self, job: Job) -> None:
        """Run what stands in for a step's container to its end, both its streams into its log.

        A process sees all of this machine. Raises `StepFailed` with the reason where it does not end well, and
        `Stopped` where the run is stopped.
        """
        command, environment = self._in_place(job.image, job.command, job.environment)
        environment |= {COOKIE: self._keeper.cookie, **job.threads_environment()}
        with job.log.open("ab", buffering=0) as log:
            process = self._started(job, command, environment, log)
            try:
                code = process.wait(job.timeout)
            except subprocess.TimeoutExpired:
                raise too_late(job) from None
            finally:
                self._end(process)
        if self.stopping:
            raise Stopped
        if code:
            raise StepFailed(why(code, tail(job.log, 50)))
        for place, target in job.elsewhere().items():
            source = ROOT / place
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            elif source.exists():
                shutil.copyfile(source, target)

    def _in_place(self, image: str, command: list[str], given: dict[str, str]) -> tuple[list[str], dict[str, str]]:
        """The command and environment that stand in for a container on this machine.

        `python` is this Python; a component of the project finds its `src` and `components/shared`, as in its image.
        """
        found = dict(self._environment)
        if name := self._component(image):
            folders = [str(COMPONENTS / name / "src"), str(COMPONENTS)]
            found["PYTHONPATH"] = os.pathsep.join(folders)
        found.update(given)
        if command[0] in ("python", "python3"):
            command = [sys.executable, *command[1:]]
        return command, found

    def _started(self, job: Job, command: list[str], environment: dict[str, str], log: Any) -> Process:
        group: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self._keeper.watch()
        forked = self._warm.fork(job, command, environment, log) if self._warm else None
        with self._lock:
            if self.stopping:
                if forked:
                    _kill(forked)
                    forked.wait()
                raise Stopped
            streams = {"stdin": NOTHING, "stdout": log, "stderr": log, **group}
            if self._debug:
                command, streams = _in_pdb(command, job.log), {}
            try:
                process: Process = forked or subprocess.Popen(command, cwd=ROOT, env=environment, **streams)
            except OSError as error:
                raise StepFailed(_not_started(error, command)) from None
            self._running.add(process)
        if self.stopping:  # since it was asked: what stops did not find the process yet
            _kill(process)
        return process

    def _end(self, process: Process) -> None:
        """End a process, where it still runs, and what it started and left behind in its group."""
        with self._lock:
            self._running.discard(process)
        _kill(process)
        process.wait()

    def stop(self) -> None:
        """Ask all that runs to end, or where that was asked for already, kill it; and let nothing new start.

        What is half-written outside of the run's folder is removed by a step that is asked. Does not wait: it is called
        from a signal handler.
        """
        asked, self.stopping = self.stopping, True
        for process in list(self._running):
            _kill(process, asked)
        if self._warm:
            self._warm.stop()

    def close(self) -> None:
        """End what left its group, as a daemon does: whatever has the cookie of this run."""
        if self._warm:
            self._warm.close()
        if self._keeper.watches:
            kill_all(self._keeper.cookie)


def _in_pdb(command: list[str], log: Path) -> list[str]:
    """The command that runs a Python program under the debugger. Raises `StepFailed` for another program."""
    if not Path(command[0]).name.startswith("python") or not (command[1] == "-m" or command[1].endswith(".py")):
        raise StepFailed(f"its program is '{command[0]}', and --debug is for modules and files of Python")
    return [command[0], str(DEBUGGING), str(log), *command[1:]]


def _kill(process: Process, surely: bool = True) -> None:
    """Kill a process and its group, or ask them to end; on Windows, which has no groups, kill it and its children."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL if surely else signal.SIGTERM)
        return
    assert isinstance(process, subprocess.Popen)
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
    process.kill()


def _not_started(error: OSError, command: list[str]) -> str:
    """Why a process could not be started, and what to do."""
    if isinstance(error, FileNotFoundError):
        return f"its program '{command[0]}' is not on this machine; its image has it: inv run --on docker"
    longest = max(len(part.encode()) for part in command)
    if longest > 100_000:
        return (
            f"one of its arguments has {longest:,} bytes, and no program takes more than 131,072 in one: "
            "hand such values on as an artifact"
        )
    return f"its program '{command[0]}' cannot be started: {error.strerror}"


def why(code: int, words: str) -> str:
    """Why a process failed, in one sentence: the last of its words, or what its exit code says."""
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        memory = "; it may have run out of memory" if name == "SIGKILL" else ""
        return f"was killed by {name}{memory}"
    said = printable(last_line(words)).strip().removeprefix("error: ")
    return said[:500] if said else f"ended with exit code {code} and no message"
