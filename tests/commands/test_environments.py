"""Environments: files beside invoke.yaml, one of which acts, and may want to be asked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.flow import Project
from helpers.inv import inv

ASKS = {
    "deploy": ("deploy",),
    "schedule": ("schedule",),
    "a run on the cluster": ("run", "--on", "cluster"),
    "push": ("push",),
}
NOWHERE = "kfp_host: http://localhost:9\nregistry: localhost:9\n"


@pytest.fixture
def project(flow: Project) -> Path:
    (flow.root / "environments").mkdir()
    flow.write("environments/staging.yaml", NOWHERE)
    flow.write("environments/production.yaml", f"{NOWHERE}ask: true\nexperiment: live\n")
    return flow.root


@pytest.mark.parametrize("command", ASKS)
def test_production_asks_before_anything_outside_is_changed(project: Path, command: str) -> None:
    said = inv(project, *ASKS[command], code=1, KF_ENVIRONMENT="production")
    assert "error: production asks before" in said.stderr and "say it with --yes" in said.stderr
    assert said.stderr.count("environment: production\n") == 1
    agreed = inv(project, *ASKS[command], "--yes", code=1, KF_ENVIRONMENT="production", DOCKER_HOST="unix:///nowhere")
    assert "asks before" not in agreed, "it went on, and found nothing there"
    other = inv(project, *ASKS[command], code=1, KF_ENVIRONMENT="staging", DOCKER_HOST="unix:///nowhere")
    assert "environment: staging\n" in other.stderr and "asks before" not in other


def test_the_file_and_the_variable_choose_the_same(project: Path) -> None:
    said = inv(project, "-f", "environments/production.yaml", "deploy", code=1)
    assert "environment: production\n" in said.stderr and "production asks before something is deployed" in said
    above = inv(project, "-f", "environments/staging.yaml", "compile", KF_ENVIRONMENT="production")
    assert above.stderr == "environment: staging\n"
    assert "image: localhost:9/flow/adding:" in (project / "build/pipeline.yaml").read_text(encoding="utf-8")


def test_what_changes_nothing_outside_asks_nothing(project: Path) -> None:
    said = inv(project, "compile", KF_ENVIRONMENT="production")
    assert "asks" not in said
    assert inv(project, "compile").stderr == "", "without one there is no line"
    listed = inv(project, "runs", "--json", KF_ENVIRONMENT="production")
    assert json.loads(listed.stdout) == []


def test_a_run_says_of_which_environment_it_was(project: Path, flow: Project) -> None:
    inv(project, "run", KF_ENVIRONMENT="staging")
    record = flow.record()
    assert record["environment"] == "staging" and flow.runs()[0]["environment"] == "staging"
    assert "of      the environment staging" in flow.inv("runs.show").stdout
    page = project / flow.inv("runs.report").stdout.strip()
    assert "<p>Environment: <code>staging</code></p>" in page.read_text(encoding="utf-8")
    del record["environment"]
    flow.write(f"runs/{record['id']}/run.json", json.dumps(record))  # as earlier versions wrote it
    assert "the environment" not in flow.inv("runs.show").stdout and flow.runs()[0]["environment"] == ""
    flow.inv("run")
    assert flow.record()["environment"] == "", "without one there is none"


def test_a_slip_is_said_with_the_name_of_its_file(project: Path) -> None:
    said = inv(project, "compile", code=1, KF_ENVIRONMENT="prodution")
    assert "there is no file environments/prodution.yaml; there are: production, staging." in said
    assert "Did you mean 'production'?" in said
    (project / "environments/staging.yaml").write_text("kfp_hots: x\n", encoding="utf-8")
    said = inv(project, "compile", code=1, KF_ENVIRONMENT="staging")
    assert "environments" in said and "there is no setting 'kfp_hots'" in said and "'kfp_host'?" in said
    (project / "environments/staging.yaml").write_text("ask: perhaps\n", encoding="utf-8")
    assert "staging.yaml: ask takes true or false, not 'perhaps'." in inv(
        project, "compile", code=1, KF_ENVIRONMENT="staging"
    )


def test_lint_looks_at_all_of_them(project: Path, flow: Project) -> None:
    flow.write("environments/staging.yaml", "ask: perhaps\n")
    said = flow.inv("lint", code=1)
    assert "environments/staging.yaml: ask takes true or false, not 'perhaps'." in said.stdout
    assert "a file of environments/ is wrong" in said.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_on_a_terminal_a_no_ends_it(project: Path) -> None:
    import os
    import pty

    ours, theirs = pty.openpty()
    os.write(ours, b"n\n")
    command = [sys.executable, "-m", "invoke", "deploy"]
    result = subprocess.run(
        command,
        cwd=project,
        env={**os.environ, "KF_ENVIRONMENT": "production"},
        stdin=theirs,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 1 and "production asks before something is deployed" in result.stdout
    assert "nothing was done" in result.stderr


def test_a_new_project_has_two_and_production_asks(default_project: Path) -> None:
    asked = inv(default_project, "deploy", code=1, KF_ENVIRONMENT="production").stderr
    assert "error: production asks before something is deployed to http://localhost:8080" in asked
    acts = inv(default_project, "run", "nosuch", code=1, KF_ENVIRONMENT="staging").stderr
    assert acts.startswith("environment: staging\nerror: pipeline.py has no pipeline 'nosuch'")
