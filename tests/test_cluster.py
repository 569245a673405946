"""A cluster on kind: what would be applied, with the release's real manifests, and the sequences, with small fakes.

A real cluster is made by the template's own CI; here kind's and kubectl's programs are stand-ins that keep a state.
"""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import TEMPLATE, Bake, needs_engine
from test_engine import wait_for
from test_images import inv

MANIFESTS = TEMPLATE.parent / "shared" / "kfp-manifests"
needs_manifests = pytest.mark.skipif(
    not MANIFESTS.is_dir() or not shutil.which("kubectl"), reason="no copy of the release's manifests, or no kubectl"
)
FILES = {"left out": 5, "deployments": 9}

TOOL = """\
#!{python}
import json, pathlib, subprocess, sys, time
tool, arguments = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
folder = pathlib.Path({folder!r})
with open(folder / "log", "a") as log:
    log.write(" ".join([tool, *arguments]) + "\\n")
path = folder / "state.json"
state = json.loads(path.read_text())

def keep():
    path.write_text(json.dumps(state))

def end(code, out="", err=""):
    keep()
    print(out, end="")
    print(err, end="", file=sys.stderr)
    sys.exit(code)

line = " ".join(arguments)
for words, (code, err) in state["faults"].items():
    if words in tool + " " + line:
        end(code, err=err)
if tool == "kind":
    if arguments[:2] == ["get", "clusters"]:
        end(0, "\\n".join(state["clusters"]) + "\\n")
    if arguments[:2] == ["create", "cluster"]:
        time.sleep(state["slow"])
        state["clusters"].append(state["name"])
        end(0)
    if arguments[:2] == ["delete", "cluster"]:
        state["clusters"] = [each for each in state["clusters"] if each != arguments[-1]]
        state.update(stamp="", owner="", polls=0)
        end(0)
    end(0, "kind v0.33.0 go1.27.2 linux/amd64")
if tool == "docker":
    if arguments[0] == "cp":
        if arguments[1].endswith(":/kind/kf-template-folder"):
            if not state["owner"]:
                end(1, err="Error response from daemon: " + state["no_owner"])
            end(0, "x" * 512 + state["owner"] + "\\0" * 100)
        state["owner"] = pathlib.Path(arguments[1]).read_text()
        end(0)
    if arguments[0] in ("exec", "network", "start"):
        end(0, "172.18.0.1 ")
    if arguments[0] == "ps":
        end(0, "some-registry\\n")
    if line.startswith("inspect"):
        end(0, "true")
    keep()
    sys.exit(subprocess.run([{docker!r}, *arguments]).returncode)
ours = ["--context", "kind-" + state["name"]]
assert arguments[:2] in (ours, ["version", "--client"]) or arguments[0] == "kustomize", arguments
if arguments[0] == "kustomize":
    keep()
    sys.exit(subprocess.run([{kubectl!r}, *arguments]).returncode)
if "apply" in arguments:
    if arguments[-1] == "-":
        document = json.loads(sys.stdin.read())
        state["stamp"] = document["data"].get("applied", state["stamp"])
    else:
        assert (pathlib.Path(arguments[-1]) / "kustomization.yaml").is_file()
    end(0)
if "configmap" in arguments:
    end(0, state["stamp"]) if state["stamp"] else end(1, err="NotFound")
if "deployments,pods,pvc" in arguments:
    states = state["deployments"]
    now = states[min(state["polls"], len(states) - 1)]
    state["polls"] += 1
    end(0, json.dumps(dict(items=now)))
if "logs" in arguments:
    end(0, state["words"])
if "nodes" in arguments:
    end(0, state["label"])
if "version" in arguments:
    end(0, json.dumps(dict(clientVersion=dict(minor="36"), serverVersion=dict(minor=state["minor"]))))
end(0)
"""


def deployment(name: str, ready: bool) -> dict[str, Any]:
    selector = {"matchLabels": {"app": name}}
    status = {"observedGeneration": 1, "readyReplicas": int(ready), "updatedReplicas": int(ready)}
    metadata = {"name": name, "generation": 1}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"replicas": 1, "selector": selector}, "status": status}


