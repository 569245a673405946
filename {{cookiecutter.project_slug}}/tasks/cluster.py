"""A Kubeflow Pipelines cluster of one's own, on kind: made, watched until it is ready, and deleted.

Every kubectl call names the context of this project's kind cluster; whatever the current context is stays untouched.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from invoke.exceptions import Exit

from .files import ROOT, write
from .images.engine import bytes_text, connect, disk_space
from .project.settings import Settings
from .terminal import Row, fail, live, plain

Say = Callable[[str], None]

NAMESPACE = "kubeflow"
OVERLAY = ROOT / "deploy" / "kind"
STAGE = ROOT / "build" / "cluster"
RELEASE = "https://github.com/kubeflow/pipelines/manifests/kustomize"
OWNER = "/kind/kf-template-folder"  # a file in the node: the folder of the project that the cluster is for
LABEL, LABEL_PATH = "kf-template.dev/folder", r"kf-template\.dev/folder"  # of the node, the same by a hash
REGISTRY = "kf-template-registry"
UI_PORT, API_PORT = 30080, 30888  # of the node, as deploy/kind has them
API_HOST_PORT = 8888
TIMEOUT = 20 * 60
GIB = 2**30


def name(config: Settings) -> str:
    """The kind cluster's name: the project's, cut where the name of its node would be too long for a host."""
    if len(config.project) <= 49:
        return config.project
    return f"{config.project[:40].rstrip('-')}-{hashlib.sha256(config.project.encode()).hexdigest()[:8]}"


def context(config: Settings) -> str:
    return f"kind-{name(config)}"


def ui_port(config: Settings) -> int:
    """The port of this machine that `kfp_host` names. Raises `Exit` where it names another machine."""
    match = re.fullmatch(r"http://(localhost|127\.0\.0\.1):(\d+)/?", config.kfp_host)
    if not match:
        raise fail(
            f"kfp_host in invoke.yaml is {config.kfp_host}, and a cluster on this machine is at an address such as "
            "http://localhost:8080: change it, or use the cluster that it names."
        )
    return int(match[2])


def _label() -> str:
    return hashlib.sha256(str(ROOT).encode()).hexdigest()[:16]


def _node(config: Settings) -> str:
    return f"{name(config)}-control-plane"


# Tools


def run(*command: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", errors="replace", cwd=ROOT, **options
        )
    except FileNotFoundError:
        raise fail(f"{command[0]} is not installed: inv doctor --for cluster") from None
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"{command[0]} did not answer in time")


def kubectl(where: str, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run kubectl in the context `where`."""
    return run("kubectl", "--context", where, *arguments, **{"timeout": 300, **options})


