"""What a server cuts off, leaves out or says instead is refused in a sentence, and never taken for an empty answer."""

import json
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from helpers.flow import Project
from stand_ins.kfp import Kfp, now, script, set_up, task

HALF = r"gave half an answer: \d+ characters that are no whole JSON"
ANSWERS: dict[str, tuple[Any, str]] = {
    "half a JSON": ("half", HALF),
    "a page": ("html", r"gave a page instead of an answer; it may want a login \(KFP_TOKEN\)"),
    "a list": ([], "gave an answer that is none of KFP's: '\\[\\]'"),
}
ASKED = {
    "the pipelines": (["deploy"], "GET .*/pipelines$", "half a JSON"),
    "the versions": (["deploy"], "GET .*/versions$", "a page"),
    "the recurring runs": (["schedule"], "GET .*/recurringruns$", "half a JSON"),
    "the experiments": (["runs", "--on", "cluster"], "GET .*/experiments$", "a list"),
    "the runs": (["runs", "--on", "cluster"], "GET .*/runs$", "half a JSON"),
}


@pytest.mark.parametrize("asked", ASKED)
def test_what_is_no_whole_answer_is_not_taken_for_nothing(kfp: Kfp, project: Project, asked: str) -> None:
    set_up(project, kfp, "schedules: {nightly: {cron: '0 3 * * *'}}\n")
    project.inv("deploy")
    kfp.used_before()
    before = state(kfp)
    command, path, answer = ASKED[asked]
    kfp.faults[path], said = ANSWERS[answer]
    assert re.search(said, project.inv(*command, code=1).stderr)
    assert state(kfp) == before and project.runs() == []


def state(kfp: Kfp) -> str:
    return json.dumps([kfp.pipelines, kfp.versions, kfp.recurring, kfp.runs])


MISSING: dict[str, tuple[list[str], str, dict[str, Any], str]] = {
    "a pipeline's id": (["deploy"], "GET .*/pipelines$", {"pipelines": [{"display_name": "flow"}]}, "its pipeline_id"),
    "a version's name": (
        ["deploy"],
        "GET .*/versions$",
        {"pipeline_versions": [{"pipeline_version_id": "1"}]},
        "its display_name",
    ),
    "a new version's id": (["deploy"], "POST .*upload_version$", {"display_name": "1"}, "its pipeline_version_id"),
    "a recurring run's id": (
        ["schedule"],
        "GET .*/recurringruns$",
        {"recurringRuns": [{"display_name": "flow--nightly"}]},
        "its recurring_run_id",
    ),
    "a listed run's id": (["runs", "--on", "cluster"], "GET .*/runs$", {"runs": [{"display_name": "x"}]}, "its run_id"),
}


@pytest.mark.parametrize("what", MISSING)
def test_an_answer_without_what_it_must_have_is_refused(kfp: Kfp, project: Project, what: str) -> None:
    command, path, answer, said = MISSING[what]
    kfp.used_before()
    if command != ["deploy"] or path.endswith("versions$"):  # which a new pipeline is not asked for
        project.inv("deploy")
    kfp.faults[path] = answer
    assert re.search(f"gave half an answer: a [A-Z]\\w+ without {said}", project.inv(*command, code=1).stderr)
    assert kfp.recurring == [] and project.runs() == []


def test_a_run_whose_start_is_answered_by_half_may_be_there(kfp: Kfp, project: Project) -> None:
    kfp.faults["POST .*/runs$"] = "half"
    said = project.inv("run", "--on", "cluster", code=1).stderr
    assert re.search(HALF, said) and "Whether it has started the run, says: inv runs --on cluster" in said
    assert len(kfp.runs) == 1 and project.runs() == []


@pytest.mark.parametrize("tokens", ["the same", "new ones"])
def test_a_listing_that_does_not_end_is_refused(kfp: Kfp, project: Project, tokens: str) -> None:
    numbers = count(1)
    kfp.faults["GET .*/recurringruns$"] = lambda: {
        "recurringRuns": [],
        "next_page_token": "again" if tokens == "the same" else str(next(numbers)),
    }
    said = project.inv("schedule", code=1).stderr
    assert re.search(r"gave a listing that does not end: \d+ pages of recurring runs", said)


def test_nothing_in_the_cluster_is_deleted_for_half_a_list(
    kfp: Kfp, project: Project, kubectl: Callable[..., None], tmp_path: Path
) -> None:
    set_up(project, kfp, "schedules: {nightly: {cron: '0 3 * * *'}}\n")
    project.inv("deploy")
    project.inv("schedule")
    (own,) = kfp.recurring
    metadata = {"name": "flow--nightly-x", "uid": own["recurring_run_id"]}
    item = {"metadata": metadata, "spec": {"pipelineId": kfp.versions[0]["pipeline_id"]}}
    (tmp_path / "swf.json").write_text(json.dumps({"items": [item]}), encoding="utf-8")
    answers = iter([None, "half"])  # whole for the schedules, half when it is asked which are orphans
    kfp.faults["GET .*/recurringruns$"] = lambda: next(answers)
    assert re.search(HALF, project.inv("schedule", code=1).stderr)
    assert not (tmp_path / "deleted").exists() and kfp.recurring == [own]


@pytest.mark.parametrize(
    "answer",
    ["half", "drop", {"pipeline_runtime": {}}, {"run": {}, "pipeline_runtime": {"workflow_manifest": '{"sta'}}],
)
def test_half_a_workflow_is_asked_for_again_while_a_run_is_watched(kfp: Kfp, project: Project, answer: Any) -> None:
    script(kfp)
    faults = iter([None, answer, answer])
    kfp.faults["GET /apis/v1beta1/runs/"] = lambda: next(faults, None)
    said = project.inv("run", "--on", "cluster").stdout
    assert said.count("Trying again") == 1 and re.search("gave (half an answer|no whole answer)", said)
    (run,) = project.runs()
    assert [step["status"] for step in run["steps"]] == ["succeeded", "succeeded"] and run["steps"][1]["cached"]


def test_a_run_of_which_half_is_told_stays_for_the_next_time_and_the_others_are_listed(
    kfp: Kfp, project: Project
) -> None:
    project.inv("deploy")
    kfp.script = [[task("adding", "SUCCEEDED", 4)]]
    for number in "12":
        run = {"run_id": f"{number}1112222-3333", "display_name": "x", "created_at": now(-60), "state": "SUCCEEDED"}
        kfp.started_elsewhere(run)
    kfp.faults["GET /apis/v1beta1/runs/1"] = "half"
    result = project.inv("runs", "--on", "cluster")
    assert "kfp-21112222  cluster  succeeded" in result.stdout and "kfp-11112222" not in result.stdout
    assert re.search(rf"of run 11112222-3333, \S+ {HALF}", result.stderr)
    kfp.faults.clear()
    assert "kfp-11112222  cluster  succeeded" in project.inv("runs", "--on", "cluster").stdout
