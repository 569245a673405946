"""What the server's database cannot keep."""

import pytest

from helpers.flow import Project
from stand_ins.kfp import Kfp

LIMITS: dict[str, tuple[list[str], str]] = {
    "an emoji": (["-p", "word=🐧"], "the parameter word: Kubeflow Pipelines' database takes no letters such as '🐧'"),
    "an emoji in the name": (["--name", "🐧"], "--name: Kubeflow Pipelines' database takes no letters such as '🐧'"),
    "a long name": (["--name", "n" * 256], "--name has 256 bytes, and Kubeflow Pipelines keeps 255: make it shorter"),
    "a long experiment": (["--experiment", "e" * 129], "has 129 bytes, and Kubeflow Pipelines keeps 128"),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_what_the_database_cannot_keep_is_said_and_no_run_is_started(kfp: Kfp, project: Project, limit: str) -> None:
    pipeline = (project.root / "pipeline.py").read_text(encoding="utf-8")
    project.write("pipeline.py", pipeline.replace("n: int = 3", 'n: int = 3, word: str = ""'))
    arguments, words = LIMITS[limit]
    assert words in project.inv("run", "--on", "cluster", *arguments, code=1).stderr
    assert kfp.runs == [] and project.runs() == []


def test_a_long_version_fits_into_its_column(kfp: Kfp, project: Project) -> None:
    project.write("pyproject.toml", f'[project]\nname = "flow"\nversion = "1.{"2" * 200}"\n')
    project.inv("deploy")
    project.write("pipeline.py", (project.root / "pipeline.py").read_text(encoding="utf-8").replace("100", "101"))
    project.inv("deploy")
    assert all(len(version["display_name"]) <= 127 for version in kfp.versions) and len(kfp.versions) == 2
