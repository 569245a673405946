"""The top of a run's page: its number and what to hold it against, what is new, and the page of all runs."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from helpers.flow import Project
from helpers.pages import HOSTILE, page


def gave(project: Project, run: str, metrics: dict[str, float], **more: Any) -> None:
    """Make a run one whose last step gave these metrics."""
    path = project.root / "runs" / run / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    artifact = {"type": "system.Metrics", "name": "metrics", "uri": "runs/none", "metadata": metrics}
    record["steps"][-1]["outputs"]["metrics"] = artifact
    path.write_text(json.dumps(record | {"metrics": metrics} | more), encoding="utf-8")


@pytest.fixture
def three(flow: Project) -> tuple[Project, list[str]]:
    """A project with three runs of the same pipeline, the oldest first, and their ids."""
    for n in (3, 4, 4):
        flow.inv("run", "-p", f"n={n}")
    return flow, sorted(run["id"] for run in flow.runs())


def top_of(project: Project, run: str) -> str:
    """What stands above the sections of a run's page, with single blanks."""
    project.inv("runs.report", run)
    return " ".join(page(project, f"runs/{run}/report.html").text.partition("How it was made")[0].split())


def test_the_number_is_held_against_validation_baselines_and_earlier_runs(three: tuple[Project, list[str]]) -> None:
    project, (first, second, third) = three
    gave(project, first, {"accuracy": 0.9})
    gave(project, second, {"accuracy": 0.7})
    validated = {"cv_accuracy": 0.81, "cv_accuracy_std": 0.034, "cv_accuracy_guess": 0.5, "cv_accuracy_linear": 0.8}
    gave(project, third, {"accuracy": 0.8, "f1_macro": 0.6} | validated)
    top = top_of(project, third)
    assert "accuracy 0.8 +0.1 since the run before" in top
    assert "by cross-validation0.81 ± 0.034" in top and "a guess0.5" in top and "a linear model0.8" in top
    assert f"the best run before0.9 {first}" in top
    assert "since the run before" not in top_of(project, first), "there was none"


def test_what_became_of_a_model_is_said_of_a_run_without_a_number_too(flow: Project) -> None:
    flow.inv("run")
    run = flow.runs()[0]["id"]
    path = flow.root / "runs" / run / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    note = {"type": "system.Markdown", "name": "note", "uri": "runs/none", "metadata": {"said": "version 3 is kept"}}
    record["steps"][-1]["outputs"]["note"] = note
    path.write_text(json.dumps(record), encoding="utf-8")
    assert "Version 3 is kept." in top_of(flow, run)


def test_of_columns_that_have_drifted_none_is_the_best(three: tuple[Project, list[str]]) -> None:
    project, (first, second, third) = three
    for run, drifted in ((first, 0), (second, 1), (third, 3)):
        gave(project, run, {"drifted_columns": drifted})
    top = top_of(project, third)
    assert "drifted_columns 3 +2 since the run before" in top and "the best run" not in top


def test_the_setting_names_the_number(three: tuple[Project, list[str]]) -> None:
    project, (first, second, third) = three
    for run, error in ((first, 2.0), (second, 1.0), (third, 3.0)):
        gave(project, run, {"accuracy": 0.5, "rmse": error})
    project.write("invoke.yaml", (project.root / "invoke.yaml").read_text(encoding="utf-8") + "page_metric: rmse\n")
    top = top_of(project, third)
    assert "rmse 3 +2 since the run before" in top
    assert f"the best run before1 {second}" in top, "of an error the lowest is the best"


def test_runs_that_learn_another_column_are_not_held_against_each_other(three: tuple[Project, list[str]]) -> None:
    project, (first, second, third) = three
    gave(project, first, {"r2": 0.3}, parameters={"target": "mass"})
    gave(project, second, {"r2": 0.9}, parameters={"target": "age"})
    gave(project, third, {"r2": 0.4}, parameters={"target": "mass"})
    top = top_of(project, third)
    assert "r2 0.4 +0.1 since the run before" in top and f"the best run before0.3 {first}" in top
    assert "target: 'age' → 'mass'" in top, "and that it is another column is new"


