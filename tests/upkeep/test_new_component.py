"""A step of one's own."""

from pathlib import Path

import pytest

from helpers.inv import inv
from helpers.penguins import STEPS, newest
from helpers.template import Bake


def test_a_new_component_is_made_wired_and_run(bake: Bake) -> None:
    project = bake()
    said = inv(project, "component.new", "feature-cleaning").stdout.splitlines()
    lines = [line.strip() for line in said if line.startswith("  ")]
    pipeline = project / "pipeline.py"
    text = pipeline.read_text(encoding="utf-8")
    text = text.replace('predict = component("prediction")\n', f'predict = component("prediction")\n{lines[0]}\n')
    text = text.replace("    split = preprocess(", f"    {lines[1].split('  #')[0]}\n    split = preprocess(")
    text = text.replace('validated.outputs["validated"], test', 'feature_cleaning_task.outputs["result"], test')
    pipeline.write_text(text, encoding="utf-8")
    inv(project, "run")
    done = [step["name"] for step in newest(project)["steps"]]
    assert done[:4] == [*STEPS[:2], "feature-cleaning", STEPS[2]] and len(done) == len(STEPS) + 1
    inv(project, "lint")
    inv(project, "test")
    lock = (project / "components/feature-cleaning/requirements.txt").read_text(encoding="utf-8")
    assert "-r components/feature-cleaning/../shared/requirements.in" in lock and ".new-" not in lock
    pyproject = (project / "pyproject.toml").read_text(encoding="utf-8")
    inv(project, "lock")
    assert lock == (project / "components/feature-cleaning/requirements.txt").read_text(encoding="utf-8")
    assert pyproject == (project / "pyproject.toml").read_text(encoding="utf-8"), "it asked for nothing new"
    assert "is taken" in inv(project, "component.new", "feature-cleaning", code=1).stderr


@pytest.mark.parametrize(
    "name", ["Feature", "2nd", "class", "training", "shared", "a b", "-x", "json", "numpy", "x" * 64]
)
def test_a_bad_component_name_is_refused_and_nothing_made(penguins: Path, name: str) -> None:
    before = sorted(path.name for path in (penguins / "components").iterdir())
    arguments = ["component.new", f"--name={name}"] if name.startswith("-") else ["component.new", name]
    assert "error: " in inv(penguins, *arguments, code=1).stderr
    assert sorted(path.name for path in (penguins / "components").iterdir()) == before