def last_line(result: "subprocess.CompletedProcess[str]") -> str:
    """The line of a tool's words that says most: the last error, or the last line."""
    lines = [line.strip() for line in (result.stderr + result.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or [f"exit code {result.returncode}"])[-1][:300]


def exists(config: Settings) -> bool:
    return name(config) in run("kind", "get", "clusters").stdout.split()


def check_owner(config: Settings) -> None:
    """Raises `Exit` where the cluster of this name was made for another folder."""
    copied = run("docker", "cp", f"{_node(config)}:{OWNER}", "-")  # as a tar archive; of a node that is stopped too
    folder = copied.stdout[512:].split("\0")[0] if copied.returncode == 0 else ""
    if folder == str(ROOT):
        return
    if not folder:  # kind on another engine than Docker, or the file was not written: the node's label tells too
        nodes = kubectl(context(config), "get", "nodes", "-o", f"jsonpath={{.items[*].metadata.labels.{LABEL_PATH}}}")
        label = nodes.stdout.strip() if nodes.returncode == 0 else ""
        if label == _label() or (not label and "no such container" in copied.stderr.lower()):
            return
    raise fail(
        f"the kind cluster '{name(config)}' is that of {folder or 'another project'}, not of this folder: "
        f"give this project another name in invoke.yaml, or run: kind delete cluster --name {name(config)}"
    )


# Checks


def problems(config: Settings) -> tuple[list[str], list[str]]:
    """What keeps a cluster from running here, and what makes it slow or doubtful: a line each, with the fix."""
    stops, doubts = impossible(config), []
    with contextlib.suppress(Exit):
        about = connect().info()
        if about["NCPU"] < 4:
            doubts.append(f"the engine has {about['NCPU']} CPUs, and Kubeflow wants 4: give Docker more, if there are.")
        if about["MemTotal"] < 7.5 * GIB:
            have = bytes_text(about["MemTotal"])
            doubts.append(f"the engine has {have} of memory, and Kubeflow wants 8 GB: give Docker more.")
        free, _ = disk_space(connect())
        if free < 24 * 10**9:
            doubts.append(f"{bytes_text(free)} of disk are free, and Kubeflow takes 24 GB: inv disk, inv prune")
        if "/snap/" in str(about.get("DockerRootDir", "")):
            doubts.append("Docker is a snap, which sees few folders: export TMPDIR to a folder in your home for kind.")
    doubts += _inotify() + _wsl() + _skew(config)
    return stops, doubts


def impossible(config: Settings) -> list[str]:
    """What has to be mended before a cluster can be made."""
    found = []
    hints = {
        "kind": "https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
        "kubectl": "https://kubernetes.io/docs/tasks/tools/",
    }
    if not config.kfp_manifests:
        hints["git"] = "https://git-scm.com/downloads (kubectl fetches Kubeflow's manifests with it)"
    try:
        connect()
    except Exit as error:
        found.append(str(error.message).removeprefix("error: "))
    for tool, hint in hints.items():
        if not shutil.which(tool):
            found.append(f"{tool} is not installed: {hint}")
    if found:
        return found
    version = re.search(r"v0\.(\d+)", run("kind", "version").stdout)
    if version and int(version[1]) < 27:
        found.append(f"kind is {version[0]}, and 0.27 or later is needed, for the registry: {hints['kind']}")
    if not exists(config):
        found += [
            f"port {port} is taken: stop what listens there, or choose another in invoke.yaml (kfp_host)"
            if port != API_HOST_PORT
            else f"port {port}, for the KFP API, is taken: stop what listens there"
            for port in (ui_port(config), API_HOST_PORT)
            if _taken(port)
        ]
    return found


def _taken(port: int) -> bool:
    with socket.socket() as listener:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _inotify() -> list[str]:
    """On Linux, the limits that Kubernetes runs into as "too many open files"."""
    found = []
    for limit, wanted in {"max_user_instances": 1280, "max_user_watches": 655360}.items():
        path = Path("/proc/sys/fs/inotify", limit)
        with contextlib.suppress(OSError, ValueError):
            if int(path.read_text()) < wanted:
                found.append(
                    f"fs.inotify.{limit} is {path.read_text().strip()}, and pods may fail with 'too many open files': "
                    f"sudo sysctl fs.inotify.{limit}={wanted}"
                )
    return found


def _wsl() -> list[str]:
    with contextlib.suppress(OSError):
        if (
            "microsoft" in Path("/proc/version").read_text().lower()
            and not Path("/sys/fs/cgroup/cgroup.controllers").exists()
        ):
            return ["WSL has cgroup v1, with which kind fails: wsl --update, and kernelCommandLine=cgroup_no_v1=all"]
    return []


def _skew(config: Settings) -> list[str]:
    """kubectl works with clusters one minor version older or newer than itself."""
    if not shutil.which("kubectl"):
        return []
    try:
        known = json.loads(run("kubectl", "version", "--client", "-o", "json").stdout)
        own = int(known["clientVersion"]["minor"].rstrip("+"))
    except (ValueError, KeyError):
        return []
    found = kubectl(context(config), "version", "-o", "json", "--request-timeout", "5s", timeout=10)
    with contextlib.suppress(ValueError, KeyError):
        server = int(json.loads(found.stdout)["serverVersion"]["minor"].rstrip("+"))
        if abs(own - server) > 1:
            return [f"kubectl is 1.{own}, and the cluster 1.{server}: install kubectl 1.{server}"]
    return []


# Up


def up(config: Settings, say: Say) -> None:
    """Make the cluster, or go on where an earlier call stopped; on a healthy one, change nothing."""
    stops, doubts = problems(config)
    for line in doubts:
        say(f"  doubtful  {line}")
    if stops:
        raise fail("; ".join(stops))
    port = ui_port(config)
    try:
        _registry(config, say)
        if exists(config):
            check_owner(config)
            _wake(config, say)
        else:
            _create(config, port, say)
        _wire_registry(config)
        install(config, context(config), OVERLAY, say)
        wait(context(config), "inv cluster.up")
    except KeyboardInterrupt:
        raise Exit("stopped; run inv cluster.up again: it goes on where it was.", code=130) from None
    say(f"Kubeflow Pipelines {config.kfp_version}: {config.kfp_host}")
    say("next: inv push, inv run --on cluster")


def _local_registry(config: Settings) -> int | None:
    """The port of the registry, where it is on this machine."""
    match = re.match(r"(?:localhost|127\.0\.0\.1):(\d+)(/|$)", config.registry)
    return int(match[1]) if match else None


def _registry(config: Settings, say: Say) -> None:
    """A registry on this machine, unless one answers there already or the project's is elsewhere."""
    port = _local_registry(config)
    if port is None:
        say(f"  registry  {config.registry} is not on this machine: the cluster pulls from there")
        return
    if _answers(port):
        say(f"  registry  localhost:{port}")
        return
    mirror = f"{config.image_mirror.rstrip('/')}/" if config.image_mirror else ""
    started = run("docker", "start", REGISTRY)
    if started.returncode:
        published = ["--publish", f"127.0.0.1:{port}:5000", "--volume", f"{REGISTRY}:/var/lib/registry"]
        image = f"{mirror}registry:3"
        started = run("docker", "run", "--detach", "--restart", "always", "--name", REGISTRY, *published, image)
    if started.returncode:
        raise fail(f"the local registry does not start: {last_line(started)}")
    for _ in range(60):
        if _answers(port):
            say(f"  registry  localhost:{port}, in the container {REGISTRY}")
            return
        time.sleep(0.5)
    raise fail(f"the local registry does not answer at localhost:{port}: docker logs {REGISTRY}")


def _answers(port: int) -> bool:
    import requests

    with contextlib.suppress(requests.RequestException):
        return requests.get(f"http://localhost:{port}/v2/", timeout=3).status_code in (200, 401)
    return False


def kind_config(config: Settings, port: int) -> str:
    """The cluster for `kind create cluster`: one node, and the ports of this machine for the UI and the API."""
    ports = [
        {"containerPort": UI_PORT, "hostPort": port, "listenAddress": "127.0.0.1"},
        {"containerPort": API_PORT, "hostPort": API_HOST_PORT, "listenAddress": "127.0.0.1"},
    ]
    node = {"role": "control-plane", "labels": {LABEL: _label()}, "extraPortMappings": ports}
    cluster = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "name": name(config), "nodes": [node]}
    return yaml.safe_dump(cluster, sort_keys=False)


