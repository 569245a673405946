"""This project's cluster on kind: its names, whose it is, making it, waking it and deleting it."""

import hashlib
import re
import time
from collections.abc import Callable

import yaml

from ..files import ROOT, write
from ..project.settings import Settings
from ..terminal import fail
from .tools import kubectl, last_line, run

Say = Callable[[str], None]

STAGE = ROOT / "build" / "cluster"
OWNER = "/kind/kf-template-folder"  # a file in the node: the folder of the project that the cluster is for
LABEL, LABEL_PATH = "kf-template.dev/folder", r"kf-template\.dev/folder"  # of the node, the same by a hash
UI_PORT, API_PORT = 30080, 30888  # of the node, as deploy/kind has them
API_HOST_PORT = 8888


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


def local_port(address: str) -> str:
    """The port of this machine that an address names; empty where it names another machine."""
    found = re.match(r"https?://(?:localhost|127\.0\.0\.1)(?::(\d+))?(?:/|$)", address)
    return (found[1] or "80") if found else ""


def published(config: Settings) -> int | None:
    """The port of this machine at which the cluster's UI is; None where the engine does not say."""
    said = run("docker", "port", node_name(config), f"{UI_PORT}/tcp").stdout
    match = re.search(r":(\d+)\s*$", said)
    return int(match[1]) if match else None


def folder_label() -> str:
    return hashlib.sha256(str(ROOT).encode()).hexdigest()[:16]


def node_name(config: Settings) -> str:
    return f"{name(config)}-control-plane"


def exists(config: Settings) -> bool:
    return name(config) in run("kind", "get", "clusters").stdout.split()


def check_owner(config: Settings) -> None:
    """Raises `Exit` where the cluster of this name was made for another folder."""
    copied = run("docker", "cp", f"{node_name(config)}:{OWNER}", "-")  # as a tar archive; of a node that is stopped too
    folder = copied.stdout[512:].split("\0")[0] if copied.returncode == 0 else ""
    if folder == str(ROOT):
        return
    if not folder:  # kind on another engine than Docker, or the file was not written: the node's label tells too
        nodes = kubectl(context(config), "get", "nodes", "-o", f"jsonpath={{.items[*].metadata.labels.{LABEL_PATH}}}")
        label = nodes.stdout.strip() if nodes.returncode == 0 else ""
        if label == folder_label() or (not label and "no such container" in copied.stderr.lower()):
            return
    raise fail(
        f"the kind cluster '{name(config)}' is that of {folder or 'another project'}, not of this folder: "
        f"give this project another name in invoke.yaml, or run: kind delete cluster --name {name(config)}"
    )


def kind_config(config: Settings, port: int) -> str:
    """The cluster for `kind create cluster`: one node, and the ports of this machine for the UI and the API."""
    ports = [
        {"containerPort": UI_PORT, "hostPort": port, "listenAddress": "127.0.0.1"},
        {"containerPort": API_PORT, "hostPort": API_HOST_PORT, "listenAddress": "127.0.0.1"},
    ]
    node = {"role": "control-plane", "labels": {LABEL: folder_label()}, "extraPortMappings": ports}
    cluster = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "name": name(config), "nodes": [node]}
    return yaml.safe_dump(cluster, sort_keys=False)


def create(config: Settings, port: int, say: Say) -> None:
    STAGE.mkdir(parents=True, exist_ok=True)
    file = STAGE / "kind.yaml"
    write(file, kind_config(config, port))
    say(f"  kind      making the cluster {name(config)} (a minute or two; the first time, its image is fetched)")
    command = ["kind", "create", "cluster", "--config", str(file), "--wait", "180s"]
    try:
        made = run(*command, *(["--image", node_image(config)] if config.kind_image else []))
        if made.returncode and (image := _mirrored_image(config, made.stderr)):
            run("kind", "delete", "cluster", "--name", name(config))
            say(f"  kind      its image from the mirror: {image}")
            made = run(*command, "--image", image)
    except KeyboardInterrupt:
        run("kind", "delete", "cluster", "--name", name(config))
        raise
    if made.returncode:
        run("kind", "delete", "cluster", "--name", name(config))  # kind itself leaves some of it behind
        raise fail(f"kind could not make the cluster: {last_line(made)}\n{_create_hint(made.stderr)}".rstrip())
    write(STAGE / "folder", str(ROOT))
    run("docker", "cp", str(STAGE / "folder"), f"{node_name(config)}:{OWNER}")


def node_image(config: Settings) -> str:
    """The node's image that the settings name, behind the mirror unless it names a host of its own."""
    first = config.kind_image.partition("/")[0]
    if config.image_mirror and not ("." in first or ":" in first or first == "localhost"):
        return f"{config.image_mirror.rstrip('/')}/{config.kind_image}"
    return config.kind_image


def _mirrored_image(config: Settings, words: str) -> str:
    """The image that kind could not pull, behind the mirror; empty where that was not it, or there is no mirror."""
    wanted = re.search(r"failed to pull image \"(kindest/node:[^\"]+)\"", words)
    return f"{config.image_mirror.rstrip('/')}/{wanted[1]}" if wanted and config.image_mirror else ""


def _create_hint(words: str) -> str:
    low = words.lower()
    if "failed to pull image" in low or "no such host" in low or "toomanyrequests" in low:
        return (
            "kind fetches its node image from Docker Hub: check the network and its limits (docker login), "
            "or name an image that is there: kind_image in invoke.yaml."
        )
    if "too many open files" in low or "inotify" in low:
        return "see the inotify lines of: inv doctor --for cluster"
    if "port is already allocated" in low or "address already in use" in low:
        return "a port is taken: inv doctor --for cluster"
    return ""


def started(config: Settings) -> str:
    """When the cluster's node was started last, ISO 8601 in UTC; empty where the engine does not say."""
    said = run("docker", "inspect", "--format", "{{.State.StartedAt}}", node_name(config)).stdout.strip()
    return said if re.match(r"\d{4}-\d\d-\d\dT", said) else ""


def wake(config: Settings, say: Say) -> None:
    """Start the node of a cluster that was stopped, as after a restart of the machine, and wait for its API."""
    node, where = node_name(config), context(config)
    if run("docker", "inspect", "--format", "{{.State.Running}}", node).stdout.strip() == "false":
        say("  kind      starting the cluster's node")
        run("docker", "start", node)
    for _ in range(60):
        if kubectl(where, "get", "--raw", "/readyz", "--request-timeout", "5s").returncode == 0:
            return
        time.sleep(2)
    raise fail(f"the cluster {name(config)} does not answer: docker logs {node}; or start over: inv cluster.down")


def delete(config: Settings) -> None:
    """Delete the cluster. Raises `Exit` with kind's reason where it cannot."""
    deleted = run("kind", "delete", "cluster", "--name", name(config))
    if deleted.returncode:
        raise fail(f"kind could not delete the cluster: {last_line(deleted)}")
