"""A real MLflow server with SQLite, in an environment of its own, which is installed from the package index."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class MlflowServer:
    """A server's address, where it keeps files, and a Python that has MLflow's own client."""

    address: str
    files: Path
    python: Path

    def client(self, code: str, *arguments: str | Path) -> str:
        """What code prints that asks this server by MLflow's own client."""
        command = [self.python, "-c", code, self.address, *arguments]
        asked = subprocess.run(command, env=compiling(), capture_output=True, text=True)
        assert not asked.returncode, asked.stderr
        return asked.stdout


REQUIREMENTS = ["mlflow==3.17.2", "skops==0.16.0"]
STARTS = 300  # seconds that it may take to start, where nothing of it is compiled yet


@contextmanager
def mlflow_server(folder: Path) -> Iterator[MlflowServer]:
    python = environment(folder / "environment")
    where = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "files")]
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [str(python), "-m", "mlflow", "server", *where, "--port", str(port), "--workers", "1"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=compiling(), stdout=log, stderr=log, start_new_session=True)
    try:
        yield MlflowServer(started(server, f"http://127.0.0.1:{port}", folder / "log"), folder / "files", python)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def compiling() -> dict[str, str]:
    """The variables of a Python that keeps what it compiles, of which MLflow has a lot."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def environment(folder: Path) -> Path:
    """A Python with MLflow. Without an index, the test is skipped."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", folder], check=True)
    python = folder / "bin" / "python"
    made = subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, *REQUIREMENTS], capture_output=True)
    if made.returncode:
        pytest.skip(f"MLflow cannot be installed here: {made.stderr.decode()[-200:]}")
    return python


def started(server: "subprocess.Popen[bytes]", address: str, log: Path) -> str:
    """The address, once the server answers there."""
    end = time.monotonic() + STARTS
    while server.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return address
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"MLflow did not start: {log.read_text()[-2000:]}")