def _create(config: Settings, port: int, say: Say) -> None:
    STAGE.mkdir(parents=True, exist_ok=True)
    file = STAGE / "kind.yaml"
    write(file, kind_config(config, port))
    say(f"  kind      making the cluster {name(config)} (a minute or two; the first time, its image is fetched)")
    try:
        made = run("kind", "create", "cluster", "--config", str(file), "--wait", "180s")
    except KeyboardInterrupt:
        run("kind", "delete", "cluster", "--name", name(config))
        raise
    if made.returncode:
        run("kind", "delete", "cluster", "--name", name(config))  # kind itself leaves some of it behind
        raise fail(f"kind could not make the cluster: {last_line(made)}\n{_create_hint(made.stderr)}".rstrip())
    write(STAGE / "folder", str(ROOT))
    run("docker", "cp", str(STAGE / "folder"), f"{_node(config)}:{OWNER}")


def _create_hint(words: str) -> str:
    low = words.lower()
    if "failed to pull image" in low or "no such host" in low or "toomanyrequests" in low:
        return "kind fetches its node image from Docker Hub: check the network and its limits (docker login)."
    if "too many open files" in low or "inotify" in low:
        return "see the inotify lines of: inv doctor --for cluster"
    if "port is already allocated" in low or "address already in use" in low:
        return "a port is taken: inv doctor --for cluster"
    return ""


