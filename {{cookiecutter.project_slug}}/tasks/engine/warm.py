"""Steps that start warm: forked from a process that has imported what their programs import (`warm_server.py`).

A forked step is what a process of its own is: it has its session, environment, folder, output and exit code. What does
not qualify, and every step where there is no such process, is started as always.
"""

import atexit
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..files import ROOT
from ..project.components import COMPONENTS, component_names, component_of
from ..project.notifying import NOTIFY
from ..runs.record import RUNS
from .jobs import RETRY, Job
from .keeper import COOKIE

SERVER = Path(__file__).with_name("warm_server.py")
POSSIBLE = sys.platform == "linux"  # macOS has libraries that do not survive a fork, Windows has none
OWN = {RETRY, NOTIFY, "_KFP_RUNTIME"}  # variables of a step that no library reads when it is imported


class Forked:
    """A step's process that the server has started, used like a `Popen`."""

    def __init__(self, pid: int, answers: socket.socket) -> None:
        self.pid = pid
        self._answers = answers
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. A server that is gone cannot tell; only the system's want of memory ends it."""
        if self._code is None:
            self._answers.settimeout(timeout)
            try:
                code = _number(self._answers)
            except TimeoutError:
                raise subprocess.TimeoutExpired("", timeout or 0) from None
            except OSError:
                code = None
            self._answers.close()
            self._code = -9 if code is None else code
        return self._code


class Warm:
    """The server of a run's steps. `cookie` is by what all processes of the run are known (see keeper.py)."""

    def __init__(self) -> None:
        self.cookie = f"{ROOT} {uuid.uuid4()}"
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._asked: set[socket.socket] = set()  # requests that have no answer yet
        self._stopping = False
        self._lock = threading.Lock()

    def start(self, names: Sequence[str]) -> None:
        """Start the server, which prepares for these components, in their order."""
        control, theirs = socket.socketpair()
        with theirs, tempfile.TemporaryFile() as said:
            self._server = subprocess.Popen(
                [sys.executable, str(SERVER), str(theirs.fileno()), *names],
                cwd=ROOT,
                env=server_environment(self.cookie),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._control = control
        atexit.register(self.close)

    def fork(self, job: Job, command: list[str], environment: dict[str, str], log: Any) -> Forked | None:
        """Fork a job's process; None where it is to start as always."""
        component = fitting(job, command)
        if component is None:
            return None
        with self._lock:
            if self._server is None:
                names = in_order()
                self.start(names[names.index(component) :] if component in names else [])
            if self._control is None:
                return None
            answers, theirs = socket.socketpair()
            request = {"component": component, "command": command, "environment": environment}
            with theirs, contextlib.suppress(OSError):
                socket.send_fds(self._control, [b"1"], [theirs.fileno(), log.fileno()])
        self._asked.add(answers)
        pid = None
        with contextlib.suppress(OSError):
            if not self._stopping:
                answers.sendall(json.dumps(request).encode() + b"\n")
                pid = _number(answers)
        self._asked.discard(answers)
        if pid:
            return Forked(pid, answers)
        answers.close()
        return None

    def stop(self) -> None:
        """Give up requests that have no answer. The server goes on, as it is what knows how steps end."""
        self._stopping = True
        for answers in list(self._asked):
            with contextlib.suppress(OSError):
                answers.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the server, which has nothing more to do when the steps are over."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()


def _number(answers: socket.socket) -> int | None:
    """The next number that the server writes; None where it is gone."""
    found = b""
    while not found.endswith(b"\n"):
        part = answers.recv(1)
        if not part:
            return None
        found += part
    return int(found)


def fitting(job: Job, command: list[str]) -> str | None:
    """The component whose Python program a job is, empty for a lightweight one; None where it is to start as always."""
    program = len(command) > 2 and (command[1] == "-m" or command[1].endswith(".py")) and command[0] == sys.executable
    if not program or not job.environment.keys() <= OWN or "PYTHONSAFEPATH" in os.environ:
        return None
    component = component_of(job.image)
    lightweight = command[2] == "kfp.dsl.executor_main" and "PYTHONPATH" not in os.environ
    return component or ("" if lightweight else None)


def server_environment(cookie: str) -> dict[str, str]:
    """What the server sees: this environment, and what keeps libraries from starting threads when they are imported."""
    threads = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
    output = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "_KFP_RUNTIME": "true"}
    found = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, **threads, **output, COOKIE: cookie}
    found.pop("PYTHONPATH", None)
    return found


def in_order() -> list[str]:
    """The components in the order in which pipeline.py names them, without those that it does not name."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = (ROOT / "pipeline.py").read_text(encoding="utf-8")
        places = {name: re.search(rf"\b{re.escape(name)}\b", text) for name in component_names()}
        return sorted([name for name, at in places.items() if at], key=lambda name: places[name].start())  # type: ignore[union-attr]
    return []


def certain(parameters: Sequence[str]) -> list[str]:
    """The components that are certain to run, or come after one that is, in their order.

    That is a guess by the files' times: a wrong one costs a little time, or saves none.
    """
    newest, names = max(RUNS.glob("*/run.json"), default=None), in_order()
    if parameters or newest is None:
        return names
    since = newest.stat().st_mtime

    def newer(*places: Path) -> bool:
        paths = [path for place in places for path in (place.rglob("*.*") if place.is_dir() else [place])]
        return any(path.stat().st_mtime > since for path in paths if "__pycache__" not in path.parts)

    if newer(ROOT / "pipeline.py", ROOT / "invoke.yaml", COMPONENTS / "shared"):
        return names
    return names[next((at for at, name in enumerate(names) if newer(COMPONENTS / name)), len(names)) :]
