"""From the template to a finished run, against the five programs by hand; and all of it on a fresh machine."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import Figure, compared, taken
from measuring import FailedError, SkippedError, in_turn, seconds
from projects import INVOKE, TEMPLATE, generate, inv, script_of


def by_hand(folder: Path) -> list[Figure]:
    project = generate(folder / "by-hand")
    inv(project, "run")  # so that the programs are compiled

    def whole() -> float:
        start = time.perf_counter()
        subprocess.run([*INVOKE, "run"], cwd=generate(_new(folder)), check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    def programs() -> float:
        return sum(seconds(command, project, PYTHONPATH=path) for path, *command in script_of(project, _new(folder)))

    (ours, theirs), load = in_turn(3, whole, programs)
    return [compared("by-hand", ours, theirs, load)]


def _new(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=folder))


def demo(folder: Path) -> list[Figure]:
    """`make demo` in a copy of the template, without what pip and uv keep. Raises `SkippedError` without an index."""
    python = getattr(sys, "_base_executable", sys.executable)  # that this environment was made with

    def fresh() -> float:
        root = _new(folder)
        left_out = shutil.ignore_patterns(".venv", "build", ".git", "__pycache__", ".*_cache")
        shutil.copytree(TEMPLATE, root / "template", ignore=left_out)
        caches = {"PIP_CACHE_DIR": str(root / "pip"), "UV_CACHE_DIR": str(root / "uv")}
        taken_ = seconds(["make", "demo", f"PYTHON={python}"], root / "template", **caches)
        shutil.rmtree(root)
        return taken_

    if not shutil.which("make"):
        raise SkippedError("there is no make")
    try:
        (found,), load = in_turn(2, fresh)
    except FailedError as problem:
        if reachable():
            raise
        raise SkippedError("no index of packages answers") from problem
    return [taken("demo", found, load)]


def reachable() -> bool:
    """Whether an index of packages answers."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--quiet", "invoke"]
    with tempfile.TemporaryDirectory() as folder:
        asked = subprocess.run(
            [*command, "--dest", folder], capture_output=True, env={**os.environ, "PIP_RETRIES": "0"}
        )
    return asked.returncode == 0
