"""The life of a pipeline on a cluster, against a server that speaks KFP 2.17's API as far as the project uses it."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import needs_engine
from kfp_server import Kfp, now, recorded, task
from test_docker import DockerProject
from test_engine import SETTINGS, Project, wait_for
from test_images import needs_registry


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


def set_up(project: Project, kfp: Kfp, text: str) -> None:
    project.write("invoke.yaml", SETTINGS + f"kfp_host: {kfp.host}\n" + text)


def change(project: Project, number: int) -> None:
    project.adding_does(f"pass  # {number}")


# Deploy


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
        for command in (["deploy"], ["run", "--on", "cluster"]):
            said = project.inv(*command, code=1).stderr
            assert "the registry does not hold the images of: adding. Push them: inv push" in said
        assert kfp.versions == []
        project.inv("push")
        project.inv("deploy")
        script(kfp)
        project.inv("run", "--on", "cluster")
        project.write("invoke.yaml", (project.root / "invoke.yaml").read_text().replace("5001", "5999"))
        assert "the registry localhost:5999 does not answer" in project.inv("deploy", code=1).stderr
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


# Connecting


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


# Run


def script(kfp: Kfp, *, fails: bool = False) -> None:
    done = "FAILED" if fails else "SUCCEEDED"
    kfp.script = [
        [],
        [task("adding", "RUNNING")],
        [task("adding", done, 7), *([] if fails else [task("adding-2", "PENDING")])],
        [task("adding", done, 7), *([] if fails else [task("adding-2", "CACHED", 0)])],
    ]
    kfp.end = done


@pytest.mark.parametrize("workflow", ["with its workflow", "without"])
def test_a_run_is_followed_to_its_end_and_kept_as_a_record(kfp: Kfp, project: Project, workflow: str) -> None:
    script(kfp)
    if workflow == "without":
        kfp.faults["GET /apis/v1beta1"] = 403
    said = project.inv("run", "--on", "cluster", "--experiment", "trial", "--name", "first", "-p", "n=4").stdout
    (run,) = kfp.runs
    assert run["display_name"] == "first"
    assert run["runtime_config"]["parameters"] == {"n": 4}
    reference = run["pipeline_version_reference"]
    assert reference["pipeline_version_id"] == kfp.versions[0]["pipeline_version_id"]
    assert kfp.experiments[0]["display_name"] == "trial"
    assert f"{kfp.host}/#/runs/details/{run['run_id']}" in said
    lines = [line.split() for line in said.splitlines() if line.startswith("  adding")]
    assert lines == [
        ["adding", "running"],
        ["adding", "succeeded", "7.0", "s"],
        ["adding-2", "pending"],
        ["adding-2", "cached", "0.0", "s"],
    ]
    record = project.record()
    assert (record["engine"], record["status"], record["remote"]["run_id"]) == ("cluster", "succeeded", run["run_id"])
    assert record["images"]["adding"].startswith("localhost:5001/flow/adding:")
    listed = project.inv("runs").stdout
    assert re.search(r"cluster +succeeded .* 1/2", listed)
    assert run["run_id"] in project.inv("runs.show", "latest").stdout
    path = re.search(r"^report: (.*)$", said, re.MULTILINE)
    assert path, "a run on a cluster has a page too"
    page = (project.root / path[1]).read_text(encoding="utf-8")
    assert f'<a href="{kfp.host}/#/runs/details/{run["run_id"]}">' in page
    assert re.search(r'<g class="succeeded"><title>adding</title>.*<g class="cached"><title>adding-2</title>', page)
    assert "instead of <code>3</code>" in page


def test_without_cache_every_task_of_the_run_has_it_off(kfp: Kfp, project: Project) -> None:
    pipeline = (project.root / "pipeline.py").read_text(encoding="utf-8")
    loop = pipeline + "    with dsl.ParallelFor([1, 2]) as item:\n        add(a=item)\n"
    project.write("pipeline.py", loop)
    project.inv("run", "--on", "cluster", "--no-cache", "--detach")
    (run,) = kfp.runs
    assert "pipeline_version_reference" not in run
    spec = run["pipeline_spec"]
    dags = [spec["root"]["dag"], *(part["dag"] for part in spec["components"].values() if "dag" in part)]
    tasks = [task for dag in dags for task in dag["tasks"].values()]
    assert len(tasks) == 4
    assert not any(task.get("cachingOptions", {}).get("enableCache") for task in tasks)


def test_a_failed_run_ends_the_command_and_names_the_step(kfp: Kfp, project: Project) -> None:
    script(kfp, fails=True)
    result = project.inv("run", "--on", "cluster", code=1)
    assert "failed. adding: exit code 1" in result.stderr
    states = [(step["name"], step["status"]) for step in project.runs()[0]["steps"]]
    assert states == [("adding", "failed"), ("adding-2", "skipped")]


def test_a_detached_run_goes_on_and_can_be_watched(kfp: Kfp, project: Project) -> None:
    script(kfp)
    said = project.inv("run", "--on", "cluster", "--detach").stdout
    match = re.search(r"watch it: inv runs\.watch (\S+)", said)
    assert match
    assert project.runs()[0]["status"] == "running", "`inv runs` asks the server"
    assert "adding-2        cached" in project.inv("runs.watch", match[1]).stdout
    project.inv("run")
    assert "was on host" in project.inv("runs.watch", "latest", code=1).stderr


def test_a_dropped_connection_is_said_once_and_the_watch_goes_on(kfp: Kfp, project: Project) -> None:
    script(kfp)
    drops = iter(["drop"] * 6 + [500] * 2)
    kfp.faults["GET .*/runs/"] = lambda: next(drops, None)
    said = project.inv("run", "--on", "cluster").stdout
    assert said.count("Trying again") == 1
    assert project.runs()[0]["status"] == "succeeded"


def test_ctrl_c_leaves_the_run_and_says_how_to_come_back(kfp: Kfp, project: Project) -> None:
    kfp.script = [[task("adding", "RUNNING")]] * 10_000
    process = project.start("run", "--on", "cluster", start_new_session=True)
    wait_for(lambda: any("/runs/" in line for line in kfp.asked))
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, out + err
    assert "the run goes on: " in err and "come back to it with: inv runs.watch " in err
    assert "Traceback" not in out + err
    assert not any(":terminate" in line for line in kfp.asked)
    kfp.script = []
    assert project.runs()[0]["status"] == "succeeded"


def test_a_local_file_as_the_source_is_refused_before_anything_happens(kfp: Kfp, project: Project) -> None:
    pipeline = (project.root / "pipeline.py").read_text(encoding="utf-8")
    pipeline = pipeline.replace("n: int = 3", 'n: int = 3, source: str = "data.csv", source_fingerprint: str = ""')
    project.write("pipeline.py", pipeline)
    said = project.inv("run", "--on", "cluster", code=1).stderr
    assert "source is 'data.csv', a file of this machine, which a cluster does not see" in said
    assert kfp.asked == []


def test_options_for_a_cluster_are_refused_elsewhere(project: Project) -> None:
    assert "are for runs on a cluster" in project.inv("run", "--detach", code=1).stderr


def test_runs_that_others_started_are_listed_where_the_server_is_asked(kfp: Kfp, project: Project) -> None:
    project.inv("deploy")
    kfp.script = [[task("adding", "SUCCEEDED", 4)]]
    kfp.runs.append(
        {"run_id": "11112222-3333", "display_name": "nightly", "created_at": now(-60), "state": "SUCCEEDED"}
    )
    assert project.runs() == []
    assert re.search(r"kfp-11112222 +cluster +succeeded", project.inv("runs", "--on", "cluster").stdout)
    assert [step["name"] for step in project.runs()[0]["steps"]] == ["adding"]
    kfp.shutdown()
    kfp.server_close()
    assert "kfp-11112222" in project.inv("runs").stdout, "what is over needs no server"


# What kubectl tells of a run


KUBECTL = """\
#!{python}
import json, sys
arguments = sys.argv[1:]
if arguments[:2] == ["config", "get-contexts"]:
    print("kind-flow")
