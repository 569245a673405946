"""Recurring runs, made equal to the settings."""

import json
import re

import pytest

from helpers.flow import Project
from stand_ins.kfp import Kfp, change, set_up


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
    assert nightly["no_catchup"] is True and nightly["max_concurrency"] == 1
    assert nightly["runtime_config"]["parameters"] == {"n": 5}
    newest = kfp.versions[0]["pipeline_version_id"]
    assert nightly["pipeline_version_reference"]["pipeline_version_id"] == newest
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
    newest = kfp.versions[0]["pipeline_version_id"]
    assert found["flow--nightly"]["pipeline_version_reference"]["pipeline_version_id"] == newest


def test_a_schedule_reads_its_source_anew_each_time(kfp: Kfp, project: Project) -> None:
    pipeline = (project.root / "pipeline.py").read_text(encoding="utf-8")
    pipeline = pipeline.replace("n: int = 3", 'n: int = 3, source: str = "s3://b/a.csv", source_fingerprint: str = ""')
    project.write("pipeline.py", pipeline)
    set_up(project, kfp, "schedules: {nightly: {cron: '0 3 * * *'}}\n")
    project.inv("deploy")
    project.inv("schedule")
    assert kfp.recurring[0]["runtime_config"]["parameters"] == {"source_fingerprint": "[[CurrentTime]]"}


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
