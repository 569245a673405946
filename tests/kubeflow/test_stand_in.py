"""The stand-in server beside the recordings, field by field. Of errors, pipelines and versions nothing was recorded:
those are held to the models of KFP's own client (`stand_ins/kfp.py`, `checked`)."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from stand_ins.kfp import Kfp
from stand_ins.recordings import recorded, task

ALSO = {"plugins_output"}  # of a run that is over: what MLflow would have said, had it been there


def fields(thing: Any) -> Any:
    """The names of a thing's fields and what kind each is; whole where it is an object in it."""
    if isinstance(thing, dict):
        return {name: fields(value) for name, value in thing.items() if name not in ALSO}
    return type(thing).__name__


def ask(kfp: Kfp, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(f"{kfp.host}/apis/{path}", data, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_a_run_has_the_recorded_fields_in_both_versions_of_the_api(kfp: Kfp) -> None:
    recording = recorded("ok")
    given = {name: recording["v2beta1"][name] for name in ("display_name", "description", "runtime_config")}
    given |= {"pipeline_version_reference": recording["v2beta1"]["pipeline_version_reference"]}
    kfp.script = [[task("gathering", "SUCCEEDED")]]
    made = ask(kfp, "v2beta1/runs", {**given, "experiment_id": recording["v2beta1"]["experiment_id"]})
    told = ask(kfp, f"v2beta1/runs/{made['run_id']}")
    assert fields(told) == fields(recording["v2beta1"])
    first = ask(kfp, f"v1beta1/runs/{made['run_id']}")
    assert isinstance(first["pipeline_runtime"]["workflow_manifest"], str), "as JSON in a text"
    first["pipeline_runtime"]["workflow_manifest"] = json.loads(first["pipeline_runtime"]["workflow_manifest"])
    real = json.loads(json.dumps(recording["v1beta1"]))
    for document in (first, real):
        status = document["pipeline_runtime"]["workflow_manifest"]["status"]
        status["nodes"] = sorted({name for node in status["nodes"].values() for name in node if name != "outputs"})
        status["finishedAt"] = str(status["finishedAt"])
    nodes = [document["pipeline_runtime"]["workflow_manifest"]["status"].pop("nodes") for document in (first, real)]
    assert fields(first) == fields(real) and set(nodes[0]) <= set(nodes[1])


def test_a_recurring_run_has_the_recorded_fields(kfp: Kfp) -> None:
    real = recorded("recurring")
    for item in real["recurringRuns"]:
        given = ("display_name", "description", "pipeline_version_reference", "runtime_config", "trigger", "mode")
        body = {name: item[name] for name in (*given, "no_catchup", "experiment_id")}
        ask(kfp, "v2beta1/recurringruns", {**body, "max_concurrency": 1})
    listed = ask(kfp, "v2beta1/recurringruns")
    assert [fields(item) for item in listed["recurringRuns"]] == [fields(item) for item in real["recurringRuns"]]
    assert {name: type(value) for name, value in listed.items()} == {name: type(value) for name, value in real.items()}


def test_what_is_not_there_is_answered_as_such(kfp: Kfp) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(kfp, "v2beta1/runs/none")
    assert refused.value.code == 404 and json.load(refused.value)["code"] == 5
