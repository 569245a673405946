"""What a real KFP 2.17.0 answered (`kfp_recordings`), whole, as of any moment, or with other names and times."""

import copy
import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).with_name("kfp_recordings")
NEVER = "1970-01-01T00:00:00Z"
# Argo's phase of a node -> the state of its task in the API (backend/src/apiserver/model/run.go, ToV2).
STATES = {"Pending": "PENDING", "Running": "RUNNING", "Succeeded": "SUCCEEDED", "Skipped": "SKIPPED"}
STATES |= {"Failed": "FAILED", "Error": "FAILED"}


def now(shift: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=shift)).strftime("%Y-%m-%dT%H:%M:%SZ")


def recorded(name: str) -> dict[str, Any]:
    """A recording: `v2beta1` and `v1beta1` are what the API said of one run."""
    found: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def run_like(own: dict[str, Any]) -> dict[str, Any]:
    """A run as the server tells of one that was just started: the recorded one's fields, and what is its `own`."""
    found: dict[str, Any] = copy.deepcopy(recorded("ok")["v2beta1"])
    for name in ("pipeline_version_reference", "run_details", "plugins_output"):
        found.pop(name)
    moment = {"created_at": now(-5), "scheduled_at": now(-5), "finished_at": NEVER, "state": "PENDING"}
    history = [{"update_time": now(-5), "state": "PENDING"}]
    return found | moment | {"state_history": history} | {name: value for name, value in own.items() if value}


def first_version(run: dict[str, Any], workflow: str, nodes: dict[str, Any], pipeline: str) -> dict[str, Any]:
    """What version 1 of the API says of such a run: the recorded fields, with this workflow and pipeline."""
    found: dict[str, Any] = copy.deepcopy(recorded("ok")["v1beta1"])
    about, manifest = found["run"], found["pipeline_runtime"]["workflow_manifest"]
    about |= {"id": run["run_id"], "name": run.get("display_name", ""), "created_at": run["created_at"]}
    about |= {"description": run.get("description", ""), "finished_at": run.get("finished_at", NEVER)}
    about["pipeline_spec"] |= {"pipeline_manifest": pipeline}
    about["status"] = run.get("state", "PENDING").capitalize()
    manifest["metadata"] |= {"name": workflow, "generateName": "flow-"}
    manifest["status"] |= {"phase": "Running", "finishedAt": None, "nodes": nodes}
    return found


def recurring_like(own: dict[str, Any]) -> dict[str, Any]:
    """A recurring run as the server tells of one: the recorded fields, and what is its `own`."""
    found: dict[str, Any] = copy.deepcopy(recorded("recurring")["recurringRuns"][0])
    status = "ENABLED" if own["mode"] == "ENABLE" else "DISABLED"
    moment = {"created_at": now(), "updated_at": now(), "status": status, "recurring_run_id": str(uuid.uuid4())}
    given = {name: value for name, value in own.items() if value is not None}
    return found | moment | given | {"max_concurrency": str(own["max_concurrency"])}


@dataclass
class Task:
    """A task of a run that a test makes up."""

    name: str
    state: str
    seconds: float = 5
    message: str = "main: Error (exit code 1)"


def task(name: str, state: str, seconds: float = 5, **more: Any) -> Task:
    return Task(name, state, seconds, **more)


def fnv(name: str) -> int:
    """The hash that Argo makes a node's id of."""
    value = 2166136261
    for byte in name.encode():
        value = ((value ^ byte) * 16777619) % 2**32
    return value


# The recording and the task in it whose nodes stand for a task in each state.
LIKE = {"CACHED": ("cached", "gathering"), "FAILED": ("fail", "preprocessing"), "OMITTED": ("fail", "training")}


def nodes_of(tasks: list[Task], workflow: str) -> dict[str, Any]:
    """The nodes of Argo's workflow of a run: recorded ones, renamed."""
    found = [_renamed(node, "", "", workflow) for node in _recorded_nodes("ok") if _of_the_run(node["name"])]
    for each in tasks:
        recording, name = LIKE.get(each.state, ("ok", "gathering"))
        for node in _recorded_nodes(recording):
            if re.search(rf"\.root\(0\)\.{name}(-driver)?(\(0\)|$)", node["name"]):
                made = _renamed(node, name, each.name, workflow)
                if _at(made, each):
                    found.append(made)
    return {node["id"]: node for node in found}


