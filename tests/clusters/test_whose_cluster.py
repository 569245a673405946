"""A cluster is its project's: others leave it alone; down and reset."""

import re
import subprocess
import sys
from pathlib import Path

from helpers.engine import needs_engine
from helpers.inv import inv
from helpers.manifests import needs_manifests
from stand_ins.cluster import Tools
from stand_ins.kfp import Kfp


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


def test_status_of_a_cluster_elsewhere_is_that_ones(project: Path, tools: Tools) -> None:
    server = Kfp("127.0.0.2")
    said = inv(project, "cluster.status", INVOKE_KFP_HOST=server.host)
    assert f"kfp_host in invoke.yaml is {server.host}, which is no cluster that inv cluster.up makes" in said
    assert f"on {server.host}" in said and "its API answers" in said
    server.shutdown()
    server.server_close()
    assert f"no KFP API answers at {server.host}" in inv(project, "cluster.status", code=1, INVOKE_KFP_HOST=server.host)
    assert not any(tool in line for line in tools.asked() for tool in ("kind", "kubectl"))


@needs_engine
@needs_manifests
def test_status_says_where_kfp_host_names_another_port_of_this_machine(project: Path, tools: Tools) -> None:
    inv(project, "cluster.up")
    tools.keep(port="127.0.0.1:8099\n")
    said = inv(project, "cluster.status")
    assert re.search(r"kfp_host in invoke\.yaml is \S+, and this cluster is at http://localhost:8099: change it", said)


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
