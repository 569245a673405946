"""The command that a user generates with, and who commits what is made."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.questions import Finished
from helpers.template import TEMPLATE


@pytest.fixture
def cli(cookiecutter_config: Path, tmp_path: Path) -> Any:
    """Runs the command a user runs; what it makes goes into `tmp_path / "out"`."""

    def run(*answers: str, typed: str | None = None) -> Finished:
        no_input = ["--no-input"] if typed is None else []
        return subprocess.run(
            [
                *(sys.executable, "-m", "cookiecutter", str(TEMPLATE), *no_input),
                *("--config-file", str(cookiecutter_config), "--output-dir", str(tmp_path / "out"), *answers),
            ],
            input=typed,
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=tmp_path,
            env={**os.environ, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            timeout=60,
        )

    return run


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Who commits, and a home that is nobody's; uv keeps its cache, so that programs are fetched once."""
    patch = pytest.MonkeyPatch()
    cache = subprocess.run([sys.executable, "-m", "uv", "cache", "dir"], capture_output=True, text=True).stdout.strip()
    patch.setenv("UV_CACHE_DIR", cache)
    patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for name in ("AUTHOR", "COMMITTER"):
        patch.setenv(f"GIT_{name}_NAME", "t")
        patch.setenv(f"GIT_{name}_EMAIL", "t@example.com")
    yield
    patch.undo()
