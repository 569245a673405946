"""A cluster made on kind, with stand-ins for the programs; a real cluster is made by the template's own CI."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.engine import needs_engine
from helpers.inv import inv
from helpers.manifests import needs_manifests
from helpers.processes import wait_for
from stand_ins.cluster import Tools
from stand_ins.kubectl import READY, deployment, pod, waiting


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
    applied = [line for line in asked if "apply --server-side --force-conflicts -k" in line]
    assert applied[-1].endswith("cluster/platform")
    assert "ml-pipeline                     ready" in said and "next: inv push, inv run --on cluster" in said
    config = yaml.safe_load((project / "build/cluster/kind.yaml").read_text(encoding="utf-8"))
    assert config["name"] == "own-cluster"

    pulled = [line.split()[-1] for line in asked if "exec --detach own-cluster-control-plane crictl pull" in line]
    assert [image.rpartition("/")[2].partition(":")[0] for image in pulled] == [
        "kfp-driver",
        "kfp-launcher",
        "argoexec",
    ]

    inv(project, "cluster.up")
    again = tools.asked()
    assert not any("crictl" in line for line in again)
    assert not any(words in line for line in again for words in ("kind create", " -k ", "kind delete"))
    assert "  mysql                           ready" in inv(project, "cluster.status")


@needs_engine
@needs_manifests
def test_each_cluster_has_passwords_of_its_own_which_stay_and_are_told_nobody(project: Path, tools: Tools) -> None:
    said = inv(project, "cluster.up")
    tools.keep()
    first = tools.state["secrets"]
    assert first["mysql-secret"]["username"] == "root"
    words = [first["mysql-secret"]["password"], *first["mlpipeline-minio-artifact"].values()]
    assert all(re.fullmatch(r"[0-9a-f]{40}", word) for word in words) and len(set(words)) == 3
    kept = [
        *tools.asked(),
        said,
        *(p.read_text(errors="replace") for p in (project / "build").rglob("*") if p.is_file()),
    ]
    assert not any(word in text for word in words for text in kept)

    tools.keep(gone=["deployment.apps/mysql"])
    inv(project, "cluster.up")
    tools.keep()
    assert tools.state["secrets"] == first
    tools.keep(secrets={"mysql-secret": first["mysql-secret"]})
    assert "the Secret mlpipeline-minio-artifact is gone from the namespace kubeflow" in inv(
        project, "cluster.up", code=1
    )
    inv(project, "cluster.reset", "--yes")
    tools.keep()
    second = tools.state["secrets"]
    assert set(second) == set(first) and second["mysql-secret"] != first["mysql-secret"]


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
@needs_manifests
def test_what_was_deleted_by_hand_is_seen_and_brought_back(project: Path, tools: Tools) -> None:
    inv(project, "cluster.up")
    tools.keep(gone=["deployment.apps/ml-pipeline-ui", "service/ml-pipeline"])
    shown = inv(project, "cluster.status", code=1)
    assert "ml-pipeline-ui                  missing" in shown and "not all of it is ready" in shown
    tools.asked()
    said = inv(project, "cluster.up")
    assert "deployment.apps/ml-pipeline-ui is missing" in said and "service/ml-pipeline is missing" in said
    assert any(" -k " in line for line in tools.asked())
    assert shown.count("missing") == 1 and "missing" not in inv(project, "cluster.status")


@needs_engine
@needs_manifests
def test_an_image_that_cannot_be_pulled_is_said_once(project: Path, tools: Tools) -> None:
    late = deployment("ml-pipeline", False)
    turns = [waiting("ErrImagePull", "not found: x"), waiting("ImagePullBackOff", "Back-off pulling image x")] * 3
    tools.keep(deployments=[*([late, pod("ml-pipeline", **turn)] for turn in turns), READY])
    said = inv(project, "cluster.up")
    assert said.count("failing") == 1 and "failing: ErrImagePull: not found: x" in said


CRASH = """\
node:internal/process/promises:288
            triggerUncaughtException(err, true /* fromPromise */);
            ^

Error: connect ECONNREFUSED 10.96.0.1:443
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16) {
  errno: -111
}

Node.js v20.20.2
"""


@needs_engine
@needs_manifests
def test_the_last_words_of_a_crash_are_its_error(project: Path, tools: Tools) -> None:
    inv(project, "cluster.up")
    crash = [deployment("ml-pipeline-ui", False), pod("ml-pipeline-ui", **waiting("CrashLoopBackOff"))]
    tools.keep(words=CRASH, deployments=[crash])
    shown = inv(project, "cluster.status", code=1)
    assert "failing: it crashes: Error: connect ECONNREFUSED 10.96.0.1:443\n" in shown


@needs_engine
@needs_manifests
def test_ready_means_pods_of_this_boot_and_an_api_that_answers(project: Path, tools: Tools) -> None:
    def of(started: str) -> dict[str, object]:
        return pod("mysql", containerStatuses=[{"name": "main", "state": {"running": {"startedAt": started}}}])

    old, new = of("2026-11-25T05:00:00Z"), of("2026-11-25T06:00:20Z")
    tools.keep(started="2026-11-25T06:00:00.123Z", unwell=1, deployments=[[*READY, old], [*READY, new]])
    said = inv(project, "cluster.up")
    assert tools.state is not None
    asked = tools.asked()
    assert sum("deployments,pods,pvc" in line for line in asked) == 3
    assert sum("proxy/apis/v2beta1/healthz" in line for line in asked) == 2
    assert "next: inv push, inv run --on cluster" in said


@needs_engine
@needs_manifests
def test_a_registry_that_the_node_does_not_reach_is_said(project: Path, tools: Tools) -> None:
    tools.keep(registry="", curl=7)
    said = inv(project, "cluster.up", code=1)
    assert "a registry answers at localhost:5001, but not at http://172.18.0.1:5001" in said
    assert "listens on 127.0.0.1 alone" in said
    tools.keep(curl=0)
    inv(project, "cluster.up")


@needs_engine
@needs_manifests
def test_the_nodes_image_can_be_named_and_comes_from_the_mirror(project: Path, tools: Tools) -> None:
    pull = 'ERROR: failed to create cluster: failed to pull image "kindest/node:v1.36.4@sha256:12": exit status 1'
    mirror, wanted = "mirror.example.com/hub", "kindest/node:v1.36.4"
    inv(project, "cluster.up", INVOKE_IMAGE_MIRROR=mirror, INVOKE_KIND_IMAGE=wanted)
    assert any("--image mirror.example.com/hub/kindest/node:v1.36.4" in line for line in tools.asked())
    inv(project, "cluster.down", "--yes")
    tools.asked()
    tools.keep(faults={"--wait 180s": (1, pull)})
    said = inv(project, "cluster.up", code=1, INVOKE_IMAGE_MIRROR=mirror)
    image = "mirror.example.com/hub/kindest/node:v1.36.4@sha256:12"
    assert any(line.endswith(f"--wait 180s --image {image}") for line in tools.asked())
    assert "or name an image that is there: kind_image in invoke.yaml" in said
