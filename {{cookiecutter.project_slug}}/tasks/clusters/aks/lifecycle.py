"""Kubeflow Pipelines on Azure Kubernetes Service (AKS): made with the Azure CLI, continued where it stopped, deleted.

All that is made carries the tag `kf-template-project`, and what does not is never deleted.
"""

import contextlib
import json
import os
import re
import shlex

import yaml
from invoke.exceptions import Exit

from ...files import ROOT, write
from ...project.settings import Settings
from ...project.settings_files import acting_file, name_of
from ...terminal import fail, say
from .. import passwords
from ..install import NAMESPACE, install, stage
from ..tools import run
from ..waiting import show_deployments, wait
from .azure import exists, must
from .plan import (
    TAG,
    Plan,
    Step,
    credentials_command,
    data_commands,
    delete_command,
    extra,
    plan,
    resources_command,
    steps,
    wait_command,
)

OVERLAY = ROOT / "deploy" / "aks"


def print_commands(config: Settings) -> None:
    """Print every command of `inv aks.up` in order, for a shell."""
    wanted = plan(config)
    for step in steps(wanted):
        for command in step.make:
            say(shlex.join(command))
    say(shlex.join(credentials_command(wanted)))
    for part in ("cluster-scoped-resources", "platform"):
        for line in passwords.commands(wanted.context, NAMESPACE) if part == "platform" else []:
            say(line)
        folder = stage(config, part, OVERLAY, extra(wanted)).relative_to(ROOT).as_posix()
        say(
            shlex.join(
                ["kubectl", "--context", wanted.context, "apply", "--server-side", "--force-conflicts", "-k", folder]
            )
        )
    if wanted.storage_account:
        for variable, command in data_commands(wanted):
            line = " ".join(f'"{part}"' if "$" in part else shlex.quote(part) for part in command)
            say(f"{variable}=$({line})" if variable else line)
    say(f"# and in {name_of(acting_file())}: registry: {wanted.registry}.azurecr.io")


def make(config: Settings) -> None:
    """Make it all, or go on where an earlier call stopped."""
    wanted = plan(config)
    account = json.loads(must(["az", "account", "show", "--output", "json"], wanted) or "{}")
    say(f"on subscription {account.get('name', '?')}, {wanted.location}, resource group {wanted.group}")
    try:
        for step in steps(wanted):
            _ensure(step, wanted)
        log_in(wanted)
        _set_registry(config, wanted)
        install(config, wanted.context, OVERLAY, say, extra(wanted))
        wait(wanted.context, "inv aks.up")
        if wanted.storage_account:
            _allow_data(wanted)
    except KeyboardInterrupt:
        raise Exit("stopped; run inv aks.up again: it goes on where it was.", code=130) from None
    say(f"Kubeflow Pipelines {config.kfp_version} is ready, and has no public address: inv cluster.proxy")
    say(f"next: az acr login --name {wanted.registry}, inv push, and beside inv cluster.proxy: inv run --on cluster")


def _ensure(step: Step, wanted: Plan) -> None:
    """Make a thing, wait for one that is being made, mend one that is half made."""
    found = exists(step, wanted)
    if found is None:
        say(f"  make    {step.what}")
        for command in step.make:
            must(command, wanted)
        return
    properties = found.get("properties") or {}
    state = str(found.get("provisioningState") or properties.get("provisioningState") or "Succeeded")
    if state in ("Creating", "Updating", "Upgrading", "Scaling"):
        say(f"  wait    {step.what}: {state.lower()}")
        must(wait_command(step), wanted)
        return
    if state in ("Failed", "Canceled"):
        say(f"  mend    {step.what}: its last change has failed")
        for command in step.mend or step.make:
            must(command, wanted)
        return
    say(f"  ready   {step.what.split(',')[0]}")


def log_in(wanted: Plan) -> None:
    """Put the cluster's credentials into kubectl's configuration, under a context named for the project."""
    must(credentials_command(wanted), wanted)
    say(f"  kubectl context {wanted.context}")


def _set_registry(config: Settings, wanted: Plan) -> None:
    """Make the cluster's registry the project's, in the file whose settings act; its comments stay."""
    registry = f"{wanted.registry.lower()}.azurecr.io"
    if config.registry == registry:
        return
    path = acting_file()
    text = path.read_text(encoding="utf-8")
    changed, found = re.subn(r"(?m)^registry: *[^\s#]+", lambda _: f"registry: {registry}", text, count=1)
    if not found:
        changed = f"{text.rstrip()}\nregistry: {registry}\n"
    if path.suffix not in (".yaml", ".yml") or not _holds(changed, registry):
        say(f"  {name_of(path)} could not be changed: write registry: {registry} into it")
        return
    write(path, changed)
    say(f"  registry: {registry}, in {name_of(path)}; it was {config.registry}")
    if os.environ.get("INVOKE_REGISTRY"):
        say("  the variable INVOKE_REGISTRY goes above it, and names another: unset it")


def _holds(text: str, registry: str) -> bool:
    """Whether it is a file of settings with this registry."""
    with contextlib.suppress(yaml.YAMLError):
        document = yaml.safe_load(text)
        return isinstance(document, dict) and document.get("registry") == registry
    return False


def _allow_data(wanted: Plan) -> None:
    """Let the steps read the storage account by workload identity."""
    values: dict[str, str] = {}
    for variable, command in data_commands(wanted):
        parts = [re.sub(r"\$([A-Z]+)", lambda match: values[match[1]], part) for part in command]
        said = must(parts, wanted)
        if variable:
            values[variable] = said
    say(f"  steps may read {wanted.storage_account}, once they carry the label of invoke.yaml (steps: all: labels):")
    say('          azure.workload.identity/use: "true"')


def ready(config: Settings) -> bool:
    """Print what the cluster is at; whether all of it is ready."""
    wanted = plan(config)
    whole = True
    for step in steps(wanted):
        found = exists(step, wanted)
        state = "missing" if found is None else str(found.get("provisioningState") or "Succeeded")
        power = ((found or {}).get("powerState") or {}).get("code", "")
        say(f"  {step.what.split(',')[0]:<50}  {state}{f', {power}' if power else ''}")
        whole = whole and state == "Succeeded" and power in ("", "Running")
    if not whole:
        say("not all of it is there: inv aks.up")
        return False
    return show_deployments(wanted.context, say, "inv aks.up")


def doomed(wanted: Plan) -> list[str] | None:
    """What `inv aks.down` would delete, None for nothing. Raises `Exit` where the group holds more, with the list."""
    if exists(steps(wanted)[0], wanted) is None:
        return None
    listed = json.loads(must(resources_command(wanted), wanted) or "[]")
    group = json.loads(must(["az", "group", "show", "--name", wanted.group, "--output", "json"], wanted) or "{}")
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
    must(delete_command(wanted), wanted)
    for kind, name in (("context", wanted.context), ("cluster", wanted.project)):
        run("kubectl", "config", f"delete-{kind}", name)
    say(f"deleted the resource group {wanted.group}; registry in {name_of(acting_file())} still names what is gone")
