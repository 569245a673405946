"""Random pipelines, with conditions, loops and failures: what ran is what a reference without concurrency says.

A thousand of them: `RANDOM_PIPELINES=1000 .venv/bin/python -m pytest -n auto tests/engine/test_random_pipelines.py`;
`RANDOM_PIPELINES=400-1000` goes on from the four hundredth.
"""

import os

import pytest

from helpers.flow import Project
from helpers.outcomes import outcome
from helpers.random_pipelines import Maker, Reference, source

FIRST, _, LAST = os.environ.get("RANDOM_PIPELINES", "24").rpartition("-")
SEEDS = range(int(FIRST or 0), int(LAST))
SIZE = 10  # steps, or a few more


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("random") / "project")


@pytest.mark.parametrize("seed", SEEDS)
def test_what_runs_is_what_the_reference_says(project: Project, seed: int) -> None:
    nodes = Maker(seed, SIZE).nodes([], [])
    reference = Reference()
    reference.walk(nodes, {})
    project.write("pipeline.py", source(nodes))
    found, times, said = outcome(project)
    lines = sorted(line for lines in found.printed.values() for line in lines)
    assert lines == sorted(set(reference.printed)), source(nodes) + said
    assert times.total() == len(reference.printed), source(nodes) + said
    assert found.status == ("failed" if reference.failed else "succeeded"), source(nodes) + said
