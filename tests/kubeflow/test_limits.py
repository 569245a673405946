"""What the server's database cannot keep."""

import pytest

from helpers.flow import Project
from stand_ins.kfp import Kfp, set_up

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


COLUMNS = {
    "a long cron": (
        f"schedules: {{nightly: {{cron: '{','.join(map(str, range(60)))},{'0,' * 60}0 3 * * *'}}}}\n",
        "invoke.yaml: schedules: nightly: cron has 301 bytes, and Kubeflow Pipelines keeps 255: make it shorter",
    ),
    "a long service account": (
        f"schedules: {{nightly: {{every: 1h}}}}\nservice_account: {'a' * 256}\n",
        "invoke.yaml: service_account has 256 bytes, and Kubeflow Pipelines keeps 255: make it shorter",
    ),
    "an emoji in a schedule": (
        "schedules: {nightly: {every: 1h, parameters: {word: 🐧}}}\n",
        "invoke.yaml: schedules: nightly: parameters: Kubeflow Pipelines' database takes no letters such as '🐧'",
    ),
}


@pytest.mark.parametrize("limit", COLUMNS)
def test_what_does_not_fit_into_a_recurring_run_is_said_before_one_is_made(
    kfp: Kfp, project: Project, limit: str
) -> None:
    pipeline = (project.root / "pipeline.py").read_text(encoding="utf-8")
    project.write("pipeline.py", pipeline.replace("n: int = 3", 'n: int = 3, word: str = ""'))
    project.inv("deploy")
    text, words = COLUMNS[limit]
    set_up(project, kfp, text)
    assert words in project.inv("schedule", code=1).stderr
    assert kfp.recurring == []


def test_the_longest_names_fit_into_their_columns(kfp: Kfp, project: Project) -> None:
    """Of 63 letters each, as the settings take them: jobs.DisplayName has 255, and pipelines.Name 128."""
    name = "n" * 63
    set_up(project, kfp, f"schedules: {{{name}: {{every: 1h}}}}\n")
    text = (project.root / "invoke.yaml").read_text(encoding="utf-8")
    project.write("invoke.yaml", text.replace("project: flow", f"project: {name}"))
    project.inv("deploy")
    project.inv("schedule")
    (made,) = kfp.recurring
    assert made["display_name"] == f"{name}--{name}" and len(made["description"]) < 64
    assert kfp.pipelines[0]["display_name"] == name


def test_a_long_version_fits_into_its_column(kfp: Kfp, project: Project) -> None:
    project.write("pyproject.toml", f'[project]\nname = "flow"\nversion = "1.{"2" * 200}"\n')
    project.inv("deploy")
    project.write("pipeline.py", (project.root / "pipeline.py").read_text(encoding="utf-8").replace("100", "101"))
    project.inv("deploy")
    assert all(len(version["display_name"]) <= 127 for version in kfp.versions) and len(kfp.versions) == 2
