"""The registry on this machine, and how the cluster's node reaches it."""

import contextlib
import json
import re
import time
from collections.abc import Callable

from ..project.settings import Settings
from ..terminal import fail
from . import kind
from .tools import apply, last_line, run

Say = Callable[[str], None]

CONTAINER = "kf-template-registry"


def local_port(config: Settings) -> int | None:
    """The port of the registry, where it is on this machine."""
    match = re.match(r"(?:localhost|127\.0\.0\.1):(\d+)(/|$)", config.registry)
    return int(match[1]) if match else None


def start(config: Settings, say: Say) -> None:
    """A registry on this machine, unless one answers there already or the project's is elsewhere."""
    port = local_port(config)
    if port is None:
        say(f"  registry  {config.registry} is not on this machine: the cluster pulls from there")
        return
    if _answers(port):
        say(f"  registry  localhost:{port}")
        return
    mirror = f"{config.image_mirror.rstrip('/')}/" if config.image_mirror else ""
    started = run("docker", "start", CONTAINER)
    if started.returncode:
        published = ["--publish", f"127.0.0.1:{port}:5000", "--volume", f"{CONTAINER}:/var/lib/registry"]
        image = f"{mirror}registry:3"
        started = run("docker", "run", "--detach", "--restart", "always", "--name", CONTAINER, *published, image)
    if started.returncode:
        raise fail(f"the local registry does not start: {last_line(started)}")
    for _ in range(60):
        if _answers(port):
            say(f"  registry  localhost:{port}, in the container {CONTAINER}")
            return
        time.sleep(0.5)
    raise fail(f"the local registry does not answer at localhost:{port}: docker logs {CONTAINER}")


def _answers(port: int) -> bool:
    import requests

    with contextlib.suppress(requests.RequestException):
        return requests.get(f"http://localhost:{port}/v2/", timeout=3).status_code in (200, 401)
    return False


def wire(config: Settings) -> None:
    """Tell the node's containerd where localhost:PORT is, as kind's documentation has it; done anew each time."""
    port = local_port(config)
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
        _reach(config, server, port)
    folder = f"/etc/containerd/certs.d/localhost:{port}"
    script = f"mkdir -p {folder} && printf '[host.\"%s\"]\\n' {server} > {folder}/hosts.toml"
    wired = run("docker", "exec", kind.node_name(config), "sh", "-c", script)
    if wired.returncode:
        raise fail(f"the cluster's node does not take the registry's address: {last_line(wired)}")
    about = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "local-registry-hosting", "namespace": "kube-public"},
        "data": {"localRegistryHosting.v1": f'host: "localhost:{port}"\n'},
    }
    apply(kind.context(config), "-f", "-", input=json.dumps(about))


def _reach(config: Settings, server: str, port: int) -> None:
    """Raises `Exit` where the node does not reach a registry that is a program of this machine."""
    asked = run("docker", "exec", kind.node_name(config), "curl", "-s", "-o", "/dev/null", "-m", "5", f"{server}/v2/")
    if asked.returncode in (7, 28):  # curl's: no connection, no answer in time
        raise fail(
            f"a registry answers at localhost:{port}, but not at {server}, where the cluster's node would ask: it is "
            "no container, and listens on 127.0.0.1 alone. Let it listen on 0.0.0.0, or stop it, and inv cluster.up "
            "starts one."
        )


def delete() -> None:
    """Delete the registry's container, and its images."""
    run("docker", "rm", "--force", CONTAINER)
    run("docker", "volume", "rm", CONTAINER)
