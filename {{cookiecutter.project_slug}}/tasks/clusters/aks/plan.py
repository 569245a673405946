"""What is to be on Azure: the checked settings, and every command that makes it, in order."""

import hashlib
import re
from dataclasses import dataclass

from ...project.settings import Settings
from ...terminal import fail
from ..install import NAMESPACE

TAG = "kf-template-project"
POOL = "training"


@dataclass(frozen=True)
class Plan:
    """What is to be on Azure, from the section `aks` of invoke.yaml. Sizes of disks as in Kubernetes, as 8Gi."""

    project: str
    group: str
    location: str
    registry: str
    version: str
    node_size: str
    node_count: int
    disks: dict[str, str]
    training_size: str
    training_count: int
    storage_account: str

    @property
    def context(self) -> str:
        return f"{self.project}-aks"

    @property
    def tag(self) -> str:
        return f"{TAG}={self.project}"


@dataclass(frozen=True)
class Step:
    """A thing to make: how to see that it is there, and the commands that make it, or mend it where it is half made."""

    what: str
    there: list[str]
    make: list[list[str]]
    mend: list[list[str]]


def plan(config: Settings) -> Plan:
    """The checked settings. Raises `Exit` for a slip in them."""
    given = config.aks
    digest = hashlib.sha256(f"{config.project} {given.get('resource_group')}".encode()).hexdigest()[:6]
    registry = str(given.get("registry_name") or f"{config.project.replace('-', '')[:38]}{digest}")
    if not re.fullmatch(r"[a-zA-Z0-9]{5,50}", registry):
        raise fail(f"invoke.yaml: aks: registry_name '{registry}' takes 5 to 50 letters and digits.")
    group = str(given.get("resource_group") or config.project)
    if not re.fullmatch(r"[\w().-]{1,90}(?<!\.)", group):
        raise fail(f"invoke.yaml: aks: resource_group '{group}' takes up to 90 letters, digits, and ._-() .")
    location = str(given.get("location") or "westeurope")
    if not re.fullmatch(r"[a-z0-9]+", location):
        raise fail(f"invoke.yaml: aks: location '{location}' is a region's short name, as in westeurope.")
    disks = {}
    for name, default in {"database_size": "8Gi", "artifacts_size": "32Gi"}.items():
        disks[name] = str(given.get(name) or default)
        if not re.fullmatch(r"[1-9]\d*[GT]i", disks[name]):
            raise fail(f"invoke.yaml: aks: {name} takes a size such as 32Gi, not '{disks[name]}'.")
    return Plan(
        project=config.project,
        group=group,
        location=location,
        registry=registry,
        version=str(given.get("kubernetes_version") or ""),
        node_size=str(given.get("node_size") or "Standard_D4s_v5"),
        node_count=given.get("node_count", 1),
        disks=disks,
        training_size=str(given.get("training_size") or ""),
        training_count=given.get("training_count", 1),
        storage_account=str(given.get("storage_account") or ""),
    )


def steps(wanted: Plan) -> list[Step]:
    """What `inv aks.up` makes on Azure, in order."""
    group = ["--resource-group", wanted.group]
    tags = ["--tags", wanted.tag]
    name, basic = wanted.project, ["--sku", "Basic", *tags]
    create = [
        *("az", "aks", "create", *group, "--name", name, "--location", wanted.location, "--tier", "free"),
        *("--node-vm-size", wanted.node_size, "--node-count", str(wanted.node_count)),
        *("--attach-acr", wanted.registry, "--enable-managed-identity", "--no-ssh-key"),
        *("--network-plugin", "azure", "--network-plugin-mode", "overlay", "--network-dataplane", "cilium"),
        *("--enable-oidc-issuer", "--enable-workload-identity", *tags),
        *(["--kubernetes-version", wanted.version] if wanted.version else []),
    ]
    found = [
        Step(
            f"resource group {wanted.group} in {wanted.location}",
            ["az", "group", "show", "--name", wanted.group],
            [["az", "group", "create", "--name", wanted.group, "--location", wanted.location, *tags]],
            [],
        ),
        Step(
            f"container registry {wanted.registry}.azurecr.io",
            ["az", "acr", "show", *group, "--name", wanted.registry],
            [["az", "acr", "create", *group, "--name", wanted.registry, "--location", wanted.location, *basic]],
            [],
        ),
        Step(
            f"cluster {name} ({wanted.node_count} x {wanted.node_size}), about ten minutes",
            ["az", "aks", "show", *group, "--name", name],
            [create],
            [["az", "aks", "update", *group, "--name", name, "--attach-acr", wanted.registry]],
        ),
    ]
    if wanted.training_size:
        pool = [*group, "--cluster-name", name, "--name", POOL]
        scale = ["--enable-cluster-autoscaler", "--min-count", "0", "--max-count", str(wanted.training_count)]
        place = ["--node-taints", f"pool={POOL}:NoSchedule", "--labels", f"pool={POOL}", *tags]
        found.append(
            Step(
                f"node pool {POOL} (up to {wanted.training_count} x {wanted.training_size}, none while idle)",
                ["az", "aks", "nodepool", "show", *pool],
                [
                    [
                        "az",
                        "aks",
                        "nodepool",
                        "add",
                        *pool,
                        "--node-vm-size",
                        wanted.training_size,
                        "--node-count",
                        "0",
                        *scale,
                        *place,
                    ]
                ],
                [],
            )
        )
    return found


