"""A server, and a project whose cluster it is."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.flow import SETTINGS, Project
from stand_ins.kfp import Kfp
from stand_ins.kubectl import KUBECTL
from stand_ins.programs import START


@pytest.fixture
def kfp() -> Iterator[Kfp]:
    server = Kfp()
    yield server
    server.shutdown()


@pytest.fixture
def project(kfp: Kfp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project of one component, used twice, that may write to the server; no Docker engine is there to ask."""
    for name in ("KFP_TOKEN", "KFP_TOKEN_FILE", "KFP_KUBE_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    monkeypatch.setenv("KF_TEMPLATE_POLL_SECONDS", "0.05")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    made = Project(tmp_path / "flöw with spaces")
    made.write("invoke.yaml", SETTINGS + f"kfp_host: {kfp.host}\n")
    agreed = tmp_path / "state" / "kf-template" / "hosts.json"
    agreed.parent.mkdir(parents=True)
    agreed.write_text(json.dumps({str(made.root): [kfp.host]}), encoding="utf-8")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made.write("pyproject.toml", '[project]\nname = "flow"\nversion = "1.2.3"\n')
    return made


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A kubectl that knows the kind cluster, and one pod of the step `adding` with the status that is given."""
    pods = tmp_path / "pods.json"
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(KUBECTL.format(start=START, pods=str(pods), folder=str(tmp_path)), encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", os.pathsep.join([str(program.parent), os.environ["PATH"]]))

    def pod(status: dict[str, Any], memory: str = "1Gi") -> None:
        notes = {"workflows.argoproj.io/node-name": "flow-x1(0).root(0).adding(0).executor(0)"}
        spec = {"containers": [{"name": "main", "resources": {"requests": {"cpu": "500m", "memory": memory}}}]}
        metadata = {"name": "flow-x1-system-container-impl-1", "annotations": notes}
        pods.write_text(
            json.dumps({"items": [{"metadata": metadata, "spec": spec, "status": status}]}), encoding="utf-8"
        )

    pod({})
    return pod
