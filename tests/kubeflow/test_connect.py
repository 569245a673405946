"""Connecting: logins, namespaces, versions of the server, and servers that refuse."""

from pathlib import Path
from typing import Any

import pytest

from helpers.flow import SETTINGS, Project
from stand_ins.kfp import Kfp, set_up


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (401, "wants a login: give a token in KFP_TOKEN"),
        (403, "does not let you act in its namespace: check kfp_namespace, and your role there. made to fail with 403"),
        (404, "has no such thing: made to fail with 404"),
        (500, "failed (500): made to fail with 500. Try again"),
        (409, "refused it (409): made to fail with 409"),
        ("html", "answers with a page instead of the KFP API: it wants a login, or is something else"),
        ("login", "answers with a page instead of the KFP API: it wants a login, or is something else"),
        ("drop", "no KFP API answers at http://localhost:"),
    ],
)
@pytest.mark.parametrize("where", ["healthz", "GET .*/pipelines$"])
def test_a_server_that_refuses_is_said_in_a_sentence(
    kfp: Kfp, project: Project, where: str, fault: Any, words: str
) -> None:
    kfp.faults[where] = fault
    if where != "healthz":
        if fault == "html":
            pytest.skip("the SDK takes a page for an empty answer; the first question finds it out")
        late = {"drop": "stopped answering", "login": "has no such thing"}
        words = late.get(fault, words)
    said = project.inv("deploy", code=1).stderr
    assert words in said
    assert len(said.splitlines()) == 1, said
    kfp.faults.clear()
    project.inv("deploy")


def test_no_server(project: Project, kfp: Kfp) -> None:
    project.write("invoke.yaml", SETTINGS + "kfp_host: http://localhost:9\n")
    said = project.inv("deploy", code=1).stderr
    assert "no KFP API answers at http://localhost:9 (connection refused). Start a cluster: inv cluster.up" in said
    project.write("invoke.yaml", SETTINGS + "kfp_host: https://kubeflow.invalid\n")
    assert "Check kfp_host in invoke.yaml, the network" in project.inv("deploy", code=1).stderr
    project.write("invoke.yaml", SETTINGS + "kfp_host: kubeflow\n")
    assert "kfp_host 'kubeflow' must be an address, as in http://localhost:8080" in project.inv("deploy", code=1).stderr


def test_a_token_from_the_environment_or_a_file(kfp: Kfp, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    kfp.token = "word"
    assert "wants a login" in project.inv("deploy", code=1).stderr
    file = project.root / "token"
    monkeypatch.setenv("KFP_TOKEN_FILE", str(file))
    assert f"KFP_TOKEN_FILE names {file}, which is no file" in project.inv("deploy", code=1).stderr
    file.write_text("word\n", encoding="utf-8")
    project.inv("deploy")
    monkeypatch.delenv("KFP_TOKEN_FILE")
    monkeypatch.setenv("KFP_TOKEN", "word")
    said = project.inv("deploy")
    assert "word" not in said.stdout + said.stderr


def test_a_kubeflow_with_users_wants_a_namespace(kfp: Kfp, project: Project) -> None:
    kfp.multi_user = True
    assert "a Kubeflow with users: set kfp_namespace" in project.inv("deploy", code=1).stderr
    set_up(project, kfp, "kfp_namespace: team\n")
    assert f"on {kfp.host}, namespace team" in project.inv("deploy").stdout
    assert kfp.pipelines[0]["namespace"] == "team"


def test_a_server_of_another_version_is_a_warning_that_names_both(kfp: Kfp, project: Project) -> None:
    kfp.version = "2.5.0"
    assert "warning: the server is KFP 2.5.0, and this project's kfp 2.17.0" in project.inv("deploy").stdout


def test_the_ui_hands_on_the_api_and_says_its_health_in_other_words(kfp: Kfp, project: Project) -> None:
    kfp.ui = {"apiServerReady": True, "apiServerTagName": "2.5.0", "multi_user": False, "frontendTagName": "2.5.0"}
    assert "warning: the server is KFP 2.5.0" in project.inv("deploy").stdout
    kfp.ui = {"apiServerReady": False, "frontendTagName": "2.17.0"}
    said = project.inv("deploy", code=1).stderr
    assert f"the UI answers at {kfp.host}, but the API server behind it does not: inv cluster.status" in said


def test_a_token_goes_unencrypted_to_this_machine_alone(
    kfp: Kfp, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("word\n", encoding="utf-8")
    project.inv("deploy")
    for name, value in (("KFP_TOKEN", "word"), ("KFP_TOKEN_FILE", str(file))):
        monkeypatch.setenv(name, value)
        project.inv("deploy")
        monkeypatch.setenv("INVOKE_KFP_HOST", "http://kubeflow.invalid")
        for command in (["deploy"], ["run", "--on", "cluster"], ["schedule"], ["runs", "--on", "cluster"]):
            said = project.inv(*command, code=1).stderr
            assert f"{name} would go to http://kubeflow.invalid unencrypted" in said
            assert "kfp_token_over_http: true" in said
        monkeypatch.setenv("INVOKE_KFP_TOKEN_OVER_HTTP", "1")
        assert "no KFP API answers at http://kubeflow.invalid" in project.inv("deploy", code=1).stderr
        for gone in (name, "INVOKE_KFP_HOST", "INVOKE_KFP_TOKEN_OVER_HTTP"):
            monkeypatch.delenv(gone)
