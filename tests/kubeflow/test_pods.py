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


@pytest.mark.parametrize("kind", STUCK)
def test_a_step_that_cannot_start_ends_the_watch(
    kfp: Kfp, project: Project, kubectl: Callable[..., None], kind: str
) -> None:
    status, words = STUCK[kind]
    kubectl(status, "8Gi")
    kfp.script = [[task("adding", "RUNNING")]] * 10_000
    start = time.monotonic()
    said = project.inv("run", "--on", "cluster", code=1).stderr
    assert words in said
    assert time.monotonic() - start < 30
    assert "inv runs.watch" in said


def test_a_step_that_waits_for_others_to_end_is_waited_for(
    kfp: Kfp, project: Project, kubectl: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KF_TEMPLATE_LOOK_SECONDS", "0")
    kubectl(STUCK["a pod that fits on no node"][0])
    kfp.script = [[task("adding", "PENDING")]] * 20 + [[task("adding", "SUCCEEDED", 7)]]
    said = project.inv("run", "--on", "cluster").stdout
    assert said.count("waits for a node: 0/1 nodes are available: 1 Insufficient memory.") == 1
    assert project.runs()[0]["status"] == "succeeded"


def test_a_step_that_waits_too_long_ends_the_watch(
    kfp: Kfp, project: Project, kubectl: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KF_TEMPLATE_LOOK_SECONDS", "0")
    monkeypatch.setenv("KF_TEMPLATE_PATIENCE_SECONDS", "1")
    kubectl(STUCK["a pod that fits on no node"][0])
    kfp.script = [[task("adding", "PENDING")]] * 10_000
    assert "adding cannot start: no node takes it: 0/1" in project.inv("run", "--on", "cluster", code=1).stderr


def test_the_log_of_a_failed_step_is_fetched(kfp: Kfp, project: Project, kubectl: Callable[..., None]) -> None:
    script(kfp, fails=True)
    said = project.inv("run", "--on", "cluster", code=1).stderr
    assert "adding: error: too few rows" in said
    assert "reading" in project.inv("runs.logs", "latest", "adding").stdout
