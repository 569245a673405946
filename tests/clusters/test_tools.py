"""What else there is on a cluster: doctor, the UI, the proxy."""

import os
import re
import socket
from pathlib import Path

from helpers.engine import needs_engine
from helpers.inv import inv
from helpers.manifests import needs_manifests
from helpers.processes import free_port
from stand_ins.cluster import Tools
from stand_ins.engine import Engine


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
    said = inv(project, "doctor", "--for", "cluster")
    assert "slow     kubectl is 1.36, and the cluster 1.30: install kubectl 1.30" in said
    assert "ready for: inv cluster.up" in said, "with a doubt, inv cluster.up goes on"


def test_doctor_passes_with_what_suffices_and_says_what_is_slow(project: Path, tools: Tools) -> None:
    """Two CPUs ran it."""
    small, large = Engine(NCPU=2, MemTotal=6 * 2**30), Engine(NCPU=4, MemTotal=8 * 2**30)
    said = inv(project, "doctor", "--for", "cluster", DOCKER_HOST=small.host)
    assert "slow     the engine has 2 CPUs, with which Kubeflow runs slowly: 4 are better." in said
    assert "slow     the engine has 6.4 GB of memory, and Kubeflow wants 8 GB: give Docker more." in said
    assert "ready for: inv cluster.up" in said
    assert "the engine has" not in inv(project, "doctor", "--for", "cluster", DOCKER_HOST=large.host)


def test_the_ui_without_a_display_is_an_address(project: Path) -> None:
    assert re.match(r"http://localhost:\d+\n", inv(project, "cluster.ui"))


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
