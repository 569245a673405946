"""Recurring runs, made equal to the settings."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.flow import Project
from stand_ins.kfp import Kfp, change, now, set_up
from stand_ins.recordings import recorded


def test_recurring_runs_are_made_equal_to_the_settings(kfp: Kfp, project: Project) -> None:
    assert "no schedules" in project.inv("schedule").stdout
    kfp.recurring.append({"display_name": "theirs", "recurring_run_id": "1", "description": "not ours"})
    set_up(project, kfp, "schedules: {nightly: {cron: '0 3 * * *', parameters: {n: 5}}, often: {every: 6h}}\n")
    assert "has no version of flow yet: inv deploy" in project.inv("schedule", code=1).stderr
    project.inv("deploy")
    planned = project.inv("schedule", "--dry-run").stdout
    assert re.search(r"nightly +create +cron 0 0 3 \* \* \*, version 1\.2\.3-nogit-", planned)
    assert "nothing was changed: this was a dry run" in planned
    assert len(kfp.recurring) == 1
    project.inv("schedule")
    ours = {each["display_name"]: each for each in kfp.recurring if each["display_name"] != "theirs"}
    nightly, often = ours["flow--nightly"], ours["flow--often"]
    assert nightly["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * *"}}
    assert often["trigger"] == {"periodic_schedule": {"interval_second": 21600}}
    assert nightly["no_catchup"] is True and nightly["max_concurrency"] == "1"
    assert nightly["runtime_config"]["parameters"] == {"n": 5}
    assert nightly["pipeline_version_reference"] == {"pipeline_id": kfp.versions[0]["pipeline_id"]}
    assert len(nightly["description"]) < 64
    before = json.dumps(kfp.recurring)
    assert project.inv("schedule").stdout.count("up to date") == 2
    assert json.dumps(kfp.recurring) == before

    change(project, 1)
    project.inv("deploy")
    set_up(project, kfp, "schedules: {nightly: {cron: '0 3 * * *', parameters: {n: 5}, enabled: false}}\n")
    said = project.inv("schedule").stdout
    assert re.search(r"nightly +replace", said) and re.search(r"often +delete", said)
    found = {each["display_name"]: each for each in kfp.recurring}
    assert set(found) == {"theirs", "flow--nightly"}
    assert found["flow--nightly"]["status"] == "DISABLED"
    assert found["flow--nightly"]["pipeline_version_reference"] == {"pipeline_id": kfp.versions[0]["pipeline_id"]}


def test_a_schedule_reads_its_source_anew_each_time(kfp: Kfp, project: Project) -> None:
    pipeline = (project.root / "pipeline.py").read_text(encoding="utf-8")
    pipeline = pipeline.replace("n: int = 3", 'n: int = 3, source: str = "s3://b/a.csv", source_fingerprint: str = ""')
    project.write("pipeline.py", pipeline)
    set_up(project, kfp, "schedules: {nightly: {cron: '0 3 * * *'}}\n")
    project.inv("deploy")
    project.inv("schedule")
    assert kfp.recurring[0]["runtime_config"]["parameters"] == {"source_fingerprint": "[[CurrentTime]]"}


def test_a_recorded_recurring_run_is_replaced_by_one_that_names_the_pipeline_alone(kfp: Kfp, project: Project) -> None:
    """With a version, the time is not filled in: so were those of earlier releases, and of the recordings."""
    project.inv("deploy")
    for each in recorded("recurring")["recurringRuns"]:
        kfp.recurring.append({**each, "display_name": each["display_name"].replace("my-kfp-project", "flow")})
    set_up(project, kfp, "schedules: {nightly: {cron: '0 3 * * *', parameters: {n: 5}}}\n")
    said = project.inv("schedule").stdout
    assert re.search(r"nightly +replace", said) and re.search(r"often +delete", said)
    (nightly,) = kfp.recurring
    assert "pipeline_version_id" not in nightly["pipeline_version_reference"]
    assert set(nightly) - {"recurring_run_id", "status"} <= set(recorded("recurring")["recurringRuns"][0])


def test_a_schedule_that_changes_leaves_the_run_that_is_under_way(kfp: Kfp, project: Project) -> None:
    project.inv("deploy")
    set_up(project, kfp, "schedules: {nightly: {cron: '0 3 * * *', parameters: {n: 5}}}\n")
    project.inv("schedule")
    old = kfp.recurring[0]["recurring_run_id"]
    run = {"run_id": "1", "display_name": "x", "recurring_run_id": old, "state": "RUNNING", "created_at": now()}
    kfp.started_elsewhere(run)
    set_up(project, kfp, "schedules: {nightly: {cron: '0 4 * * *', parameters: {n: 5}}}\n")
    said = project.inv("schedule").stdout
    assert "disabled: a run of the old one is under way; inv schedule deletes it afterwards" in said
    assert {each["recurring_run_id"]: each["status"] for each in kfp.recurring}[old] == "DISABLED"
    assert len(kfp.recurring) == 2 and "workflow_is_gone" not in run
    assert "up to date" in project.inv("schedule").stdout and len(kfp.recurring) == 2
    run["state"] = "SUCCEEDED"
    assert "up to date" in project.inv("schedule").stdout
    assert [each["recurring_run_id"] == old for each in kfp.recurring] == [False]


def test_a_schedule_that_the_server_refuses_leaves_nothing_in_the_cluster(
    kfp: Kfp, project: Project, kubectl: Callable[..., None], tmp_path: Path
) -> None:
    project.inv("deploy")
    pipeline = kfp.versions[0]["pipeline_id"]
    orphan = {"metadata": {"name": "flow--nightly-x", "uid": "unlisted"}, "spec": {"pipelineId": pipeline}}
    theirs = {"metadata": {"name": "theirs", "uid": "other"}, "spec": {"pipelineId": "theirs"}}
    (tmp_path / "swf.json").write_text(json.dumps({"items": [orphan, theirs]}), encoding="utf-8")
    kfp.faults["POST .*/recurringruns$"] = 500
    set_up(project, kfp, "schedules: {nightly: {cron: '0 3 * * *'}}\n")
    result = project.inv("schedule", code=1)
    assert "flow--nightly-x   delete: it runs in the cluster, and the server does not list it" in result.stdout
    assert "failed (500)" in result.stderr
    assert (tmp_path / "deleted").read_text(encoding="utf-8") == "flow--nightly-x\n"


WRONG = {
    "neither": ("{nightly: {parameters: {n: 1}}}", "nightly takes either cron or every"),
    "both": ("{nightly: {cron: '0 3 * * *', every: 1h}}", "nightly takes either cron or every"),
    "a cron of four": ("{nightly: {cron: '0 3 * *'}}", "cron takes 5 fields, or 6 with seconds first"),
    "no time": ("{nightly: {every: soon}}", "every takes a time, as in 90s, 30m, 6h or 1d, not 'soon'"),
    "an unknown word": (
        "{nightly: {cron: '0 3 * * *', weekday: 1}}",
        "takes cron or every, and parameters and enabled",
    ),
    "an unknown parameter": (
        "{nightly: {every: 1h, parameters: {m: 1}}}",
        "invoke.yaml: schedules: nightly: the pipeline has no parameter 'm'. It takes: n (int)",
    ),
    "a parameter of another type": ("{nightly: {every: 1h, parameters: {n: many}}}", "'n' takes a value of type int"),
    "a name": ("{Every night: {every: 1h}}", "name it with lower-case letters"),
    "a flag": ("{nightly: {every: 1h, enabled: perhaps}}", "enabled takes true or false"),
}


@pytest.mark.parametrize("slip", WRONG)
def test_a_slip_in_a_schedule_is_said_and_nothing_is_asked(kfp: Kfp, project: Project, slip: str) -> None:
    text, words = WRONG[slip]
    set_up(project, kfp, f"schedules: {text}\n")
    assert words in project.inv("schedule", code=1).stderr
    assert kfp.asked == []


def test_a_place_that_only_this_machine_sees_is_refused_and_nothing_is_asked(kfp: Kfp, project: Project) -> None:
    pipeline = (project.root / "pipeline.py").read_text(encoding="utf-8")
    more = 'n: int = 3, source: str = "s3://b/a.csv", source_fingerprint: str = "", destination: str = ""'
    project.write("pipeline.py", pipeline.replace("n: int = 3", more))
    for place, what in (
        ("source: data.csv", "source is 'data.csv'"),
        ("destination: ~/x.csv", "destination is '~/x.csv'"),
    ):
        for shown in ("", "file:///"):
            name, value = place.split()
            set_up(project, kfp, f"schedules: {{nightly: {{every: 1h, parameters: {{{name} {shown}{value}}}}}}}\n")
            said = project.inv("schedule", code=1).stderr
            assert f"schedules: nightly: {what.replace(value, shown + value)}, a file of this machine, which a" in said
            assert f"and give that: parameters: {{{name} s3://...}}" in said
    set_up(project, kfp, "schedules: {nightly: {every: 1h}}\nparameters: {source: data.csv}\n")
    assert "source is 'data.csv', a file of this machine" in project.inv("schedule", "--dry-run", code=1).stderr
    assert kfp.asked == []
    assert "flow: source is 'data.csv', a file of this machine" in project.inv("deploy").stdout
    set_up(project, kfp, "")
    more = more.replace('source: str = "s3://b/a.csv"', "source: Optional[str] = None")
    project.write("pipeline.py", "from typing import Optional\n" + pipeline.replace("n: int = 3", more))
    assert "of this machine" not in project.inv("deploy").stdout, "a source that is not given is none"
