"""Several pipelines of a project on one server."""

import re

from helpers.flow import PIPELINE, SEVERAL, Project
from stand_ins.kfp import Kfp, script, set_up


def names(kfp: Kfp) -> dict[str, str]:
    return {each["pipeline_id"]: each["display_name"] for each in kfp.pipelines}


def test_each_is_deployed_under_a_name_of_its_own(kfp: Kfp, project: Project) -> None:
    project.write("pipeline.py", SEVERAL)
    said = project.inv("deploy").stdout
    assert re.search(r"^flow: deployed version 1\.2\.3-", said, re.MULTILINE)
    assert re.search(r"^flow-score-new: deployed version 1\.2\.3-", said, re.MULTILINE)
    assert [names(kfp)[each["pipeline_id"]] for each in kfp.versions] == ["flow-score-new", "flow"]
    again = project.inv("deploy").stdout
    assert "flow: unchanged: version" in again and "flow-score-new: unchanged: version" in again
    project.write("pipeline.py", SEVERAL.replace("b=m", "b=n"))
    said = project.inv("deploy", "score_new").stdout
    assert "deployed version" in said and "flow:" not in said
    assert [names(kfp)[each["pipeline_id"]] for each in kfp.versions] == ["flow-score-new", "flow-score-new", "flow"]


def test_a_run_is_of_the_pipeline_that_is_named(kfp: Kfp, project: Project) -> None:
    project.write("pipeline.py", SEVERAL)
    script(kfp)
    project.inv("run", "score_new", "--on", "cluster")
    assert list(names(kfp).values()) == ["flow-score-new"]
    record = project.record()
    assert (record["pipeline"], record["function"]) == ("flow-score-new", "score_new")
    assert kfp.runs[0]["display_name"] == f"flow-score-new {record['id']}"


SCHEDULES = """\
schedules:
  nightly: {every: 6h, parameters: {n: 5}}
  weekly: {pipeline: score_new, every: 7d, parameters: {m: 1}}
"""


def test_a_schedule_names_its_pipeline(kfp: Kfp, project: Project) -> None:
    project.write("pipeline.py", SEVERAL)
    set_up(project, kfp, SCHEDULES)
    project.inv("deploy", "pipeline")
    assert "has no version of flow-score-new yet: inv deploy" in project.inv("schedule", code=1).stderr
    assert kfp.recurring == []
    project.inv("deploy")
    said = project.inv("schedule", "score_new").stdout
    assert re.search(r"weekly +create +every 604800 s, score_new, version 1\.2\.3-", said) and "nightly" not in said
    project.inv("schedule")
    of = {each["display_name"]: each["pipeline_version_reference"]["pipeline_id"] for each in kfp.recurring}
    assert {name: names(kfp)[id] for name, id in of.items()} == {
        "flow--nightly": "flow",
        "flow--weekly": "flow-score-new",
    }
    assert project.inv("schedule").stdout.count("up to date") == 2

    set_up(project, kfp, "")
    assert re.search(r"weekly +delete", project.inv("schedule", "score_new").stdout)
    assert [each["display_name"] for each in kfp.recurring] == ["flow--nightly"]


def test_a_schedule_of_a_pipeline_that_is_no_more_goes(kfp: Kfp, project: Project) -> None:
    project.write("pipeline.py", SEVERAL)
    set_up(project, kfp, SCHEDULES)
    project.inv("deploy")
    project.inv("schedule")
    project.write("pipeline.py", PIPELINE)
    said = project.inv("schedule", code=1).stderr
    assert "invoke.yaml: schedules: weekly: pipeline.py has no pipeline 'score_new'; there are: pipeline." in said
    set_up(project, kfp, "schedules: {nightly: {every: 6h, parameters: {n: 5}}}\n")
    assert re.search(r"weekly +delete", project.inv("schedule").stdout)
    assert [each["display_name"] for each in kfp.recurring] == ["flow--nightly"]


def test_a_parameter_of_another_pipeline_is_refused_in_a_schedule(kfp: Kfp, project: Project) -> None:
    project.write("pipeline.py", SEVERAL)
    set_up(project, kfp, "schedules: {nightly: {every: 6h, parameters: {m: 1}}}\n")
    assert "schedules: nightly: the pipeline has no parameter 'm'" in project.inv("schedule", code=1).stderr
    assert kfp.asked == []