def _wake(config: Settings, say: Say) -> None:
    """Start the node of a cluster that was stopped, as after a restart of the machine, and wait for its API."""
    node, where = _node(config), context(config)
    if run("docker", "inspect", "--format", "{{.State.Running}}", node).stdout.strip() == "false":
        say("  kind      starting the cluster's node")
        run("docker", "start", node)
    for _ in range(60):
        if kubectl(where, "get", "--raw", "/readyz", "--request-timeout", "5s").returncode == 0:
            return
        time.sleep(2)
    raise fail(f"the cluster {name(config)} does not answer: docker logs {node}; or start over: inv cluster.down")


def _wire_registry(config: Settings) -> None:
    """Tell the node's containerd where localhost:PORT is, as kind's documentation has it; done anew each time."""
    port = _local_registry(config)
    if port is None:
        return
    found = run("docker", "ps", "--filter", f"publish={port}", "--format", "{{.Names}}").stdout.split()
    if found:
        run("docker", "network", "connect", "kind", found[0])  # says so where it is connected already
        server = f"http://{found[0]}:5000"
    else:  # no container: a program of this machine, which the node sees at its gateway
        form = "{{range .IPAM.Config}}{{.Gateway}} {{end}}"
        gateways = run("docker", "network", "inspect", "kind", "--format", form).stdout.split()
        server = f"http://{next((each for each in gateways if '.' in each), '172.18.0.1')}:{port}"
    folder = f"/etc/containerd/certs.d/localhost:{port}"
    script = f"mkdir -p {folder} && printf '[host.\"%s\"]\\n' {server} > {folder}/hosts.toml"
    wired = run("docker", "exec", _node(config), "sh", "-c", script)
    if wired.returncode:
        raise fail(f"the cluster's node does not take the registry's address: {last_line(wired)}")
    about = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "local-registry-hosting", "namespace": "kube-public"},
        "data": {"localRegistryHosting.v1": f'host: "localhost:{port}"\n'},
    }
    apply(context(config), "-f", "-", input=json.dumps(about))


def apply(where: str, *what: str, **options: Any) -> None:
    """Apply on the server's side, because some of the definitions are too large for kubectl's own way."""
    applied = kubectl(where, "apply", "--server-side", "--force-conflicts", *what, **{"timeout": 900, **options})
    if applied.returncode:
        hint = ""
        if "github.com" in applied.stderr:
            hint = "\nwithout GitHub: set kfp_manifests in invoke.yaml to a copy of manifests/kustomize"
        raise fail(f"kubectl apply failed: {last_line(applied)}{hint}")


