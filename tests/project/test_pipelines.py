"""Several pipelines in one pipeline.py: found by their names, and each with a run, a file and a cache of its own."""

import pytest
import yaml

from helpers.flow import PIPELINE, SETTINGS, SEVERAL, Project, outputs


@pytest.fixture
def several(flow: Project) -> Project:
    flow.write("pipeline.py", SEVERAL)
    return flow


def test_each_runs_by_its_name_with_its_own_record_page_and_cache(several: Project) -> None:
    several.inv("run")
    first = several.record()
    assert (first["pipeline"], first["function"]) == ("flow", "pipeline")
    assert "PIPELINE" not in several.inv("runs").stdout
    several.inv("run", "score_new", "-p", "n=3", "-p", "m=1")
    second = several.record()
    assert (second["pipeline"], second["function"]) == ("flow-score-new", "score_new")
    assert second["parameters"] == {"n": 3, "m": 1}
    assert outputs(second)["adding"] == outputs(first)["adding"] == 4
    assert [step["cached"] for step in second["steps"]] == [False, False, False], "the other's cache"
    several.inv("run", "-p", "n=3", "score_new", "-p", "m=1")
    assert all(step["cached"] for step in several.record()["steps"])
    page = (several.root / "runs" / second["id"] / "report.html").read_text(encoding="utf-8")
    assert f"<title>flow-score-new {second['id']}</title>" in page
    record = several.root / "runs" / first["id"] / "run.json"
    text = record.read_text(encoding="utf-8")
    record.write_text(text.replace('"function": "pipeline"', '"groups": {}'), encoding="utf-8")  # as older ones are
    header, newest, *_, oldest = several.inv("runs").stdout.splitlines()
    assert header.split()[1] == "PIPELINE"
    assert newest.split()[1] == "score_new" and oldest.split()[1] == "pipeline"
    assert f"run {first['id']} " in several.inv("runs.show", "pipeline").stdout
    assert f"run {several.record()['id']} " in several.inv("runs.show", "score_new").stdout


def test_a_step_runs_again_in_the_pipeline_that_it_was_of(several: Project) -> None:
    several.inv("run", "score_new")
    several.inv("step", "adding")
    assert several.record()["function"] == "score_new"
    several.write("pipeline.py", PIPELINE)
    said = several.inv("step", "adding", code=1).stderr
    assert "pipeline.py has no pipeline 'score_new'; there are: pipeline." in said


def test_all_are_compiled_each_to_a_file_of_its_own(several: Project) -> None:
    said = several.inv("compile").stdout.split()
    assert said == ["build/pipeline.yaml", "build/pipeline.score_new.yaml", "build/adding.yaml"]
    names = [yaml.safe_load((several.root / path).read_text("utf-8"))["pipelineInfo"]["name"] for path in said[:2]]
    assert names == ["flow", "flow-score-new"]


WRONG = {
    "another name": (
        "score_now",
        "pipeline.py has no pipeline 'score_now'; there are: pipeline, score_new. Did",
    ),
    "one for others": ("_part", "pipeline.py has no pipeline '_part'; there are: pipeline, score_new."),
    "one that takes an artifact": ("with_note", "no pipeline 'with_note'; there are: pipeline, score_new."),
}


def test_a_name_that_is_none_is_refused_with_those_there_are(several: Project) -> None:
    for command, (name, words) in zip(("run", "deploy", "schedule"), WRONG.values(), strict=True):
        assert words in several.inv(command, name, code=1).stderr
    assert "one pipeline at a time: inv run pipeline" in several.inv("run", "pipeline", "x", code=1).stderr
    assert not (several.root / "runs").exists() and not (several.root / "build").exists()


def test_settings_are_for_all_that_take_them_or_for_one(several: Project) -> None:
    def given(name: str, text: str) -> dict[str, object]:
        several.write("invoke.yaml", SETTINGS.replace("parameters: {}", text))
        several.inv("run", name)
        parameters: dict[str, object] = several.record()["parameters"]
        return parameters

    text = "parameters: {n: 10, m: 20}\npipelines: {score_new: {n: 30}}"
    assert given("pipeline", text) == {"n": 10}
    assert given("score_new", text) == {"n": 30, "m": 20}


