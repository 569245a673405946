"""Ends what a run started when `inv` itself is killed, which can then not do so any more.

A process of its own waits for the end of `inv` (keeper_waiting.py), and where that did not say `done` becomes this
program: it kills every process that has the run's cookie in its environment, and removes the run's containers.
"""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

WAITING = Path(__file__).with_name("keeper_waiting.py")
COOKIE = "KF_TEMPLATE_RUN"  # the variable by which the processes of a run are known, whoever their parent is


class Keeper:
    """The keeper of a run, from before its first step is started, so that a run from the cache has none, to its end."""

    def __init__(self, cookie: str, label: str = "") -> None:
        self.cookie = cookie
        self._label = label
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def watches(self) -> bool:
        return self._process is not None

    def watch(self) -> None:
        """Begin, where that is not done: whatever starts something calls this before."""
        with self._lock:
            self._process = self._process or self._begun()

    def _begun(self) -> "subprocess.Popen[bytes]":
        site = str(Path(str(importlib.util.find_spec("psutil").origin)).parents[1])  # type: ignore[union-attr]
        group: dict[str, int | bool] = {"start_new_session": True}
        if sys.platform == "win32":
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
        process: subprocess.Popen[bytes] = subprocess.Popen(
            [sys.executable, "-I", "-S", str(WAITING), str(Path(__file__)), site, self.cookie, self._label],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **group,  # type: ignore[call-overload]
        )
        return process

    def dismiss(self) -> None:
        """The run is over, and left nothing."""
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.write(b"done")
            self._process.stdin.close()
        self._process.wait()


def kill_all(cookie: str) -> None:
    """Kill every process with this cookie, until there is none: one that is being killed may start another."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        found = _with_cookie(cookie)
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        if not found:
            return
        time.sleep(0.02)


def _with_cookie(cookie: str) -> list[int]:
    if sys.platform == "linux":  # psutil would read more of each process than its environment
        line = f"{COOKIE}={cookie}".encode()
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
        return [pid for pid in pids if line in _environment(pid)]
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(COOKIE) == cookie:
                found.append(process.pid)
    return found


def _environment(pid: int) -> list[bytes]:
    """The environment of a process; none of this one, of one that is not ours, and of one that is over."""
    with contextlib.suppress(OSError):
        if pid != os.getpid():
            return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []


def _remove_containers(label: str) -> None:
    listed = subprocess.run(["docker", "ps", "-aq", "--filter", f"label={label}"], capture_output=True, text=True)
    if found := listed.stdout.split():
        subprocess.run(["docker", "rm", "--force", "--volumes", *found], capture_output=True)


def main(site: str, cookie: str, label: str) -> None:
    sys.path.append(site)
    kill_all(cookie)
    if label:
        _remove_containers(label)
        kill_all(cookie)


if __name__ == "__main__":
    main(*sys.argv[1:])
