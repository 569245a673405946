"""The Azure CLI: run, understood where it refuses, and asked what is there."""

import json
import shutil
import subprocess
from typing import Any

from invoke.exceptions import Exit

from ...files import ROOT
from ...terminal import fail, message_of
from .plan import Plan, Step


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


def must(command: list[str], wanted: Plan) -> str:
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


def exists(step: Step, wanted: Plan) -> dict[str, Any] | None:
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
            found.append(message_of(error))
    return found
