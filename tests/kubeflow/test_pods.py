"""What kubectl tells of a run."""

import json
import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.flow import Project
from stand_ins.kfp import Kfp, script, task
from stand_ins.kubectl import KUBECTL


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """A kubectl that knows the kind cluster, and one pod of the step `adding` with the status that is given."""
    pods = tmp_path / "pods.json"
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(KUBECTL.format(python=sys.executable, pods=str(pods)), encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", os.pathsep.join([str(program.parent), os.environ["PATH"]]))

    def pod(status: dict[str, Any]) -> None:
        notes = {"workflows.argoproj.io/node-name": "flow-x1.root.adding.executor"}
        metadata = {"name": "flow-x1-system-container-impl-1", "annotations": notes}
        pods.write_text(json.dumps({"items": [{"metadata": metadata, "status": status}]}), encoding="utf-8")

    pod({})
    return pod


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
    kfp: Kfp, project: Project, kubectl: Callable[[dict[str, Any]], None], kind: str
) -> None:
    status, words = STUCK[kind]
    kubectl(status)
    kfp.script = [[task("adding", "RUNNING")]] * 10_000
    start = time.monotonic()
    said = project.inv("run", "--on", "cluster", code=1).stderr
    assert words in said
    assert time.monotonic() - start < 30
    assert "inv runs.watch" in said


def test_the_log_of_a_failed_step_is_fetched(
    kfp: Kfp, project: Project, kubectl: Callable[[dict[str, Any]], None]
) -> None:
    script(kfp, fails=True)
    said = project.inv("run", "--on", "cluster", code=1).stderr
    assert "adding: error: too few rows" in said
    assert "reading" in project.inv("runs.logs", "latest", "adding").stdout
