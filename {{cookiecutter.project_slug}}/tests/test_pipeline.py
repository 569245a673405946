"""The pipeline as a person runs it: `inv run` on the host, in a copy of the project."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tasks.project.component_check import check_components

PROJECT = Path(__file__).parents[1]


def not_copied(folder: str, names: list[str]) -> set[str]:
    """What was made in the project: caches anywhere, and these at its top (`tasks/runs` is code)."""
    made = {"build", "runs"} & set(names) if Path(folder) == PROJECT else set()
    return made | shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__")(folder, names)


def inv(project: Path, *arguments: str) -> str:
    invoke = [sys.executable, "-m", "invoke"]
    result = subprocess.run([*invoke, *arguments], cwd=project, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_every_step_succeeds_and_the_next_run_is_served_from_the_cache(tmp_path: Path) -> None:
    project = shutil.copytree(PROJECT, tmp_path / "project", ignore=not_copied)
    inv(project, "run")
    inv(project, "run")
    runs: list[dict[str, Any]] = json.loads(inv(project, "runs", "--json"))
    assert [run["status"] for run in runs] == ["succeeded", "succeeded"]
    assert [all(step["cached"] for step in run["steps"]) for run in runs] == [True, False]
    assert runs[0]["metrics"] and runs[0]["metrics"] == runs[1]["metrics"]


def test_every_component_yaml_fits_its_program() -> None:
    assert check_components() == []