def _recorded_nodes(recording: str) -> list[dict[str, Any]]:
    manifest = recorded(recording)["v1beta1"]["pipeline_runtime"]["workflow_manifest"]
    return list(copy.deepcopy(manifest["status"]["nodes"]).values())


def _of_the_run(name: str) -> bool:
    return bool(re.fullmatch(r"[\w-]+(\(0\)(\.root(-driver)?(\(0\))?)?)?", name))


def _renamed(node: dict[str, Any], old: str, new: str, workflow: str) -> dict[str, Any]:
    before = node["name"].split("(")[0]
    text = json.dumps(node)
    if old:
        text = re.sub(rf"(?<=[.\"]){old}(?=(-driver)?(\(0\))?[.\"])", new, text)
        text = text.replace(f"localhost:5002/my-kfp-project/{old}:", "localhost:5001/flow/adding:")
    made: dict[str, Any] = json.loads(text.replace(before, workflow))
    made["id"] = workflow if made["name"] == workflow else f"{workflow}-{fnv(made['name'])}"
    return made


def _at(node: dict[str, Any], task: Task) -> bool:
    """Put a node at the time and the state of its task; whether there would be such a node."""
    driver = "-driver" in node["displayName"]
    end = datetime.now(UTC).replace(microsecond=0)
    node["startedAt"] = f"{end - timedelta(seconds=task.seconds):%Y-%m-%dT%H:%M:%SZ}"
    node["finishedAt"] = f"{end:%Y-%m-%dT%H:%M:%SZ}" if task.state != "CACHED" else node["startedAt"]
    if task.state in ("PENDING", "RUNNING") and not driver:
        node["phase"], node["finishedAt"] = "Running", None
        node.pop("outputs", None)
        if node["type"] == "Pod":
            node["phase"] = task.state.capitalize()
    if task.state == "FAILED" and "message" in node:
        node["message"] = task.message
    return True


def details_of(nodes: dict[str, Any], run_id: str) -> list[dict[str, Any]]:
    """The `task_details` of a run, which the server makes of the nodes of its workflow, a task for each."""
    found = []
    for node in nodes.values():
        state = STATES.get(node["phase"])
        detail: dict[str, Any] = {"run_id": run_id, "task_id": str(uuid.uuid5(uuid.NAMESPACE_URL, node["id"]))}
        detail |= {"display_name": node["displayName"], "create_time": node["startedAt"]}
        detail |= {"start_time": node["startedAt"], "end_time": node.get("finishedAt") or NEVER}
        detail |= {"state": state} if state else {}
        detail["state_history"] = [{"update_time": node["startedAt"], **({"state": state} if state else {})}]
        if node.get("children"):
            detail["child_tasks"] = [{"pod_name": child} for child in node["children"]]
        found.append(detail)
    return sorted(found, key=lambda each: str(each["task_id"]))


def as_of(recording: dict[str, Any], moment: str) -> dict[str, Any]:
    """A recorded run as it was at a moment."""
    found = copy.deepcopy(recording)
    status = found["v1beta1"]["pipeline_runtime"]["workflow_manifest"]["status"]
    status["nodes"] = {key: node for key, node in status["nodes"].items() if node["startedAt"] <= moment}
    for node in status["nodes"].values():
        if node["finishedAt"] > moment:
            node.update(phase="Running", finishedAt=None)
            node.pop("outputs", None)
    run = found["v2beta1"]
    executions: list[Any] = [each for each in run["run_details"]["task_details"] if each.get("execution_id")]
    executions = [{**each, "end_time": min(each["end_time"], moment)} for each in executions]
    executions = [each for each in executions if each["start_time"] <= moment]
    run["run_details"]["task_details"] = [*details_of(status["nodes"], run["run_id"]), *executions]
    if run["finished_at"] > moment:
        run.update(state="RUNNING", finished_at=NEVER)
        status.update(phase="Running", finishedAt=None)
    return found
