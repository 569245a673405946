"""A secret in the environment stays there: it is in no file that generating, running, compiling or updating writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.git import git
from helpers.inv import inv
from helpers.template import TEMPLATE
from stand_ins.kfp import Kfp

PLANTED = "-".join(["planted", "4711"])  # not as it is in this file, which is in the template


VARIABLES = ("KFP_TOKEN", "AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_KEY", "DATABASE_PASSWORD", "GITHUB_TOKEN")


PASSWORD = "env_from_secrets: {DATABASE_PASSWORD: database/password}"


def holders(folder: Path) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(files) > 50
    return [path for path in files if PLANTED.encode() in path.read_bytes()]


def test_a_planted_secret_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, PLANTED)
    monkeypatch.setenv("PIP_INDEX_URL", f"https://me:{PLANTED}@index.example.com/simple")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "t")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "t@example.com")
    config = tmp_path / "config.yaml"
    config.write_text(f"cookiecutters_dir: {tmp_path / 'clones'}\nreplay_dir: {tmp_path / 'replay'}\n", "utf-8")
    monkeypatch.setenv("COOKIECUTTER_CONFIG", str(config))
    template = tmp_path / "template"
    git(tmp_path, "clone", "--quiet", str(TEMPLATE), str(template))
    cruft = [sys.executable, "-m", "cruft", "create", str(template), "--no-input"]
    subprocess.run(cruft, cwd=tmp_path, check=True, capture_output=True)
    command = [sys.executable, "-m", "cookiecutter", str(template), "--no-input", "project_slug=other"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert list((tmp_path / "replay").glob("*.json")), "a replay file was written"

    project = tmp_path / "my-kfp-project"
    settings = project / "invoke.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("steps: {}\n", f"steps: {{all: {{{PASSWORD}}}}}\n"), encoding="utf-8")
    said = inv(project, "run") + inv(project, "compile") + inv(project, "runs.logs", "latest")
    assert "DATABASE_PASSWORD" in (project / "build/pipeline.yaml").read_text(encoding="utf-8")
    server = Kfp()
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    monkeypatch.setenv("INVOKE_KFP_HOST", server.host)
    server.token = PLANTED
    said += (
        inv(project, "deploy", "--yes")
        + inv(project, "run", "--on", "cluster", "--detach", "--yes")
        + inv(project, "runs")
    )
    assert PLANTED not in json.dumps([server.specs, server.runs])
    server.token = "another"
    said += inv(project, "deploy", "--yes", code=1)
    assert PLANTED not in said
    assert holders(tmp_path) == []
    assert os.environ["KFP_TOKEN"] == PLANTED