def install(config: Settings, where: str, overlay: Path, say: Say, extra: str = "") -> None:
    """Apply Kubeflow Pipelines with an overlay and `extra` patches, unless the very same has been applied."""
    stamp = _stamp(config, overlay, extra)
    there = kubectl(where, "-n", NAMESPACE, "get", "configmap", "kf-template", "-o", "jsonpath={.data.applied}")
    if there.returncode == 0 and there.stdout.strip() == stamp:
        return
    say(f"  kubectl   applying Kubeflow Pipelines {config.kfp_version}")
    apply(where, "-k", str(stage(config, "cluster-scoped-resources")))
    definitions = ("crd", "--all", "--for", "condition=established", "--timeout", "120s")
    waited = kubectl(where, "wait", *definitions)
    if waited.returncode:
        raise fail(f"the cluster does not take Kubeflow's definitions: {last_line(waited)}")
    apply(where, "-k", str(stage(config, "platform", overlay, extra)))
    about = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kf-template", "namespace": NAMESPACE},
        "data": {"applied": stamp},
    }
    apply(where, "-f", "-", input=json.dumps(about))


def _stamp(config: Settings, overlay: Path, extra: str) -> str:
    text = (overlay / "kustomization.yaml").read_text(encoding="utf-8") + extra
    parts = (text, config.kfp_version, config.kfp_manifests, config.image_mirror)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def stage(config: Settings, part: str, overlay: Path = OVERLAY, extra: str = "") -> Path:
    """A folder for `kubectl apply -k`: cluster-scoped-resources, or platform, which is an overlay and `extra` patches;
    with the version, the copy of the manifests and the mirror that invoke.yaml names."""
    folder = STAGE / part
    folder.mkdir(parents=True, exist_ok=True)
    source = config.kfp_manifests.rstrip("/")
    version = (
        f"?timeout=600s&ref={config.kfp_version}"  # kustomize gives git 27 seconds, and this is a large repository
    )
    base = f"{source or RELEASE}/{'cluster-scoped-resources' if part != 'platform' else 'env/platform-agnostic'}"
    if source and "://" not in source and not source.startswith("github.com"):
        path = (ROOT / source).resolve() / base[len(source) + 1 :]
        if not (path / "kustomization.yaml").is_file():
            raise fail(f"kfp_manifests in invoke.yaml is {source}, and there is no {path}/kustomization.yaml")
        base = os.path.relpath(path, folder.resolve())
    elif "ref=" not in base:
        base += version
    if part == "platform":
        text = (overlay / "kustomization.yaml").read_text(encoding="utf-8") + extra
        text = re.sub(rf"(?m)^  - {RELEASE}/env/platform-agnostic\?ref=\S+$", lambda _: f"  - {base}", text)
    else:
        text = f"resources:\n  - {base}\n"
    write(folder / "kustomization.yaml", text)
    if config.image_mirror and part == "platform":
        rendered = run("kubectl", "kustomize", str(folder), timeout=900)
        if rendered.returncode:
            raise fail(f"the manifests cannot be rendered: {last_line(rendered)}")
        write(folder / "rendered.yaml", mirrored(rendered.stdout, config.image_mirror.rstrip("/")))
        write(folder / "kustomization.yaml", "resources:\n  - rendered.yaml\n")
    return folder


def mirrored(manifests: str, mirror: str) -> str:
    """The manifests with every image behind the mirror: those of Docker Hub by their name, others with their host."""
    hosts = r"(?:ghcr\.io|gcr\.io|quay\.io|docker\.io|registry\.k8s\.io)/"
    text = re.sub(
        rf"(?<![\w./-])({hosts}[\w./-]+:[\w.-]+)", lambda m: f"{mirror}/{m[1].removeprefix('docker.io/')}", manifests
    )
    return re.sub(r"(?m)^(\s*(?:- )?image: )(?!\S*/)(\S+)$", rf"\g<1>{mirror}/\g<2>", text)


# Waiting


