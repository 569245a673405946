"""A server, and a project whose cluster it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.flow import SETTINGS, Project
from stand_ins.kfp import Kfp


@pytest.fixture
def kfp() -> Iterator[Kfp]:
    server = Kfp()
    yield server
    server.shutdown()


@pytest.fixture
def project(kfp: Kfp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project of one component, used twice, whose cluster is the server; no Docker engine is there to ask."""
    for name in ("KFP_TOKEN", "KFP_TOKEN_FILE", "KFP_KUBE_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    monkeypatch.setenv("KF_TEMPLATE_POLL_SECONDS", "0.05")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    made = Project(tmp_path / "flöw with spaces")
    made.write("invoke.yaml", SETTINGS + f"kfp_host: {kfp.host}\n")
    made.write("pyproject.toml", '[project]\nname = "flow"\nversion = "1.2.3"\n')
    return made
