"""The pipeline as a person runs it: `inv run` on the host, in a copy of the project."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tasks.project.component_check import check_components

NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".*_cache", "build", "runs", "__pycache__")


def inv(project: Path, *arguments: str) -> str:
    invoke = [sys.executable, "-m", "invoke"]
    result = subprocess.run([*invoke, *arguments], cwd=project, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_every_step_succeeds_and_the_next_run_is_served_from_the_cache(tmp_path: Path) -> None:
    project = shutil.copytree(Path(__file__).parents[1], tmp_path / "project", ignore=NOT_COPIED)
    inv(project, "run")
    inv(project, "run")
    runs: list[dict[str, Any]] = json.loads(inv(project, "runs", "--json"))
    assert [run["status"] for run in runs] == ["succeeded", "succeeded"]
    assert [all(step["cached"] for step in run["steps"]) for run in runs] == [True, False]
    assert runs[0]["metrics"] and runs[0]["metrics"] == runs[1]["metrics"]


def test_every_component_yaml_fits_its_program() -> None:
    assert check_components() == []
