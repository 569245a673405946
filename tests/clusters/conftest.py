"""A project, and the programs that make its cluster."""

import os
from pathlib import Path

import pytest

from helpers.manifests import MANIFESTS
from helpers.processes import free_port
from helpers.template import Bake
from stand_ins.cluster import Tools


@pytest.fixture
def project(bake: Bake, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = bake(project_slug="own-cluster")
    path = made / "invoke.yaml"
    text = path.read_text(encoding="utf-8")
    text = text.replace('kfp_manifests: ""', f"kfp_manifests: {MANIFESTS.as_posix()}")
    path.write_text(text.replace("localhost:8080", f"localhost:{free_port()}"), encoding="utf-8")
    monkeypatch.delenv("DISPLAY", raising=False)
    return made


@pytest.fixture
def tools(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    made = Tools(tmp_path / "tools", "own-cluster")
    monkeypatch.setenv("PATH", os.pathsep.join([str(made.folder / "bin"), os.environ["PATH"]]))
    return made