def pod(name: str, **status: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": f"{name}-1", "labels": {"app": name}}, "status": status}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"containerStatuses": [{"name": "main", "state": {"waiting": {"reason": reason, "message": message}}}]}


READY = [deployment("mysql", True), deployment("ml-pipeline", True)]


class Tools:
    """Stand-ins for kind, kubectl and docker on PATH, what they were asked, and the state they answer from."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        (folder / "bin").mkdir(parents=True)
        self.state: dict[str, Any] = {
            **{"name": name, "clusters": [], "owner": "", "stamp": "", "faults": {}, "slow": 0, "polls": 0},
            **{"deployments": [READY], "words": "", "minor": "36", "no_owner": "Could not find the file", "label": ""},
        }
        self.keep()
        text = TOOL.format(
            python=sys.executable, folder=str(folder), docker=shutil.which("docker"), kubectl=shutil.which("kubectl")
        )
        for tool in ("kind", "kubectl", "docker"):
            program = folder / "bin" / tool
            program.write_text(text, encoding="utf-8")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def keep(self, **changes: Any) -> None:
        path = self.folder / "state.json"
        if path.exists():
            self.state = json.loads(path.read_text(encoding="utf-8"))
        self.state |= changes
        path.write_text(json.dumps(self.state), encoding="utf-8")

    def asked(self) -> list[str]:
        path = self.folder / "log"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


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


# What would be applied


@pytest.fixture(scope="module")
def rendered(bake: Bake) -> Iterator[dict[tuple[str, str], dict[str, Any]]]:
    yield render(bake(), {})


def render(project: Path, settings: dict[str, str]) -> dict[tuple[str, str], dict[str, Any]]:
    """The objects of the staged overlay, by kind and name."""
    script = (
        "from tasks.clusters import install, kind\nfrom tasks.project.settings import Settings\n"
        f"settings = {settings | {'kfp_manifests': str(MANIFESTS)}!r}\n"
        "print(install.stage(Settings('p', 'r', '3.13', 'e', '0', {}, **settings), 'platform'))"
    )
    staged = subprocess.run([sys.executable, "-c", script], cwd=project, check=True, capture_output=True, text=True)
    text = subprocess.run(
        ["kubectl", "kustomize", staged.stdout.strip()], check=True, capture_output=True, text=True
    ).stdout
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(text) if each}


def pods_of(objects: dict[tuple[str, str], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: each["spec"]["template"]["spec"] for (kind, name), each in objects.items() if kind == "Deployment"}


def images_of(objects: dict[tuple[str, str], dict[str, Any]]) -> set[str]:
    containers = [c for spec in pods_of(objects).values() for c in spec.get("initContainers", []) + spec["containers"]]
    named = {container["image"] for container in containers}
    variables = {e["value"] for c in containers for e in c.get("env", []) if e["name"].endswith("_IMAGE")}
    arguments = {a for c in containers for a in c.get("args", []) if re.match(r"[\w.]+/[\w./-]+:", str(a))}
    return named | variables | arguments


def mebibytes(text: str) -> float:
    number, unit = re.match(r"([\d.]+)(\w*)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"Mi": 1, "Gi": 1024}[unit]


def cpus(text: str) -> float:
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


@needs_manifests
def test_every_image_is_pinned(rendered: dict[tuple[str, str], dict[str, Any]]) -> None:
    images = images_of(rendered)
    assert len(images) == 13  # ten, and the driver, the launcher and Argo's executor, which runs need
    for image in images:
        assert re.search(r":v?\d[\w.]*$", image), image
    assert not re.search(r":(latest|master|main|dummy)\b", yaml.safe_dump_all(rendered.values()))
    ours = {image for image in images if "ghcr.io/kubeflow" in image}
    assert len(ours) == 7 and all(image.endswith(":2.17.0") for image in ours)


@needs_manifests
def test_it_is_of_a_size_for_a_laptop(rendered: dict[tuple[str, str], dict[str, Any]]) -> None:
    requests = [
        container.get("resources", {}).get("requests", {})
        for spec in pods_of(rendered).values()
        for container in spec["containers"]
    ]
    assert sum(cpus(each.get("cpu", "0")) for each in requests) <= 1
    assert sum(mebibytes(each.get("memory", "0Mi")) for each in requests) <= 2.5 * 1024
    claims = [each for (kind, _), each in rendered.items() if kind == "PersistentVolumeClaim"]
    assert sum(mebibytes(each["spec"]["resources"]["requests"]["storage"]) for each in claims) == 10 * 1024


@needs_manifests
def test_what_is_left_out_leaves_nothing_that_names_it(rendered: dict[tuple[str, str], dict[str, Any]]) -> None:
    plain = subprocess.run(
        ["kubectl", "kustomize", str(MANIFESTS / "env/platform-agnostic")], check=True, capture_output=True, text=True
    ).stdout
    before = {(each["kind"], each["metadata"]["name"]) for each in yaml.safe_load_all(plain) if each}
    assert set(rendered) < before
    gone = before - set(rendered)
    assert len([kind for kind, _ in gone if kind == "Deployment"]) == FILES["left out"]
    assert len(pods_of(rendered)) == FILES["deployments"]
    for spec in pods_of(rendered).values():
        account = spec.get("serviceAccountName")
        assert not account or ("ServiceAccount", account) in rendered
    for (kind, _), each in rendered.items():
        if kind == "RoleBinding":
            assert (each["roleRef"]["kind"], each["roleRef"]["name"]) in rendered
            subjects = [subject["name"] for subject in each["subjects"] if subject["kind"] == "ServiceAccount"]
            assert all(("ServiceAccount", subject) in rendered for subject in subjects)
    # The API server does not start without the address of this one.
    assert ("Service", "ml-pipeline-visualizationserver") in rendered


@needs_manifests
def test_the_ui_and_the_api_are_on_ports_that_kind_maps(
    rendered: dict[tuple[str, str], dict[str, Any]], project: Path
) -> None:
    ports = {
        each["spec"]["ports"][0]["nodePort"]
        for (kind, _), each in rendered.items()
        if kind == "Service" and each["spec"].get("type") == "NodePort"
    }
    script = (
        "from tasks.clusters import install, kind\nfrom tasks.project.settings import Settings\n"
        "print(kind.kind_config(Settings('p', 'r', '3.13', 'e', '0', {}), 8080))"
    )
    text = subprocess.run([sys.executable, "-c", script], cwd=project, check=True, capture_output=True, text=True)
    (node,) = yaml.safe_load(text.stdout)["nodes"]
    mapped = {each["containerPort"]: (each["hostPort"], each["listenAddress"]) for each in node["extraPortMappings"]}
    assert mapped == {30080: (8080, "127.0.0.1"), 30888: (8888, "127.0.0.1")}
    assert set(mapped) == ports


@needs_manifests
def test_behind_a_mirror_every_image_is(bake: Bake) -> None:
    images = images_of(render(bake(), {"image_mirror": "mirror.example.com/hub"}))
    assert len(images) == 13
    assert all(image.startswith("mirror.example.com/hub/") for image in images)
    assert {"mirror.example.com/hub/mysql:8.4", "mirror.example.com/hub/alpine:3.23"} < images
    assert "mirror.example.com/hub/ghcr.io/kubeflow/kfp-driver:2.17.0" in images


def test_the_overlay_names_the_release_that_the_settings_do(default_project: Path) -> None:
    text = (default_project / "deploy/kind/kustomization.yaml").read_text(encoding="utf-8")
    settings = yaml.safe_load((default_project / "invoke.yaml").read_text(encoding="utf-8"))
    assert f"env/platform-agnostic?ref={settings['kfp_version']}" in text


# Up


@needs_engine
@needs_manifests
def test_up_makes_it_all_in_order_and_again_changes_nothing(project: Path, tools: Tools) -> None:
    said = inv(project, "cluster.up")
    asked = tools.asked()

    def at(words: str) -> int:
        return next(number for number, line in enumerate(asked) if words in line)

    order = [
        "kind create cluster",
        "hosts.toml",
        "cluster-scoped-resources",
        "condition=established",
        "cluster/platform",
    ]
    assert [at(words) for words in order] == sorted(at(words) for words in order)
    (wired,) = [line for line in asked if "hosts.toml" in line]
    assert "certs.d/localhost:5001" in wired and "http://some-registry:5000" in wired
    assert "docker network connect kind some-registry" in asked
    assert "apply --server-side --force-conflicts -k" in asked[at("cluster/platform")]
    assert "ml-pipeline                     ready" in said and "next: inv push, inv run --on cluster" in said
    config = yaml.safe_load((project / "build/cluster/kind.yaml").read_text(encoding="utf-8"))
    assert config["name"] == "own-cluster"

    inv(project, "cluster.up")
    again = tools.asked()
    assert not any(words in line for line in again for words in ("kind create", " -k ", "kind delete"))
    assert "  mysql                           ready" in inv(project, "cluster.status")


@needs_engine
@needs_manifests
def test_every_step_that_fails_says_why_and_up_goes_on_from_there(project: Path, tools: Tools) -> None:
    faults = {
        "kind create cluster": (
            "ERROR: failed to create cluster: boom",
            "kind could not make the cluster: ERROR: failed",
        ),
        "apply --server-side --force-conflicts -k": ("error: boom at github.com", "kubectl apply failed: error: boom"),
        "condition=established": ("error: timed out", "does not take Kubeflow's definitions: error: timed out"),
        "hosts.toml": ("no such file", "the cluster's node does not take the registry's address: no such file"),
    }
    for words, (err, said) in faults.items():
        tools.keep(faults={words: (1, err)})
        assert said in inv(project, "cluster.up", code=1)
    assert sum("kind create" in line for line in tools.asked()) == 2, "the one that failed, and one more"
    tools.keep(faults={})
    inv(project, "cluster.up")
    assert not any("kind create" in line for line in tools.asked())


@needs_engine
def test_kind_takes_the_configuration(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("kind"):
        pytest.skip("kind is not installed")
    monkeypatch.setenv("KIND_EXPERIMENTAL_DOCKER_NETWORK", "bridge")
    config = project / "invoke.yaml"
    mirror = config.read_text(encoding="utf-8")
    config.write_text(mirror, encoding="utf-8")
    said = inv(project, "cluster.up", code=1) if not can_pull() else ""
    if not said:
        pytest.skip("kind could make a cluster here, which this test is not for")
    assert "kind could not make the cluster" in said
    assert "kind fetches its node image from Docker Hub: check the network" in said
    assert "unable to decode config" not in said
    assert "own-cluster" not in subprocess.run(["kind", "get", "clusters"], capture_output=True, text=True).stdout


def can_pull() -> bool:
    try:
        socket.create_connection(("docker.io", 443), timeout=3).close()
    except OSError:
        return False
    return True


@needs_engine
@needs_manifests
def test_deployments_are_told_as_they_come_and_why_one_does_not(project: Path, tools: Tools) -> None:
    late = deployment("ml-pipeline", False)
    limit = "toomanyrequests: You have reached your pull rate limit"
    message = "0/1 nodes are available: 1 Insufficient memory"
    scheduled = {"conditions": [{"type": "PodScheduled", "status": "False", "message": message}]}
    tools.keep(
        words="[ERROR] MLMDEnv table exists but is empty\n",
        deployments=[
            [deployment("mysql", False), late],
            [deployment("mysql", True), late, pod("ml-pipeline", **waiting("ContainerCreating"))],
            [deployment("mysql", True), late, pod("ml-pipeline", **waiting("ErrImagePull", limit))],
            [deployment("mysql", True), late, pod("ml-pipeline", **scheduled)],
            [deployment("mysql", True), late, pod("ml-pipeline", **waiting("CrashLoopBackOff"))],
            READY,
        ],
    )
    lines = [line.split(maxsplit=1) for line in inv(project, "cluster.up").splitlines() if line.startswith("  m")]
    assert ["mysql", "ready"] in lines
    told = [line[1] for line in lines if line[0] == "ml-pipeline"]
    assert told[0] == "pulling"
    assert told[1].startswith("failing: ErrImagePull: Docker Hub's limit is reached: docker login")
    assert told[-1] == "ready"


@needs_engine
@needs_manifests
@pytest.mark.parametrize(
    ("status", "words", "said"),
    [
        (
            waiting("CrashLoopBackOff"),
            "cannot connect",
            "ml-pipeline                     failing: it crashes: cannot connect",
        ),
        (
            waiting("CrashLoopBackOff"),
            "MLMDEnv table exists",
            "half-written ('MLMDEnv table exists'): inv cluster.reset",
        ),
        (waiting("CreateContainerConfigError", "no secret"), "", "failing: CreateContainerConfigError: no secret"),
    ],
)
def test_status_says_why_and_its_exit_code_is_for_scripts(
    project: Path, tools: Tools, status: dict[str, Any], words: str, said: str
) -> None:
    assert "there is no cluster own-cluster: inv cluster.up" in inv(project, "cluster.status", code=1)
    inv(project, "cluster.up")
    tools.keep(words=words, deployments=[[deployment("ml-pipeline", False), pod("ml-pipeline", **status)]])
    shown = inv(project, "cluster.status", code=1)
    assert said in shown
    assert "not all of it is ready" in shown


@needs_engine
@needs_manifests
def test_another_projects_cluster_of_the_same_name_is_left_alone(project: Path, tools: Tools) -> None:
    tools.keep(clusters=["own-cluster"], owner="/home/somebody/own-cluster")
    for command in (["cluster.up"], ["cluster.status"], ["cluster.down", "--yes"], ["cluster.reset", "--yes"]):
        said = inv(project, *command, code=1)
        assert "the kind cluster 'own-cluster' is that of /home/somebody/own-cluster, not of this folder" in said
    assert not any("delete" in line or "apply" in line for line in tools.asked())


@needs_engine
@needs_manifests
def test_a_cluster_that_nobody_has_signed(project: Path, tools: Tools) -> None:
    tools.keep(clusters=["own-cluster"])
    assert "is that of another project, not of this folder" in inv(project, "cluster.up", code=1)
    tools.keep(no_owner="No such container: own-cluster-control-plane", label="somebody")  # kind on podman
    assert "is that of another project, not of this folder" in inv(project, "cluster.down", "--yes", code=1)
    script = "from tasks.clusters import kind; print(kind.folder_label())"
    label = subprocess.run([sys.executable, "-c", script], cwd=project, check=True, capture_output=True, text=True)
    tools.keep(label=label.stdout.strip())
    assert "next: inv push" in inv(project, "cluster.up")


@needs_engine
@needs_manifests
def test_down_twice_and_reset(project: Path, tools: Tools) -> None:
    inv(project, "cluster.up")
    tools.asked()
    assert "say it with --yes" in inv(project, "cluster.down", code=1)
    assert "say it with --yes" in inv(project, "cluster.reset", code=1)
    assert not any("delete" in line for line in tools.asked())
    inv(project, "cluster.reset", "--yes")
    assert any("delete namespace kubeflow" in line for line in tools.asked())
    assert "deleted the cluster own-cluster" in inv(project, "cluster.down", "--yes")
    assert "nothing to delete" in inv(project, "cluster.down")


@needs_engine
@needs_manifests
def test_ctrl_c_while_kind_works_leaves_nothing_half_made(project: Path, tools: Tools) -> None:
    tools.keep(slow=20)
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke", "cluster.up"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    log = tools.folder / "log"
    wait_for(lambda: log.exists() and "kind create" in log.read_text(encoding="utf-8"))
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, out + err
    assert "run inv cluster.up again: it goes on where it was" in err
    assert "Traceback" not in out
    assert any("kind delete cluster --name own-cluster" in line for line in tools.asked())


@needs_engine
def test_a_port_that_is_taken_and_an_address_elsewhere(project: Path, tools: Tools) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        said = inv(project, "cluster.up", code=1, INVOKE_KFP_HOST=f"http://localhost:{port}")
        assert f"port {port} is taken: stop what listens there, or choose another in invoke.yaml (kfp_host)" in said
    said = inv(project, "cluster.up", code=1, INVOKE_KFP_HOST="https://kubeflow.example.com")
    assert "a cluster on this machine is at an address such as http://localhost:8080" in said
    assert not any("create" in line for line in tools.asked())


@needs_engine
def test_doctor_names_what_is_missing_with_its_fix(project: Path, tools: Tools) -> None:
    for tool in ("kind", "kubectl"):
        (tools.folder / "bin" / tool).unlink()
    path = os.pathsep.join([str(tools.folder / "bin"), "/usr/sbin"])
    said = inv(project, "doctor", "--for", "cluster", code=1, PATH=path)
    assert "kind is not installed: https://kind.sigs.k8s.io/" in said
    assert "kubectl is not installed: https://kubernetes.io/docs/tasks/tools/" in said


@needs_engine
def test_doctor_compares_kubectl_with_the_cluster(project: Path, tools: Tools) -> None:
    tools.keep(minor="30")
    assert "kubectl is 1.36, and the cluster 1.30: install kubectl 1.30" in inv(
        project, "doctor", "--for", "cluster", code=1
    )


def test_the_ui_without_a_display_is_an_address(project: Path) -> None:
    assert re.match(r"http://localhost:\d+\n", inv(project, "cluster.ui"))


def test_a_copy_of_the_manifests_that_is_none(bake: Bake) -> None:
    project = bake()
    script = (
        "from tasks.clusters import install, kind\nfrom tasks.project.settings import Settings\n"
        "install.stage(Settings('p', 'r', '3.13', 'e', '0', {}, kfp_manifests='nowhere'), 'platform')"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=project, capture_output=True, text=True)
    assert "kfp_manifests in invoke.yaml is nowhere, and there is no" in result.stderr


# Proxy


@needs_manifests
def test_the_proxy_says_where_it_goes_and_why_it_does_not(project: Path, tools: Tools) -> None:
    tools.keep(faults={"port-forward": (1, 'error: services "ml-pipeline-ui" not found')}, name="x")
    said = inv(project, "cluster.proxy", "--context", "kind-x", "--port", str(free_port()), code=1)
    assert "to context kind-x, namespace kubeflow" in said
    assert 'kubectl cannot forward the port: error: services "ml-pipeline-ui" not found' in said
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert f"port {port} is taken" in inv(project, "cluster.proxy", "--context", "x", "--port", str(port), code=1)
