"""Pipelines whose outcome on Kubeflow Pipelines 2.17 is known: on the host and in Docker the same comes of them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from helpers.engine import needs_engine
from helpers.flow import Project
from helpers.outcomes import Outcome, outcome

FOLDER = Path(__file__).with_name("conformance")
EXPECTED: dict[str, dict[str, dict[str, Any]]] = {
    module: json.loads((FOLDER / name).read_text(encoding="utf-8"))
    for module, name in {"pipelines": "expected.json", "more": "more_expected.json"}.items()
}
CASES = [(module, case) for module, cases in EXPECTED.items() for case in cases]
# The name of the workflow, which Argo writes into constants, is another in each run: what is before it is compared.
UP_TO = {"text_like_placeholder": " and "}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("conformance") / "project")
    for module in EXPECTED:
        shutil.copy(FOLDER / f"{module}.py", made.root)
    made.write("words.txt", "words")
    return made


def allowed(case: dict[str, Any]) -> list[Outcome]:
    """As on the cluster; where that is a fault of what kfp compiles: right, or refused before the first step."""
    found = [Outcome.read(case)]
    if "or_else" in case:
        found += [Outcome.read(case["or_else"]), Outcome("failed", {})]
    return found


def up_to(found: Outcome, end: str) -> Outcome:
    printed = {name: frozenset(line.partition(end)[0] for line in lines) for name, lines in found.printed.items()}
    return Outcome(found.status, printed)


@pytest.mark.parametrize("engine", ["host", pytest.param("docker", marks=needs_engine)])
@pytest.mark.parametrize(("module", "name"), CASES, ids=[name for _, name in CASES])
def test_the_same_comes_of_it_as_on_a_cluster(project: Project, module: str, name: str, engine: str) -> None:
    project.write("pipeline.py", f"from {module} import {name} as pipeline  # noqa: F401\n")
    found, times, said = outcome(project, "--on", engine)
    case = EXPECTED[module][name]
    right = allowed(case)
    if end := UP_TO.get(name):
        found, right = up_to(found, end), [up_to(each, end) for each in right]
    assert found in right, said
    assert {task: times[task] for task in case.get("times", {})} == case.get("times", {})