def credentials_command(wanted: Plan) -> list[str]:
    where = ["--resource-group", wanted.group, "--name", wanted.project]
    return ["az", "aks", "get-credentials", *where, "--context", wanted.context, "--overwrite-existing"]


def wait_command(step: Step) -> list[str]:
    """Wait until a cluster or a node pool, which somebody is making, is made."""
    verb = step.there.index("show")
    return [*step.there[:verb], "wait", *step.there[verb + 1 :], "--created"]


def resources_command(wanted: Plan) -> list[str]:
    return ["az", "resource", "list", "--resource-group", wanted.group, "--output", "json"]


def delete_command(wanted: Plan) -> list[str]:
    return ["az", "group", "delete", "--name", wanted.group, "--yes"]


def data_commands(wanted: Plan) -> list[tuple[str, list[str]]]:
    """How steps may read a storage account without a key in the cluster: a shell variable that takes what each command
    says (empty for none), and the command, in which the variables stand as $NAME."""
    group = ["--resource-group", wanted.group]
    identity = f"{wanted.project}-data"
    account = ["az", "storage", "account", "show", "--name", wanted.storage_account]
    shown = ["az", "identity", "show", *group, "--name", identity]
    service_account = "system:serviceaccount:kubeflow:pipeline-runner"
    text = ["--output", "tsv"]
    return [
        (
            "",
            [
                "az",
                "identity",
                "create",
                *group,
                "--name",
                identity,
                "--location",
                wanted.location,
                "--tags",
                wanted.tag,
            ],
        ),
        ("PRINCIPAL", [*shown, "--query", "principalId", *text]),
        ("CLIENT", [*shown, "--query", "clientId", *text]),
        ("ACCOUNT", [*account, "--query", "id", *text]),
        (
            "",
            [
                *("az", "role", "assignment", "create", "--role", "Storage Blob Data Reader", "--scope", "$ACCOUNT"),
                *("--assignee-object-id", "$PRINCIPAL", "--assignee-principal-type", "ServicePrincipal"),
            ],
        ),
        (
            "ISSUER",
            ["az", "aks", "show", *group, "--name", wanted.project, "--query", "oidcIssuerProfile.issuerUrl", *text],
        ),
        (
            "",
            [
                *("az", "identity", "federated-credential", "create", *group, "--identity-name", identity),
                *("--name", "pipeline-runner", "--issuer", "$ISSUER", "--subject", service_account),
                *("--audiences", "api://AzureADTokenExchange"),
            ],
        ),
        (
            "",
            [
                *("kubectl", "--context", wanted.context, "-n", NAMESPACE, "annotate", "--overwrite"),
                *("serviceaccount", "pipeline-runner", "azure.workload.identity/client-id=$CLIENT"),
            ],
        ),
    ]


def extra(wanted: Plan) -> str:
    """What the settings add to deploy/aks: the sizes of its claims."""
    claims = {"mysql-pv-claim": wanted.disks["database_size"], "seaweedfs-pvc": wanted.disks["artifacts_size"]}
    return "".join(
        f"  - target: {{kind: PersistentVolumeClaim, name: {claim}}}\n    patch: |\n"
        f"      - {{op: replace, path: /spec/resources/requests/storage, value: {size}}}\n"
        for claim, size in claims.items()
    )