def deployments(where: str) -> dict[str, str]:
    """What each deployment of Kubeflow Pipelines is at: ready, starting, pulling, or failing with the reason."""
    listed = kubectl(where, "-n", NAMESPACE, "get", "deployments,pods,pvc", "-o", "json", "--request-timeout", "20s")
    try:
        items = json.loads(listed.stdout)["items"]
    except (ValueError, KeyError):
        return {}
    pods = [item for item in items if item["kind"] == "Pod"]
    found = {}
    for item in items:
        if item["kind"] != "Deployment":
            continue
        status = item.get("status", {})
        wanted = item["spec"].get("replicas", 1)
        current = status.get("observedGeneration", 0) >= item["metadata"].get("generation", 0)
        if current and status.get("readyReplicas", 0) >= wanted and status.get("updatedReplicas", 0) >= wanted:
            found[item["metadata"]["name"]] = "ready"
            continue
        labels = item["spec"]["selector"]["matchLabels"].items()
        own = [pod for pod in pods if labels <= pod["metadata"].get("labels", {}).items()]
        own.sort(key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)
        found[item["metadata"]["name"]] = _pod_state(where, own[0]) if own else "starting"
    return found


def _pod_state(where: str, pod: dict[str, Any]) -> str:
    status = pod.get("status", {})
    for condition in status.get("conditions", []):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"failing: no place for it: {' '.join(condition.get('message', '').split())}"
    states = status.get("initContainerStatuses", []) + status.get("containerStatuses", [])
    for container in states:
        waiting = container.get("state", {}).get("waiting") or {}
        reason, message = waiting.get("reason", ""), " ".join(waiting.get("message", "").split())
        if reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName"):
            if "toomanyrequests" in message.lower() or "429" in message:
                message = "Docker Hub's limit is reached: docker login, or image_mirror in invoke.yaml. " + message
            return f"failing: {reason}: {message or container.get('image', '')}"
        if reason == "CrashLoopBackOff" or container.get("restartCount", 0) > 3:
            return f"failing: it crashes: {_last_words(where, pod, container['name'])}"
        if reason and reason not in ("ContainerCreating", "PodInitializing"):
            return f"failing: {reason}: {message}"
    if not states or any(
        (c.get("state", {}).get("waiting") or {}).get("reason") == "ContainerCreating" for c in states
    ):
        return "pulling"
    return "starting"


def _last_words(where: str, pod: dict[str, Any], container: str) -> str:
    arguments = ("logs", pod["metadata"]["name"], "-c", container, "--previous", "--tail", "5")
    words = kubectl(where, "-n", NAMESPACE, *arguments, timeout=20).stdout.strip().splitlines()
    if any("MLMDEnv table exists" in line for line in words):
        return "its database is half-written ('MLMDEnv table exists'): inv cluster.reset"
    return words[-1][:300] if words else "without a word"


def wait(where: str, again: str) -> None:
    """Wait until every deployment is ready, and show what each is at and why it is not."""
    start, now, shown = time.monotonic(), dict[str, str](), dict[str, str]()

    def rows() -> list[Row]:
        parts = {deployment: state.partition(": ") for deployment, state in sorted(now.items())}
        return [Row(deployment, state, None, why) for deployment, (state, _, why) in parts.items()]

    with live(rows):
        while True:
            now = deployments(where)
            for deployment, state in sorted(now.items()):
                if shown.get(deployment) != state and (state != "starting" or deployment in shown):
                    plain(f"  {deployment:<30}  {state}")
                shown[deployment] = state
            if now and all(state == "ready" for state in now.values()):
                return
            if time.monotonic() - start > TIMEOUT:
                break
            time.sleep(3)
    late = "; ".join(f"{deployment}: {state}" for deployment, state in now.items() if state != "ready")
    raise fail(
        f"not ready after {TIMEOUT // 60} minutes: {late or 'the cluster does not answer'}. "
        f"Mend that, and run {again} again: it goes on."
    )


# Afterwards


def status(config: Settings, say: Say) -> bool:
    """Print what the cluster is at; whether all of it is ready."""
    if not exists(config):
        say(f"there is no cluster {name(config)}: inv cluster.up")
        return False
    check_owner(config)
    ready = show_deployments(context(config), say, "inv cluster.up")
    if ready:
        say(config.kfp_host)
    return ready


