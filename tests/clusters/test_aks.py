"""AKS: every command line as the real Azure CLI takes it; sequences and faults with a stand-in that keeps a state."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.inv import inv
from helpers.manifests import MANIFESTS, needs_manifests
from helpers.template import TEMPLATE, Bake
from stand_ins.azure import Azure

AZURE_CLI = "azure-cli==2.91.0"


@pytest.fixture
def project(bake: Bake) -> Path:
    made = bake(project_slug="own-cloud", cloud="azure")
    settings(made, {"kfp_manifests": str(MANIFESTS)})
    return made


def settings(project: Path, changes: dict[str, Any]) -> None:
    path = project / "invoke.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    document["aks"] |= changes.pop("aks", {})
    path.write_text(yaml.safe_dump(document | changes, sort_keys=False), encoding="utf-8")


@pytest.fixture
def azure(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Azure:
    made = Azure(tmp_path / "azure")
    monkeypatch.setenv("PATH", os.pathsep.join([str(made.folder / "bin"), os.environ["PATH"]]))
    return made


ALL = {"training_size": "Standard_NC4as_T4_v3", "training_count": 2, "storage_account": "teamdata"}


@pytest.fixture(scope="session")
def real_az(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Azure CLI in an environment of its own, where nobody is logged in."""
    folder = tmp_path_factory.mktemp("azure-cli")
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", folder / "venv"], check=True)
    python = str(folder / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, AZURE_CLI], check=True)
    return Path(python)


def parsed(python: Path, arguments: list[str], folder: Path) -> str:
    """What az says of a command line: that nobody is logged in, if it takes it."""
    result = subprocess.run(
        [python, "-m", "azure.cli", *arguments],
        env={**os.environ, "AZURE_CONFIG_DIR": str(folder), "AZURE_CORE_COLLECT_TELEMETRY": "no"},
        capture_output=True,
        text=True,
    )
    assert result.returncode
    return result.stdout + result.stderr


@needs_manifests
def test_the_azure_cli_takes_every_command_line(project: Path, real_az: Path, tmp_path: Path) -> None:
    settings(project, {"aks": ALL | {"kubernetes_version": "1.34"}})
    lines = inv(project, "aks.up", "--dry-run").splitlines()
    values = {"PRINCIPAL": "0" * 8, "CLIENT": "1", "ACCOUNT": "/subscriptions/1", "ISSUER": "https://i.example.com"}
    commands = []
    for line in lines:
        text = re.sub(r"^[A-Z]+=\$\((.*)\)$", r"\1", line)
        text = re.sub(r"\$([A-Z]+)", lambda match: values[match[1]], text)
        if text.startswith("az "):
            commands.append(shlex.split(text)[1:])
    script = (
        "import json\nfrom tasks.clusters.aks import plan as aks\n"
        "wanted = aks.Plan('p', 'g', 'l', 'reg12', '', 's', 1, {}, 's', 1, 'a')\n"
        "steps = aks.steps(wanted)\n"
        "found = [step.there for step in steps] + [each for step in steps for each in step.mend]\n"
        "found += [aks.wait_command(step) for step in steps[2:]]\n"
        "found += [aks.resources_command(wanted), aks.delete_command(wanted), ['az', 'account', 'show']]\n"
        "print(json.dumps(found))"
    )
    other = subprocess.run([sys.executable, "-c", script], cwd=project, check=True, capture_output=True, text=True)
    commands += [command[1:] for command in json.loads(other.stdout)]
    assert len(commands) > 20
    for command in commands:
        assert "az login" in parsed(real_az, command, tmp_path / "config"), command
    page = (TEMPLATE / "docs/aks.md").read_text(encoding="utf-8")
    for line in re.findall(r"^    az (?!login)([^#\n]+)", page, re.MULTILINE):
        assert "az login" in parsed(real_az, shlex.split(line), tmp_path / "config"), line
    slip = [part.replace("--attach-acr", "--attach-acrr") for part in commands[2]]
    assert "unrecognized arguments: --attach-acrr" in parsed(real_az, slip, tmp_path / "config")


def test_nobody_is_logged_in(project: Path, real_az: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "az").write_text(f'#!/bin/sh\nexec {shlex.quote(str(real_az))} -m azure.cli "$@"\n', encoding="utf-8")
    (bin_ / "az").chmod(0o755)
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", os.pathsep.join([str(bin_), os.environ["PATH"]]))
    for command in (["aks.up"], ["aks.status"], ["aks.credentials"], ["aks.down", "--yes"]):
        said = inv(project, *command, code=1)
        assert "nobody is logged in to Azure here, or the login has expired: az login" in said
    assert "az login" in inv(project, "doctor", "--for", "aks", code=1)


