"""What kubectl tells of a run."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from helpers.flow import Project
from stand_ins.kfp import Kfp, script, task

WAITING = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "localhost:5001/flow/adding:1"'}
STUCK: dict[str, tuple[dict[str, Any], str]] = {
    "an image that cannot be pulled": (
        {"containerStatuses": [{"state": {"waiting": WAITING}}]},
        "adding cannot start: ImagePullBackOff: Back-off pulling image",
    ),
    "a pod that fits on no node": (
        {"conditions": [{"reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient memory."}]},
        "adding cannot start: no node takes it: 0/1 nodes are available: 1 Insufficient memory.",
    ),
}

SELECTOR = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
STUCK["a selector that no node has"] = (
    {"conditions": [{"reason": "Unschedulable", "message": SELECTOR}]},
    f"adding cannot start: no node takes it: {SELECTOR}",
)
STUCK["a taint that somebody has put on the node"] = (
    {"conditions": [{"reason": "Unschedulable", "message": "1 node(s) had untolerated taint {gpu: true}"}]},
    "adding cannot start: no node takes it: 1 node(s) had untolerated taint {gpu: true}",
)
PASSING = [
    "0/1 nodes are available: 1 Insufficient memory.",
    "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector.",
    "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.",
]


@pytest.mark.parametrize("kind", STUCK)
def test_a_step_that_cannot_start_ends_the_watch(
    kfp: Kfp, project: Project, kubectl: Callable[..., None], kind: str
) -> None:
    status, words = STUCK[kind]
    kubectl(status, "8Gi" if kind == "a pod that fits on no node" else "1Gi")
    kfp.script = [[task("adding", "RUNNING")]] * 10_000
    start = time.monotonic()
    said = project.inv("run", "--on", "cluster", code=1).stderr
    assert words in said
    assert time.monotonic() - start < 30
    assert "inv runs.watch" in said


@pytest.mark.parametrize("message", PASSING)
def test_a_step_that_waits_for_what_may_pass_is_waited_for(
    kfp: Kfp, project: Project, kubectl: Callable[..., None], monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    monkeypatch.setenv("KF_TEMPLATE_LOOK_SECONDS", "0")
    kubectl({"conditions": [{"reason": "Unschedulable", "message": message}]})
    kfp.script = [[task("adding", "PENDING")]] * 20 + [[task("adding", "SUCCEEDED", 7)]]
    said = project.inv("run", "--on", "cluster").stdout
    assert said.count(f"waits for a node: {message}") == 1
    assert project.runs()[0]["status"] == "succeeded"


def test_a_step_that_waits_too_long_ends_the_watch(
    kfp: Kfp, project: Project, kubectl: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KF_TEMPLATE_LOOK_SECONDS", "0")
    monkeypatch.setenv("KF_TEMPLATE_PATIENCE_SECONDS", "1")
    kubectl(STUCK["a pod that fits on no node"][0])
    kfp.script = [[task("adding", "PENDING")]] * 10_000
    assert "adding cannot start: no node takes it: 0/1" in project.inv("run", "--on", "cluster", code=1).stderr
    step = project.runs()[0]["steps"][0]
    assert (step["status"], step["reason"][:30]) == ("pending", "waits for a node: 0/1 nodes ar"), "shown as waiting"


def test_the_log_of_a_failed_step_is_fetched(kfp: Kfp, project: Project, kubectl: Callable[..., None]) -> None:
    script(kfp, fails=True)
    said = project.inv("run", "--on", "cluster", code=1).stderr
    assert "adding: error: too few rows" in said
    assert "reading" in project.inv("runs.logs", "latest", "adding").stdout
