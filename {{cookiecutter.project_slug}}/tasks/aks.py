"""Kubeflow Pipelines on Azure Kubernetes Service (AKS): made with the Azure CLI, continued where it stopped, deleted.

All that is made carries the tag `kf-template-project`, and what does not is never deleted.
"""

import hashlib
import json
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from . import cluster
from .files import ROOT, write
from .project.settings import Settings, load_settings
from .terminal import fail, say, sure

TAG = "kf-template-project"
OVERLAY = ROOT / "deploy" / "aks"
POOL = "training"
KEYS = {
    "resource_group",
    "location",
    "registry_name",
    "kubernetes_version",
    "node_size",
    "node_count",
    "database_size",
    "artifacts_size",
    "training_size",
    "training_count",
    "storage_account",
}


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
    if unknown := set(given) - KEYS:
        raise fail(f"invoke.yaml: aks has no setting '{sorted(unknown)[0]}'; there are: {', '.join(sorted(KEYS))}.")
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
        node_count=_count(given, "node_count", 1, 1),
        disks=disks,
        training_size=str(given.get("training_size") or ""),
        training_count=_count(given, "training_count", 1, 1),
        storage_account=str(given.get("storage_account") or ""),
    )


def _count(given: dict[str, Any], name: str, default: int, least: int) -> int:
    value = given.get(name, default)
    if isinstance(value, bool) or not str(value).isdecimal() or int(value) < least:
        raise fail(f"invoke.yaml: aks: {name} takes a number from {least} on, not '{value}'.")
    return int(value)


# What is made, in order


