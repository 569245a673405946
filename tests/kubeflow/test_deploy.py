"""Deploying: versions of a pipeline on a server."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from helpers.credentials import holders
from helpers.docker_flow import DockerProject
from helpers.engine import needs_engine, needs_registry
from helpers.flow import Project
from stand_ins.kfp import Kfp, change, script


def test_a_changed_pipeline_becomes_a_version_and_an_unchanged_one_does_not(kfp: Kfp, project: Project) -> None:
    first = project.inv("deploy").stdout
    assert f"on {kfp.host}" in first
    assert "the images were not looked for in the registry: no Docker engine answers" in first
    (version,) = kfp.versions
    assert re.fullmatch(r"1\.2\.3-nogit-[0-9a-f]{8}", version["display_name"])
    assert f"deployed version {version['display_name']}" in first
    assert kfp.pipelines[0]["display_name"] == "flow"
    spec = next(yaml.safe_load_all(kfp.specs[version["pipeline_version_id"]]))
    assert spec["pipelineInfo"]["name"] == "flow"
    assert f"unchanged: version {version['display_name']}" in project.inv("deploy").stdout
    assert len(kfp.versions) == 1

    change(project, 1)
    project.inv("deploy")
    change(project, 0)
    project.adding_does("")
    project.inv("deploy")
    assert len(kfp.versions) == 3
    names = [each["display_name"] for each in kfp.versions]
    assert len(set(names)) == 3, "what came back is the newest again, under a name of its own"
    assert "unchanged" in project.inv("deploy").stdout


@needs_engine
@needs_registry
def test_images_that_the_registry_lacks_are_found_before_anything_is_uploaded(
    kfp: Kfp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = DockerProject(tmp_path / "images")
    monkeypatch.setenv("INVOKE_KFP_HOST", kfp.host)
    monkeypatch.setenv("KF_TEMPLATE_POLL_SECONDS", "0.05")
    try:
        for command in (["deploy", "--yes"], ["run", "--on", "cluster", "--yes"]):
            said = project.inv(*command, code=1).stderr
            assert "the registry does not hold the images of: adding. Push them: inv push" in said
        assert kfp.versions == []
        project.inv("push")
        project.inv("deploy", "--yes")
        script(kfp)
        project.inv("run", "--on", "cluster", "--yes")
        project.write("invoke.yaml", (project.root / "invoke.yaml").read_text().replace("5001", "5999"))
        assert "the registry localhost:5999 does not answer" in project.inv("deploy", "--yes", code=1).stderr
    finally:
        project.remove()


def test_a_version_is_named_for_the_commit(kfp: Kfp, project: Project) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], cwd=project.root, check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], cwd=project.root, capture_output=True, text=True).stdout
    project.inv("deploy")
    assert kfp.versions[0]["display_name"].startswith(f"1.2.3-{commit[:7]}-")
    assert commit.strip() in kfp.versions[0]["description"]


def test_two_deploys_at_once(kfp: Kfp, project: Project) -> None:
    """Somebody else makes the pipeline between the question and the answer."""

    def first_time() -> int | None:
        if not kfp.pipelines:
            kfp.pipelines.append({"display_name": "flow", "pipeline_id": "theirs"})
        return None

    kfp.faults["POST .*/pipelines$"] = first_time
    project.inv("deploy")
    assert kfp.versions[0]["pipeline_id"] == "theirs"


def test_a_credential_reaches_runs_and_schedules_and_no_version(kfp: Kfp, project: Project) -> None:
    secret = "hunter" + "2-4711"
    address = f"https://me:{secret}@example.invalid/x.csv"
    text = (
        (project.root / "pipeline.py").read_text(encoding="utf-8").replace("n: int = 3", 'n: int = 3, where: str = ""')
    )
    project.write("pipeline.py", text)
    settings = (project.root / "invoke.yaml").read_text(encoding="utf-8")
    nightly = "schedules: {nightly: {every: 1h}}\n"
    project.write("invoke.yaml", settings.replace("parameters: {}\n", f"parameters: {{where: '{address}'}}\n{nightly}"))
    said = project.inv("run", "--on", "cluster", "--detach").stdout + project.inv("schedule").stdout
    assert kfp.runs[0]["runtime_config"]["parameters"]["where"] == address
    assert kfp.recurring[0]["runtime_config"]["parameters"]["where"] == address
    (spec,) = kfp.specs.values()
    assert "https://***@example.invalid/x.csv" in spec
    assert secret not in said + spec
    assert [path for path in holders(project.root, secret) if path.name != "invoke.yaml"] == []