@needs_manifests
def test_up_makes_it_all_and_again_makes_nothing(project: Path, azure: Azure) -> None:
    settings(project, {"aks": ALL})
    said = inv(project, "aks.up")
    assert azure.made() == [
        *("group create", "acr create", "aks create", "aks nodepool add", "aks get-credentials"),
        *("identity create", "role assignment create", "identity federated-credential create"),
    ]
    assert "on subscription Team, westeurope, resource group own-cloud" in said
    assert "has no public address: inv cluster.proxy" in said
    registry = yaml.safe_load((project / "invoke.yaml").read_text(encoding="utf-8"))["registry"]
    assert re.fullmatch(r"owncloud[0-9a-f]{6}\.azurecr\.io", registry)
    assert f"registry: {registry}, in invoke.yaml; it was localhost:5001" in said
    inv(project, "aks.up")
    assert azure.made() == [
        *("aks get-credentials", "identity create", "role assignment create", "identity federated-credential create")
    ], "what is idempotent on Azure's side is asked for again"
    assert "Succeeded, Running" in inv(project, "aks.status")


@needs_manifests
def test_up_asks_where_the_environment_says_to(project: Path, azure: Azure) -> None:
    asked = inv(project, "aks.up", code=1, KF_ENVIRONMENT="production")
    assert "production asks before a Kubeflow is made on Azure, in the resource group own-cloud" in asked
    assert azure.made() == [], "nothing is made unasked"
    assert "az group create" in inv(project, "aks.up", "--dry-run", KF_ENVIRONMENT="production")
    inv(project, "aks.up", "--yes", KF_ENVIRONMENT="production")
    assert azure.made()[:2] == ["group create", "acr create"]


