"""The pipeline as a person runs it: `inv run` on the host, in a copy of the project."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.project import check_components

ROOT = Path(__file__).parents[1]


def inv(project: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "invoke", *arguments]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def newest(project: Path) -> dict[str, Any]:
    run: dict[str, Any] = json.loads(inv(project, "runs", "--json"))[0]
    return run


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", ".*_cache", "build", "runs", "__pycache__")
    )
    inv(copy, "run")
    return copy


def test_every_step_succeeds_and_gives_metrics(project: Path) -> None:
    run = newest(project)
    assert run["status"] == "succeeded"
    assert {step["status"] for step in run["steps"]} == {"succeeded"}
    assert run["metrics"]
    assert (project / "runs" / run["id"] / "report.html").stat().st_size > 0


def test_a_second_run_is_served_from_the_cache(project: Path) -> None:
    first = newest(project)
    inv(project, "run")
    second = newest(project)
    assert all(step["cached"] for step in second["steps"])
    assert second["metrics"] == first["metrics"]


def test_every_component_yaml_fits_its_program() -> None:
    assert check_components() == []