def show_deployments(where: str, say: Say, again: str) -> bool:
    """Print what each deployment is at; whether all are ready."""
    found = deployments(where)
    for deployment, state in sorted(found.items()):
        say(f"  {deployment:<30}  {state}")
    if not found:
        say(f"there is no Kubeflow Pipelines in {where}, or it does not answer: {again}")
        return False
    ready = all(state == "ready" for state in found.values())
    if not ready:
        say(f"not all of it is ready; to wait for it, or to mend it: {again}")
    return ready


def show_ui(config: Settings, say: Say, browser: bool) -> None:
    say(config.kfp_host)
    if browser and (
        sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        webbrowser.open(config.kfp_host)


def proxy(config: Settings, say: Say, kube_context: str, port: int) -> None:
    """Reach the UI and API of any cluster that kubectl reaches, privately, until Ctrl-C; reconnects when cut."""
    import requests

    if not kube_context:
        current = run("kubectl", "config", "current-context")
        kube_context = current.stdout.strip()
        if current.returncode or not kube_context:
            raise fail("kubectl has no current context; name one: inv cluster.proxy --context NAME")
    if _taken(port):
        raise fail(f"port {port} is taken; choose another: inv cluster.proxy --port {port + 1}")
    say(f"to context {kube_context}, namespace {NAMESPACE}; end it with Ctrl-C")
    command = ["kubectl", "--context", kube_context, "-n", NAMESPACE, "port-forward", "--address", "127.0.0.1"]
    said, failures = False, 0
    process: subprocess.Popen[str] | None = None
    try:
        while True:
            started = time.monotonic()
            process = subprocess.Popen(
                [*command, "service/ml-pipeline-ui", f"{port}:80"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            while process.poll() is None:
                with contextlib.suppress(requests.RequestException):
                    answer = requests.get(f"http://localhost:{port}/apis/v2beta1/healthz", timeout=3)
                    if answer.ok and not said:
                        said = True
                        say(f"http://localhost:{port}  (INVOKE_KFP_HOST=http://localhost:{port} inv deploy)")
                time.sleep(1)
            words = (process.stderr.read() if process.stderr else "").strip().splitlines()
            failures = failures + 1 if time.monotonic() - started < 5 else 0
            if not said and failures >= 3:
                raise fail(f"kubectl cannot forward the port: {words[-1] if words else 'no reason given'}")
            if said:
                say("the connection was cut; connecting again")
            time.sleep(min(2**failures, 30))
    except KeyboardInterrupt:
        say("closed")
    finally:
        if process and process.poll() is None:
            process.terminate()


def down(config: Settings, say: Say, registry: bool) -> None:
    """Delete this project's cluster; with `registry`, the local registry and its images too."""
    if exists(config):
        check_owner(config)
        deleted = run("kind", "delete", "cluster", "--name", name(config))
        if deleted.returncode:
            raise fail(f"kind could not delete the cluster: {last_line(deleted)}")
        say(f"deleted the cluster {name(config)}")
    else:
        say(f"nothing to delete: there is no cluster {name(config)}")
    if registry:
        run("docker", "rm", "--force", REGISTRY)
        run("docker", "volume", "rm", REGISTRY)
        say("deleted the local registry")


def reset(config: Settings, say: Say) -> None:
    """Delete Kubeflow Pipelines with its data, runs and pipelines, and install it again."""
    if not exists(config):
        raise fail(f"there is no cluster {name(config)}: inv cluster.up")
    check_owner(config)
    say(f"  kubectl   deleting the namespace {NAMESPACE} with its data")
    gone = kubectl(
        context(config), "delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout", "300s", timeout=330
    )
    if gone.returncode:
        raise fail(f"the namespace cannot be deleted: {last_line(gone)}")
    up(config, say)