@needs_manifests
def test_comments_of_the_settings_stay(bake: Bake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = bake(project_slug="own-cloud", cloud="azure")
    azure = Azure(tmp_path / "azure")
    monkeypatch.setenv("PATH", os.pathsep.join([str(azure.folder / "bin"), os.environ["PATH"]]))
    before = (project / "invoke.yaml").read_text(encoding="utf-8")
    inv(project, "aks.up", INVOKE_KFP_MANIFESTS=str(MANIFESTS))
    after = (project / "invoke.yaml").read_text(encoding="utf-8")
    changed = [(a, b) for a, b in zip(before.splitlines(), after.splitlines(), strict=True) if a != b]
    assert len(changed) == 1 and changed[0][1].startswith("registry: owncloud") and "# where images go" in changed[0][1]


REGISTRY = r"registry: owncloud[0-9a-f]{6}\.azurecr\.io"
ACTING = {
    "an environment": ("staging", "environments/staging.yaml", ""),
    "a file of one call": ("", "other.yaml", "registry: 'x.azurecr.io'   # of the team\nask: false\n"),
    "a file of JSON": ("", "other.json", '{\n"registry": "x"}\n'),
}


@needs_manifests
@pytest.mark.parametrize("which", ACTING)
def test_the_registry_goes_into_the_file_whose_settings_act(
    project: Path, azure: Azure, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, name, text = ACTING[which]
    monkeypatch.setenv("KF_ENVIRONMENT", environment)
    file = project / name
    file.write_text(text or file.read_text(encoding="utf-8"), encoding="utf-8")
    before, own = file.read_text(encoding="utf-8"), (project / "invoke.yaml").read_bytes()
    options = [] if environment else ["-f", name]
    assert f"# and in {name}: registry: owncloud" in inv(project, *options, "aks.up", "--dry-run")
    said = inv(project, *options, "aks.up")
    assert (project / "invoke.yaml").read_bytes() == own
    after = file.read_text(encoding="utf-8")
    if text.startswith("{"):
        assert after == before and re.search(rf"  {name} could not be changed: write {REGISTRY} into it", said)
        return
    assert re.search(rf"  {REGISTRY}, in {name}; it was (localhost:5001|x\.azurecr\.io)\n", said)
    kept = [line for line in before.splitlines() if not line.startswith("registry:")]
    assert [line for line in after.splitlines() if not re.match(REGISTRY, line)] == kept
    assert not text or "   # of the team" in after
    assert ", in " not in inv(project, *options, "aks.up"), "it is there by now"


@needs_manifests
def test_up_goes_on_where_it_stopped(project: Path, azure: Azure) -> None:
    azure.keep(faults={"aks create": "(Boom) something new"})
    assert "Azure refused it: (Boom) something new" in inv(project, "aks.up", code=1)
    assert azure.made() == ["group create", "acr create", "aks create"]
    azure.keep(faults={})
    inv(project, "aks.up")
    assert azure.made() == ["aks create", "aks get-credentials"]
    for state, mending in {"Creating": "aks wait", "Failed": "aks update"}.items():
        things = azure.state["things"]
        things["aks"]["provisioningState"] = state
        azure.keep(things=things)
        assert "not all of it is there: inv aks.up" in inv(project, "aks.status", code=1)
        inv(project, "aks.up")
        assert azure.made() == [mending, "aks get-credentials"]


FAULTS = {
    "quota": (
        {"aks create": "(ErrCode_InsufficientVCPUQuota) Insufficient vcpu quota requested 4, remaining 0"},
        "the subscription's quota in westeurope does not allow it",
    ),
    "size": (
        {"aks create": "(BadRequest) The VM size of Standard_D4s_v5 is not allowed in your subscription"},
        "westeurope does not have the VM size",
    ),
    "name": (
        {"acr create": "(AlreadyInUse) The registry DNS name is already in use."},
        "is taken by somebody's registry: choose another (aks: registry_name)",
    ),
    "rights": (
        {"group create": "(AuthorizationFailed) The client does not have authorization to perform action"},
        "ask for the roles Contributor and User Access Administrator on own-cloud",
    ),
    "expired": (
        {"aks show": "AADSTS700082: The refresh token has expired due to inactivity."},
        "nobody is logged in to Azure here, or the login has expired: az login",
    ),
    "kubectl": ({"kubectl --context own-cloud-aks apply": "Unauthorized"}, "kubectl apply failed: ERROR: Unauthorized"),
}


@needs_manifests
@pytest.mark.parametrize("fault", FAULTS)
def test_a_refusal_is_said_with_what_to_do(project: Path, azure: Azure, fault: str) -> None:
    faults, words = FAULTS[fault]
    azure.keep(faults=faults)
    assert words in inv(project, "aks.up", code=1)
    azure.keep(faults={})
    inv(project, "aks.up")


@needs_manifests
def test_down_deletes_what_is_the_projects_and_refuses_where_there_is_more(project: Path, azure: Azure) -> None:
    assert "nothing to delete" in inv(project, "aks.down")
    inv(project, "aks.up")
    azure.made()
    ours: dict[str, Any] = {"type": "Microsoft.ContainerService/managedClusters", "name": "own-cloud"}
    ours |= {"tags": {"kf-template-project": "own-cloud"}}
    theirs = {"type": "Microsoft.Storage/storageAccounts", "name": "precious", "tags": None}
    azure.keep(resources=[ours, theirs])
    said = inv(project, "aks.down", "--yes", code=1)
    assert "holds more than this project made, so nothing was deleted:" in said
    assert "Microsoft.Storage/storageAccounts precious" in said and "managedClusters" not in said
    azure.keep(resources=[ours])
    assert "say it with --yes" in inv(project, "aks.down", code=1)
    assert azure.made() == []
    said = inv(project, "aks.down", "--yes")
    assert "managedClusters own-cloud" in said and "deleted the resource group own-cloud" in said
    assert azure.made() == ["group delete"]
    assert "nothing to delete" in inv(project, "aks.down", "--yes")


@needs_manifests
def test_the_overlay_has_its_claims_on_managed_disks_and_nothing_public(project: Path) -> None:
    settings(project, {"aks": {"database_size": "16Gi", "artifacts_size": "1Ti"}})
    inv(project, "aks.up", "--dry-run")
    text = subprocess.run(
        ["kubectl", "kustomize", str(project / "build/cluster/platform")], check=True, capture_output=True, text=True
    ).stdout
    objects = [each for each in yaml.safe_load_all(text) if each]
    claims = {each["metadata"]["name"]: each["spec"] for each in objects if each["kind"] == "PersistentVolumeClaim"}
    assert {name: spec["resources"]["requests"]["storage"] for name, spec in claims.items()} == {
        "mysql-pv-claim": "16Gi",
        "seaweedfs-pvc": "1Ti",
    }
    assert {spec["storageClassName"] for spec in claims.values()} == {"managed-csi"}
    assert {each["spec"].get("type", "ClusterIP") for each in objects if each["kind"] == "Service"} == {"ClusterIP"}
    assert not any(each["kind"] == "Ingress" for each in objects)
    for each in objects:
        if each["kind"] == "Deployment":
            for container in each["spec"]["template"]["spec"]["containers"]:
                assert container["resources"]["requests"], each["metadata"]["name"]
    assert not re.search(r":(latest|master|main)\b", text)


SLIPS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"nodes": 3}, "aks has no setting 'nodes'; there are: artifacts_size"),
    "name": ({"registry_name": "my-registry"}, "registry_name 'my-registry' takes 5 to 50 letters and digits"),
    "count": ({"node_count": 0}, "node_count takes a number from 1 on, not 0"),
    "disk": ({"database_size": "8GB"}, "database_size takes a size such as 32Gi, not '8GB'"),
    "region": ({"location": "West Europe"}, "location 'West Europe' is a region's short name, as in westeurope"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_the_settings_is_said(project: Path, slip: str) -> None:
    changes, words = SLIPS[slip]
    settings(project, {"aks": changes})
    assert words in inv(project, "aks.up", "--dry-run", code=1)


def test_without_azure_there_is_none_of_it(default_project: Path) -> None:
    assert (
        "No idea what 'aks.up' is!"
        in subprocess.run(
            [sys.executable, "-m", "invoke", "aks.up"], cwd=default_project, capture_output=True, text=True
        ).stderr
    )
    assert "aks" not in inv(default_project, "--list")
    assert "there are: host, docker, cluster." in inv(default_project, "doctor", "--for", "aks", code=1)