elif "scheduledworkflows.kubeflow.org" in arguments and "get" in arguments:
    print(open({folder!r} + "/swf.json").read())
elif "delete" in arguments:
    open({folder!r} + "/deleted", "a").write(arguments[arguments.index("delete") + 2] + "\\n")
elif "nodes" in arguments:
    print(json.dumps(dict(items=[dict(status=dict(allocatable=dict(cpu="2", memory="4Gi")))])))
elif "pods" in arguments:
    assert arguments[arguments.index("-l") + 1].startswith("pipeline/runid=")
    assert arguments[:4] == ["--context", "kind-flow", "--namespace", "kubeflow"]
    print(open({pods!r}).read())
elif "logs" in arguments:
    print("reading\\nerror: too few rows")
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A kubectl that knows the kind cluster, and one pod of the step `adding` with the status that is given."""
    pods = tmp_path / "pods.json"
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(KUBECTL.format(python=sys.executable, pods=str(pods), folder=str(tmp_path)), encoding="utf-8")
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


# Schedules


def test_recurring_runs_are_made_equal_to_the_settings(kfp: Kfp, project: Project) -> None:
    assert "no schedules" in project.inv("schedule").stdout
    kfp.recurring.append({"display_name": "theirs", "recurring_run_id": "1", "description": "not ours"})
    set_up(project, kfp, "schedules: {nightly: {cron: '0 3 * * *', parameters: {n: 5}}, often: {every: 6h}}\n")
    assert "has no version of flow yet: inv deploy" in project.inv("schedule", code=1).stderr
    project.inv("deploy")
    planned = project.inv("schedule", "--dry-run").stdout
    assert re.search(r"nightly +create +cron 0 0 3 \* \* \*, version 1\.2\.3-nogit-", planned)
    assert "nothing was changed: this was a dry run" in planned
    assert len(kfp.recurring) == 1
    project.inv("schedule")
    ours = {each["display_name"]: each for each in kfp.recurring if each["display_name"] != "theirs"}
    nightly, often = ours["flow--nightly"], ours["flow--often"]
    assert nightly["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * *"}}
    assert often["trigger"] == {"periodic_schedule": {"interval_second": 21600}}
    assert nightly["no_catchup"] is True and nightly["max_concurrency"] == 1
    assert nightly["runtime_config"]["parameters"] == {"n": 5}
    assert nightly["pipeline_version_reference"] == {"pipeline_id": kfp.versions[0]["pipeline_id"]}
    assert len(nightly["description"]) < 64
    before = json.dumps(kfp.recurring)
    assert project.inv("schedule").stdout.count("up to date") == 2
    assert json.dumps(kfp.recurring) == before

    change(project, 1)
    project.inv("deploy")
    set_up(project, kfp, "schedules: {nightly: {cron: '0 3 * * *', parameters: {n: 5}, enabled: false}}\n")
    said = project.inv("schedule").stdout
    assert re.search(r"nightly +replace", said) and re.search(r"often +delete", said)
    found = {each["display_name"]: each for each in kfp.recurring}
    assert set(found) == {"theirs", "flow--nightly"}
    assert found["flow--nightly"]["status"] == "DISABLED"
    assert found["flow--nightly"]["pipeline_version_reference"] == {"pipeline_id": kfp.versions[0]["pipeline_id"]}


def test_a_schedule_reads_its_source_anew_each_time(kfp: Kfp, project: Project) -> None:
    pipeline = (project.root / "pipeline.py").read_text(encoding="utf-8")
    pipeline = pipeline.replace("n: int = 3", 'n: int = 3, source: str = "s3://b/a.csv", source_fingerprint: str = ""')
    project.write("pipeline.py", pipeline)
    set_up(project, kfp, "schedules: {nightly: {cron: '0 3 * * *'}}\n")
    project.inv("deploy")
    project.inv("schedule")
    assert kfp.recurring[0]["runtime_config"]["parameters"] == {"source_fingerprint": "[[CurrentTime]]"}


def test_a_recorded_recurring_run_is_replaced_by_one_that_names_the_pipeline_alone(kfp: Kfp, project: Project) -> None:
    """With a version, the time is not filled in: so were those of earlier releases, and of the recordings."""
    project.inv("deploy")
    for each in recorded("recurring")["recurringRuns"]:
        kfp.recurring.append({**each, "display_name": each["display_name"].replace("my-kfp-project", "flow")})
    set_up(project, kfp, "schedules: {nightly: {cron: '0 3 * * *', parameters: {n: 5}}}\n")
    said = project.inv("schedule").stdout
    assert re.search(r"nightly +replace", said) and re.search(r"often +delete", said)
    (nightly,) = kfp.recurring
    assert "pipeline_version_id" not in nightly["pipeline_version_reference"]
    assert set(nightly) - {"recurring_run_id", "status"} <= set(recorded("recurring")["recurringRuns"][0])


def test_a_schedule_that_changes_leaves_the_run_that_is_under_way(kfp: Kfp, project: Project) -> None:
    project.inv("deploy")
    set_up(project, kfp, "schedules: {nightly: {cron: '0 3 * * *', parameters: {n: 5}}}\n")
    project.inv("schedule")
    old = kfp.recurring[0]["recurring_run_id"]
    run = {"run_id": "1", "display_name": "x", "recurring_run_id": old, "state": "RUNNING", "created_at": now()}
    kfp.runs.append(run)
    set_up(project, kfp, "schedules: {nightly: {cron: '0 4 * * *', parameters: {n: 5}}}\n")
    said = project.inv("schedule").stdout
    assert "disabled: a run of the old one is under way; inv schedule deletes it afterwards" in said
    assert {each["recurring_run_id"]: each["status"] for each in kfp.recurring}[old] == "DISABLED"
    assert len(kfp.recurring) == 2 and "workflow_is_gone" not in run
    assert "up to date" in project.inv("schedule").stdout and len(kfp.recurring) == 2
    run["state"] = "SUCCEEDED"
    assert "up to date" in project.inv("schedule").stdout
    assert [each["recurring_run_id"] == old for each in kfp.recurring] == [False]


def test_a_schedule_that_the_server_refuses_leaves_nothing_in_the_cluster(
    kfp: Kfp, project: Project, kubectl: Callable[..., None], tmp_path: Path
) -> None:
    project.inv("deploy")
    pipeline = kfp.versions[0]["pipeline_id"]
    orphan = {"metadata": {"name": "flow--nightly-x", "uid": "unlisted"}, "spec": {"pipelineId": pipeline}}
    theirs = {"metadata": {"name": "theirs", "uid": "other"}, "spec": {"pipelineId": "theirs"}}
    (tmp_path / "swf.json").write_text(json.dumps({"items": [orphan, theirs]}), encoding="utf-8")
    kfp.faults["POST .*/recurringruns$"] = 500
    set_up(project, kfp, "schedules: {nightly: {cron: '0 3 * * *'}}\n")
    result = project.inv("schedule", code=1)
    assert "flow--nightly-x   delete: it runs in the cluster, and the server does not list it" in result.stdout
    assert "failed (500)" in result.stderr
    assert (tmp_path / "deleted").read_text(encoding="utf-8") == "flow--nightly-x\n"


LIMITS: dict[str, tuple[list[str], str]] = {
    "an emoji": (["-p", "word=🐧"], "the parameter word: Kubeflow Pipelines' database takes no letters such as '🐧'"),
    "an emoji in the name": (["--name", "🐧"], "--name: Kubeflow Pipelines' database takes no letters such as '🐧'"),
    "a long name": (["--name", "n" * 256], "--name has 256 bytes, and Kubeflow Pipelines keeps 255: make it shorter"),
    "a long experiment": (["--experiment", "e" * 129], "has 129 bytes, and Kubeflow Pipelines keeps 128"),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_what_the_database_cannot_keep_is_said_and_no_run_is_started(kfp: Kfp, project: Project, limit: str) -> None:
    pipeline = (project.root / "pipeline.py").read_text(encoding="utf-8")
    project.write("pipeline.py", pipeline.replace("n: int = 3", 'n: int = 3, word: str = ""'))
    arguments, words = LIMITS[limit]
    assert words in project.inv("run", "--on", "cluster", *arguments, code=1).stderr
    assert kfp.runs == [] and project.runs() == []


def test_a_long_version_fits_into_its_column(kfp: Kfp, project: Project) -> None:
    project.write("pyproject.toml", f'[project]\nname = "flow"\nversion = "1.{"2" * 200}"\n')
    project.inv("deploy")
    project.write("pipeline.py", (project.root / "pipeline.py").read_text(encoding="utf-8").replace("100", "101"))
    project.inv("deploy")
    assert all(len(version["display_name"]) <= 127 for version in kfp.versions) and len(kfp.versions) == 2


WRONG = {
    "neither": ("{nightly: {parameters: {n: 1}}}", "nightly takes either cron or every"),
    "both": ("{nightly: {cron: '0 3 * * *', every: 1h}}", "nightly takes either cron or every"),
    "a cron of four": ("{nightly: {cron: '0 3 * *'}}", "cron takes 5 fields, or 6 with seconds first"),
    "no time": ("{nightly: {every: soon}}", "every takes a time, as in 90s, 30m, 6h or 1d, not 'soon'"),
    "an unknown word": (
        "{nightly: {cron: '0 3 * * *', weekday: 1}}",
        "takes cron or every, and parameters and enabled",
    ),
    "an unknown parameter": (
        "{nightly: {every: 1h, parameters: {m: 1}}}",
        "invoke.yaml: schedules: nightly: the pipeline has no parameter 'm'. It takes: n (int)",
    ),
    "a parameter of another type": ("{nightly: {every: 1h, parameters: {n: many}}}", "'n' takes a value of type int"),
    "a name": ("{Every night: {every: 1h}}", "name it with lower-case letters"),
    "a flag": ("{nightly: {every: 1h, enabled: perhaps}}", "enabled takes true or false"),
}


@pytest.mark.parametrize("slip", WRONG)
def test_a_slip_in_a_schedule_is_said_and_nothing_is_asked(kfp: Kfp, project: Project, slip: str) -> None:
    text, words = WRONG[slip]
    set_up(project, kfp, f"schedules: {text}\n")
    assert words in project.inv("schedule", code=1).stderr
    assert kfp.asked == []