def test_what_is_new_is_said_and_nothing_where_nothing_is(three: tuple[Project, list[str]]) -> None:
    project, (_, second, third) = three
    assert "n: 3 → 4" in top_of(project, second)
    assert f"New since {second} Nothing: the same code, parameters and data." in top_of(project, third)
    images = {"adding": "localhost:5001/flow/adding:0123456789abcdef", "more": "localhost:5001/flow/more:0"}
    parameters = {"n": 4, "source_fingerprint": "1-new", "text": HOSTILE}
    gave(project, third, {}, images=images, parameters=parameters, engine="docker")
    top = top_of(project, third)
    assert "the data of source changed" in top and "changed code or packages: adding" in top
    assert "new: more" in top and "on docker, not on host" in top and "alert(1)" in top
    project.adding_does("exit('no')")
    project.inv("run", code=1)
    assert "the run before succeeded" in top_of(project, sorted(run["id"] for run in project.runs())[-1])


def test_a_loop_without_items_is_said_and_not_drawn(flow: Project) -> None:
    text = (flow.root / "pipeline.py").read_text(encoding="utf-8")
    text = text.replace("n: int = 3)", "n: int = 3, more: list[int] = [])")
    flow.write("pipeline.py", text + "    with dsl.ParallelFor(more) as each:\n        add(a=each)\n")
    flow.inv("run")
    shown = page(flow)
    assert "Not drawn: for each of more, which had no items." in shown.text
    assert "- skipped" not in shown.text
    flow.inv("run", "-p", "more=[1]")
    assert "Not drawn" not in page(flow).text


def test_all_runs_are_on_one_page(three: tuple[Project, list[str]]) -> None:
    project, runs = three
    for run, value in zip(runs, (0.9, 0.7, 0.8), strict=True):
        gave(project, run, {"accuracy": value}, reason=HOSTILE)
    assert project.inv("runs.report", "--all").stdout.strip() == str(Path("build/runs.html"))
    shown = page(project, "build/runs.html")
    assert "3 runs" in shown.text and "accuracy over time" in shown.text
    links = [a["href"] for tag, a in shown.tags if tag == "a"]
    assert {f"../runs/{run}/report.html" for run in runs} <= set(links)
    (label,) = [a["aria-label"] for tag, a in shown.tags if tag == "svg"]
    assert label == "accuracy of 3 runs, from 0.7 to 0.9"
    titles = re.findall(r"(\d{8}-\d{6}(?:-\d+)?): (0\.\d)", shown.text)
    assert titles == [(run, value) for run, value in zip(runs, ("0.9", "0.7", "0.8"), strict=True)], "the oldest first"


def test_of_several_pipelines_the_one_is_named_that_is_drawn(three: tuple[Project, list[str]]) -> None:
    project, (first, second, third) = three
    gave(project, first, {"drifted_columns": 1}, pipeline="other")
    gave(project, second, {"accuracy": 0.9})
    gave(project, third, {"accuracy": 0.8})
    project.inv("runs.report", "--all")
    text = page(project, "build/runs.html").text
    assert "accuracy of flow over time" in text and "RunStatusPipelineEngine" in text


def test_without_a_run_there_is_no_page_of_all(flow: Project) -> None:
    assert "there is no run yet; start one with: inv run" in flow.inv("runs.report", "--all", code=1).stderr
    assert not (flow.root / "build/runs.html").exists()


def test_three_hundred_runs_are_written_in_about_a_second(flow: Project) -> None:
    flow.inv("run")
    (run,) = (flow.root / "runs").glob("2*")
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    metrics = {f"metric_{i}": i / 7 for i in range(10)}
    for day in range(300):
        folder = run.with_name(f"{run.name}-x{day:03}")
        folder.mkdir()
        text = json.dumps(record | {"metrics": metrics, "started": f"2026-01-01T00:{day // 60:02}:{day % 60:02}+00:00"})
        (folder / "run.json").write_text(text, encoding="utf-8")
    began = time.monotonic()
    flow.inv("runs")
    listed = time.monotonic() - began
    began = time.monotonic()
    flow.inv("runs.report", "--all")
    assert time.monotonic() - began < 2 * listed + 1, "reading them takes most of it"
    assert "301 runs" in page(flow, "build/runs.html").text
