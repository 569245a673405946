"""The command that a user generates with."""

import os
import subprocess
import sys
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