SLIPS = {
    "a parameter of none": ("parameters: {k: 1}", "invoke.yaml: the pipeline has no parameter 'k'."),
    "another's parameter": (
        "parameters: {}\npipelines: {pipeline: {m: 1}}",
        "invoke.yaml: pipelines: pipeline: the pipeline has no parameter 'm'.",
    ),
    "another type": (
        "parameters: {}\npipelines: {score_new: {m: x}}",
        "invoke.yaml: pipelines: score_new: parameter 'm' takes a value of type int, not 'x'.",
    ),
    "no pipeline": ("parameters: {}\npipelines: {scorenew: {m: 1}}", "no pipeline 'scorenew'; there are: pipeline, sc"),
    "no lines": (
        "parameters: {}\npipelines: {score_new: 1}",
        "score_new takes lines of 'parameter: value'.",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_the_settings_of_one_is_found(several: Project, slip: str) -> None:
    text, words = SLIPS[slip]
    several.write("invoke.yaml", SETTINGS.replace("parameters: {}", text))
    assert words in several.inv("compile", code=1).stderr


def test_lint_looks_at_all_and_a_run_only_at_its_own(several: Project) -> None:
    bad = "{{$.pipeline_job_name}}"
    tell = "\n\n@dsl.component\ndef tell(text: str):\n    print(text)\n"
    more = f'\n\n@dsl.pipeline\ndef telling():\n    tell(text="job {bad}")\n'
    text = SEVERAL + tell + more
    several.write("pipeline.py", text + more.replace("telling", "also").replace(bad, ""))
    assert "doubtful" not in several.inv("run").stdout
    said = several.inv("compile").stdout
    line = text.count("\n")
    assert f"doubtful: pipeline.py, line {line}: tell:" in said, (
        "the line of its own, not of the other that is called so"
    )


def test_a_name_that_no_cluster_takes_is_refused(flow: Project) -> None:
    flow.write("pipeline.py", PIPELINE + "\n\n@dsl.pipeline\ndef Scoring():\n    add(a=1)\n")
    flow.inv("run")
    said = flow.inv("compile", code=1).stderr
    assert "the pipeline 'Scoring' would be called 'flow-Scoring' on a cluster: use lower-case letters" in said


BROKEN = "\n\n@dsl.pipeline\ndef broken(k: int = 1):\n    add(b=k)\n"


def test_one_that_cannot_be_compiled_keeps_no_other_from_running(flow: Project) -> None:
    flow.write("pipeline.py", PIPELINE + BROKEN)
    flow.write("invoke.yaml", SETTINGS.replace("parameters: {}", "parameters: {n: 3, k: 2}"))
    flow.inv("run")
    line = PIPELINE.count("\n") + BROKEN.count("\n")
    for command in (["run", "broken"], ["deploy"], ["compile"]):
        said = flow.inv(*command, code=1).stderr
        assert f"pipeline.py cannot be compiled. Line {line}: TypeError: " in said and "adding()" in said
    flow.write("invoke.yaml", SETTINGS)
    part = BROKEN.replace("broken", "_part") + "\n\n@dsl.pipeline\ndef whole():\n    _part()\n"
    flow.write("pipeline.py", PIPELINE + part)
    assert f"Line {line}: TypeError: " in flow.inv("run", "whole", code=1).stderr, "where it is, not where it is called"


def test_the_first_may_be_missing_where_there_are_others(flow: Project) -> None:
    flow.write("pipeline.py", PIPELINE.replace("def pipeline", "def other"))
    assert "pipeline.py has no pipeline 'pipeline'; there are: other." in flow.inv("run", code=1).stderr
    flow.inv("run", "other")
    assert flow.inv("compile").stdout.split() == ["build/pipeline.other.yaml", "build/adding.yaml"]


def test_a_run_is_compared_with_the_latest_of_its_pipeline(several: Project) -> None:
    for name in ("pipeline", "score_new", "pipeline"):
        several.inv("run", name)
    newest, scored, oldest = [run["id"] for run in several.runs()]
    for ids in ([], [oldest]):
        said = several.inv("runs.compare", *ids).stdout.split()
        assert newest in said and oldest in said and scored not in said
    assert "that is one run" in several.inv("runs.compare", scored, code=1).stderr


def test_a_pipeline_in_another_is_the_same_in_each_compilation(flow: Project) -> None:
    """kfp alone renames what it brings along in another order each time."""
    body = "first = pipeline(n=n)\n    pipeline(n=n).after(first)\n    add(a=n)\n"
    twice = f"\n\n@dsl.pipeline\ndef twice(n: int = 1):\n    {body}"
    flow.write("pipeline.py", PIPELINE + twice)
    texts = set()
    for _ in range(3):
        flow.inv("compile")
        texts.add((flow.root / "build/pipeline.twice.yaml").read_text(encoding="utf-8"))
    assert len(texts) == 1
    flow.inv("run", "twice")
    assert sorted(filter(None, outputs(flow.record()).values())) == [2, 2, 2, 102, 102]
