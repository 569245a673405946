"""Where a project may write: hosts that were agreed to, its own cluster, and pipelines that this repository made."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.flow import SETTINGS, Project
from helpers.terminal import invoke
from stand_ins.kfp import Kfp, change, script, set_up
from stand_ins.programs import Programs

DOCKER = """\
if arguments[0] == "ps" and f"publish={state['port']}" in line:
    end(0, state["container"] + "\\n")
if arguments[0] == "cp":
    end(0, "x" * 512 + state["owner"] + "\\0" * 100)
end(1, err="Cannot connect to the Docker daemon")
"""


def hosts(tmp_path: Path) -> Path:
    return tmp_path / "state" / "kf-template" / "hosts.json"


def test_without_a_terminal_nothing_is_sent_to_a_host_that_nobody_agreed_to(
    kfp: Kfp, project: Project, tmp_path: Path
) -> None:
    hosts(tmp_path).unlink()
    set_up(project, kfp, "schedules:\n  nightly: {cron: '0 3 * * *'}\n")
    for command in (["deploy"], ["run", "--on", "cluster"], ["schedule"]):
        said = project.start(*command, stdin=subprocess.DEVNULL)
        _, err = said.communicate(timeout=60)
        assert said.returncode == 1 and len(err.splitlines()) == 1, err
        assert f"{kfp.host} is another host, and nobody has agreed yet that flow may write there" in err
        assert "--yes" in err
    assert not kfp.pipelines and not kfp.versions and not kfp.runs and not [a for a in kfp.asked if "POST" in a]
    project.inv("deploy", "--yes")
    assert kfp.versions and not hosts(tmp_path).exists(), "what is said once with --yes is not remembered"
    script(kfp)
    project.inv("run", "--on", "cluster", "--yes")
    project.inv("schedule", "--yes")
    project.inv("schedule", "--dry-run")


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of its own")
def test_on_a_terminal_a_host_is_asked_about_once(kfp: Kfp, project: Project, tmp_path: Path) -> None:
    hosts(tmp_path).unlink()
    terminal = invoke(project.root, "deploy")
    terminal.watch(lambda screen: "[y/N]" in screen)
    os.write(terminal._main, b"n\n")
    assert "nothing was done" in terminal.watch()
    assert terminal.process.wait() == 1 and not kfp.versions
    terminal = invoke(project.root, "deploy")
    terminal.watch(lambda screen: "[y/N]" in screen)
    os.write(terminal._main, b"y\n")
    assert "deployed version" in terminal.watch()
    assert json.loads(hosts(tmp_path).read_text(encoding="utf-8")) == {str(project.root): [kfp.host]}
    assert "unchanged" in project.inv("deploy").stdout, "it is remembered"
    other = Project(tmp_path / "other")
    other.write("invoke.yaml", SETTINGS + f"kfp_host: {kfp.host}\n")
    other.write("pyproject.toml", '[project]\nname = "flow"\nversion = "1.2.3"\n')
    assert "nobody has agreed yet" in other.inv("deploy", code=1).stderr, "for this project alone"


def test_this_projects_own_cluster_is_known_by_its_mark_and_anothers_is_named(
    kfp: Kfp, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts(tmp_path).unlink()
    port = kfp.host.rpartition(":")[2]
    state = {"port": port, "container": "flow-control-plane", "owner": str(project.root), "faults": {}}
    tools = Programs(tmp_path / "tools", state, {"docker": DOCKER, "kubectl": "end(1)"})
    monkeypatch.setenv("PATH", os.pathsep.join([str(tools.folder / "bin"), os.environ["PATH"]]))
    project.inv("deploy")
    assert kfp.versions
    change(project, 1)
    tools.keep(owner="/home/somebody/flow")
    assert "the cluster that kind calls flow, and nobody has agreed" in project.inv("deploy", code=1).stderr
    tools.keep(container="theirs-control-plane")
    assert "the cluster that kind calls theirs, and nobody has agreed" in project.inv("deploy", code=1).stderr
    assert len(kfp.versions) == 1


def git(project: Project, *arguments: str) -> None:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments]
    subprocess.run(command, cwd=project.root, check=True, capture_output=True)


def test_a_pipeline_of_another_repository_is_refused(kfp: Kfp, project: Project) -> None:
    git(project, "init", "-q")
    git(project, "remote", "add", "origin", "https://name:word@example.com/team/flow.git")
    project.inv("deploy")
    assert kfp.versions[0]["description"].startswith("https://example.com/team/flow.git")
    git(project, "remote", "set-url", "origin", "git@example.com:team/flow.git")
    assert "unchanged" in project.inv("deploy").stdout, "the same repository, reached another way"
    git(project, "remote", "set-url", "origin", "git@example.com:others/flow.git")
    set_up(project, kfp, "schedules:\n  nightly: {cron: '0 3 * * *'}\n")
    for command in (["deploy", "--yes"], ["run", "--on", "cluster", "--yes"], ["schedule", "--yes"]):
        said = project.inv(*command, code=1).stderr
        assert f"the pipeline flow on {kfp.host} was made by https://example.com/team/flow.git, not by this" in said
        assert "another name in invoke.yaml (project)" in said and "inv deploy --take-over" in said
    assert len(kfp.versions) == 1 and not kfp.recurring and not kfp.runs
    project.inv("deploy", "--take-over")
    assert len(kfp.versions) == 2, "a version that says whose it is, though nothing else changed"
    assert "unchanged" in project.inv("deploy").stdout


def test_a_pipeline_that_says_nothing_is_taken_over_once_it_was_said(kfp: Kfp, project: Project) -> None:
    project.inv("deploy")
    kfp.versions[0]["description"] = "0123abc"  # as an early template left it, of a repository without a remote
    said = project.inv("deploy", code=1).stderr
    assert f"The pipeline flow on {kfp.host} does not say which repository made it" in said and "--yes" in said
    project.inv("deploy", "--yes")
    assert len(kfp.versions) == 2
    assert "unchanged" in project.inv("deploy").stdout