def steps(wanted: Plan) -> list[Step]:
    """What `inv aks.up` makes on Azure, in order."""
    group = ["--resource-group", wanted.group]
    tags = ["--tags", wanted.tag]
    name, basic = wanted.project, ["--sku", "Basic", *tags]
    create = [
        *("az", "aks", "create", *group, "--name", name, "--location", wanted.location, "--tier", "free"),
        *("--node-vm-size", wanted.node_size, "--node-count", str(wanted.node_count)),
        *("--attach-acr", wanted.registry, "--enable-managed-identity", "--no-ssh-key"),
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
                *("kubectl", "--context", wanted.context, "-n", cluster.NAMESPACE, "annotate", "--overwrite"),
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


# Asking Azure


def az(command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command of the Azure CLI. Raises `Exit` where it is missing or nobody is logged in."""
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", errors="replace", cwd=ROOT, **options
        )
    except FileNotFoundError:
        raise fail(f"{command[0]} is not installed: https://aka.ms/azure-cli") from None
    low = result.stderr.lower()
    if result.returncode and ("az login" in low or "aadsts" in low or "refresh token" in low):
        raise fail("nobody is logged in to Azure here, or the login has expired: az login")
    return result


def _must(command: list[str], wanted: Plan) -> str:
    """What a command prints. Raises `Exit` with the reason where it fails."""
    result = az(command)
    if result.returncode:
        raise fail(_why(result.stderr, wanted))
    return result.stdout.strip()


def _why(words: str, wanted: Plan) -> str:
    """The reason in the words of a failed command, and what to do."""
    low = words.lower()
    lines = [line.strip() for line in words.splitlines() if line.strip() and not line.startswith("WARNING")]
    last = next(
        (line for line in lines if "ERROR" in line or "Message:" in line), lines[-1] if lines else "no reason given"
    )
    said = last.removeprefix("ERROR: ")[:400]
    if "quota" in low:
        return (
            f"the subscription's quota in {wanted.location} does not allow it: {said}\n"
            "choose a smaller node_size or another location in invoke.yaml (aks), or ask for more; "
            f"see: az vm list-usage --location {wanted.location} -o table"
        )
    if "skunotavailable" in low or "vm size" in low or "not available in location" in low or "vmsize" in low:
        return (
            f"{wanted.location} does not have the VM size: {said}\n"
            "choose another in invoke.yaml (aks: node_size); "
            f"see: az vm list-skus --location {wanted.location} --resource-type virtualMachines -o table"
        )
    if "alreadyinuse" in low or "already in use" in low:
        return f"the name {wanted.registry} is taken by somebody's registry: choose another (aks: registry_name)"
    if "authorizationfailed" in low or "does not have authorization" in low:
        return (
            f"this login may not do that: {said}\n"
            f"ask for the roles Contributor and User Access Administrator on {wanted.group}"
        )
    return f"Azure refused it: {said}"


def _exists(step: Step, wanted: Plan) -> dict[str, Any] | None:
    """What Azure says of a thing; None where it is not there."""
    result = az([*step.there, "--output", "json"])
    if result.returncode == 0:
        try:
            found = json.loads(result.stdout or "{}")
        except ValueError:
            found = {}
        return found if isinstance(found, dict) else {}
    low = result.stderr.lower()
    if (
        "notfound" in low.replace(" ", "")
        or "could not be found" in low
        or "was not found" in low
        or "not exist" in low
    ):
        return None
    raise fail(_why(result.stderr, wanted))


def problems() -> list[str]:
    """What this machine lacks for AKS: a line each, with the fix."""
    found = []
    for tool, hint in {"az": "https://aka.ms/azure-cli", "kubectl": "az aks install-cli"}.items():
        if not shutil.which(tool):
            found.append(f"{tool} is not installed: {hint}")
    if not found:
        try:
            az(["az", "account", "show"])
        except Exit as error:
            found.append(str(error.message).removeprefix("error: "))
    return found


# The commands


def print_commands(config: Settings) -> None:
    """Print every command of `inv aks.up` in order, for a shell."""
    wanted = plan(config)
    for step in steps(wanted):
        for command in step.make:
            say(shlex.join(command))
    say(shlex.join(credentials_command(wanted)))
    for part in ("cluster-scoped-resources", "platform"):
        folder = cluster.stage(config, part, OVERLAY, extra(wanted)).relative_to(ROOT).as_posix()
        say(
            shlex.join(
                ["kubectl", "--context", wanted.context, "apply", "--server-side", "--force-conflicts", "-k", folder]
            )
        )
    if wanted.storage_account:
        for variable, command in data_commands(wanted):
            line = " ".join(f'"{part}"' if "$" in part else shlex.quote(part) for part in command)
            say(f"{variable}=$({line})" if variable else line)
    say(f"# and in invoke.yaml: registry: {wanted.registry}.azurecr.io")


def make(config: Settings) -> None:
    """Make it all, or go on where an earlier call stopped."""
    wanted = plan(config)
    account = json.loads(_must(["az", "account", "show", "--output", "json"], wanted) or "{}")
    say(f"on subscription {account.get('name', '?')}, {wanted.location}, resource group {wanted.group}")
    try:
        for step in steps(wanted):
            _ensure(step, wanted)
        log_in(wanted)
        _set_registry(config, wanted)
        cluster.install(config, wanted.context, OVERLAY, say, extra(wanted))
        cluster.wait(wanted.context, "inv aks.up")
        if wanted.storage_account:
            _allow_data(wanted)
    except KeyboardInterrupt:
        raise Exit("stopped; run inv aks.up again: it goes on where it was.", code=130) from None
    say(f"Kubeflow Pipelines {config.kfp_version} is ready, and has no public address: inv cluster.proxy")
    say(f"next: az acr login --name {wanted.registry}, inv push, and beside inv cluster.proxy: inv run --on cluster")


def _ensure(step: Step, wanted: Plan) -> None:
    """Make a thing, wait for one that is being made, mend one that is half made."""
    found = _exists(step, wanted)
    if found is None:
        say(f"  make    {step.what}")
        for command in step.make:
            _must(command, wanted)
        return
    properties = found.get("properties") or {}
    state = str(found.get("provisioningState") or properties.get("provisioningState") or "Succeeded")
    if state in ("Creating", "Updating", "Upgrading", "Scaling"):
        say(f"  wait    {step.what}: {state.lower()}")
        _must(wait_command(step), wanted)
        return
    if state in ("Failed", "Canceled"):
        say(f"  mend    {step.what}: its last change has failed")
        for command in step.mend or step.make:
            _must(command, wanted)
        return
    say(f"  ready   {step.what.split(',')[0]}")


def log_in(wanted: Plan) -> None:
    """Put the cluster's credentials into kubectl's configuration, under a context named for the project."""
    _must(credentials_command(wanted), wanted)
    say(f"  kubectl context {wanted.context}")


def _set_registry(config: Settings, wanted: Plan) -> None:
    """Make the cluster's registry the project's, in invoke.yaml; its comments stay."""
    registry = f"{wanted.registry.lower()}.azurecr.io"
    if config.registry == registry:
        return
    path = ROOT / "invoke.yaml"
    text = path.read_text(encoding="utf-8")
    changed = re.sub(r"(?m)^registry: *\S+", lambda _: f"registry: {registry}", text, count=1)
    write(path, changed)
    say(f"  registry: {registry}, in invoke.yaml; it was {config.registry}")


def _allow_data(wanted: Plan) -> None:
    """Let the steps read the storage account by workload identity."""
    values: dict[str, str] = {}
    for variable, command in data_commands(wanted):
        parts = [re.sub(r"\$([A-Z]+)", lambda match: values[match[1]], part) for part in command]
        said = _must(parts, wanted)
        if variable:
            values[variable] = said
    say(f"  steps may read {wanted.storage_account}, once they carry the label of invoke.yaml (steps: all: labels):")
    say('          azure.workload.identity/use: "true"')


def ready(config: Settings) -> bool:
    """Print what the cluster is at; whether all of it is ready."""
    wanted = plan(config)
    whole = True
    for step in steps(wanted):
        found = _exists(step, wanted)
        state = "missing" if found is None else str(found.get("provisioningState") or "Succeeded")
        power = ((found or {}).get("powerState") or {}).get("code", "")
        say(f"  {step.what.split(',')[0]:<50}  {state}{f', {power}' if power else ''}")
        whole = whole and state == "Succeeded" and power in ("", "Running")
    if not whole:
        say("not all of it is there: inv aks.up")
        return False
    return cluster.show_deployments(wanted.context, say, "inv aks.up")


def doomed(wanted: Plan) -> list[str] | None:
    """What `inv aks.down` would delete, None for nothing. Raises `Exit` where the group holds more, with the list."""
    if _exists(steps(wanted)[0], wanted) is None:
        return None
    listed = json.loads(_must(resources_command(wanted), wanted) or "[]")
    group = json.loads(_must(["az", "group", "show", "--name", wanted.group, "--output", "json"], wanted) or "{}")
    others = [each for each in listed if (each.get("tags") or {}).get(TAG) != wanted.project]
    if others or (group.get("tags") or {}).get(TAG) != wanted.project:
        names = "".join(f"\n  {each.get('type')} {each.get('name')}" for each in others)
        raise fail(
            f"the resource group {wanted.group} holds more than this project made, so nothing was deleted:"
            f"{names or ' the group itself is without the tag ' + wanted.tag}"
        )
    return [f"{each.get('type')} {each.get('name')}" for each in listed]


def delete(wanted: Plan) -> None:
    """Delete the project's resource group, and its context of kubectl."""
    _must(delete_command(wanted), wanted)
    for kind, name in (("context", wanted.context), ("cluster", wanted.project)):
        cluster.run("kubectl", "config", f"delete-{kind}", name)
    say(f"deleted the resource group {wanted.group}; registry in invoke.yaml still names what is gone")


# The tasks


@task(help={"dry-run": "print the commands, and run none"})
def up(c: Context, dry_run: bool = False) -> None:
    """Make resource group, registry, cluster and Kubeflow Pipelines on Azure, or go on making them."""
    config = load_settings(c)
    if dry_run:
        print_commands(config)
    else:
        make(config)


@task
def status(c: Context) -> None:
    """Show what the cluster on Azure is at; the exit code says whether all of it is ready."""
    if not ready(load_settings(c)):
        raise Exit(code=1)


@task
def credentials(c: Context) -> None:
    """Put the cluster's credentials into kubectl's configuration."""
    log_in(plan(load_settings(c)))


@task(help={"yes": "do not ask"})
def down(c: Context, yes: bool = False) -> None:
    """Delete what aks.up made, if the resource group holds nothing else."""
    wanted = plan(load_settings(c))
    found = doomed(wanted)
    if found is None:
        say("nothing to delete")
        return
    for each in found:
        say(f"  {each}")
    sure(f"This deletes the resource group {wanted.group} with all of these and their data.", yes)
    delete(wanted)
