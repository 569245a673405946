"""The programs that make clusters: kind, kubectl and Docker's command line."""

import subprocess
from typing import Any

from ..files import ROOT
from ..terminal import fail


def run(*command: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", errors="replace", cwd=ROOT, **options
        )
    except FileNotFoundError:
        raise fail(f"{command[0]} is not installed: inv doctor --for cluster") from None
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"{command[0]} did not answer in time")


def kubectl(where: str, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run kubectl in the context `where`."""
    return run("kubectl", "--context", where, *arguments, **{"timeout": 300, **options})


def last_line(result: "subprocess.CompletedProcess[str]") -> str:
    """The line of a tool's words that says most: the last error, or the last line."""
    lines = [line.strip() for line in (result.stderr + result.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or [f"exit code {result.returncode}"])[-1][:300]


def apply(where: str, *what: str, **options: Any) -> None:
    """Apply on the server's side, because some of the definitions are too large for kubectl's own way."""
    applied = kubectl(where, "apply", "--server-side", "--force-conflicts", *what, **{"timeout": 900, **options})
    if applied.returncode:
        raise fail(f"kubectl apply failed: {last_line(applied)}{github_hint(applied.stderr)}")


def github_hint(words: str) -> str:
    """What to do where a tool's words say that GitHub was out of its reach."""
    if "github.com" not in words:
        return ""
    return "\nwithout GitHub: set kfp_manifests in invoke.yaml to a copy of manifests/kustomize"
