"""Where this project may write: to its own cluster on this machine, and to hosts that its user has agreed to.

What was agreed to is kept in the user's own folder for state, since it holds for this machine and this folder alone.
"""

import json
import os
import sys
from pathlib import Path

from invoke.exceptions import Exit

from ..clusters import kind
from ..clusters.tools import run
from ..files import ROOT, write
from ..project.settings import Settings
from ..terminal import fail, sure


def permit(config: Settings, yes: bool) -> None:
    """Let a command write to `kfp_host`, or ask, once for each host. Raises `Exit` where it may not.

    With `yes`, nothing is asked and nothing is remembered.
    """
    host = config.kfp_host.rstrip("/")
    port = kind.local_port(host)
    behind = _container(port) if port else ""
    if yes or (behind == kind.node_name(config) and _own(config)):
        return
    where = f"{host} ({behind.removesuffix('-control-plane')})" if behind else host
    known = _known()
    if where in known.get(str(ROOT), []):
        return
    whose = f"the cluster that kind calls {behind.removesuffix('-control-plane')}" if behind else "another host"
    if not sys.stdin.isatty():
        raise fail(
            f"{host} is {whose}, and nobody has agreed yet that {config.project} may write there: nothing was sent. "
            "Say the command once on a terminal, or with --yes."
        )
    sure(f"{host} is {whose}. May {config.project} write there, now and later?", yes)
    known.setdefault(str(ROOT), []).append(where)
    _state().parent.mkdir(parents=True, exist_ok=True)
    write(_state(), json.dumps(known, indent=2) + "\n")


def _container(port: str) -> str:
    """The container that answers at a port of this machine, as a kind node does; empty where none is known."""
    try:
        listed = run("docker", "ps", "--filter", f"publish={port}", "--format", "{{.Names}}", timeout=10)
    except Exit:  # no Docker
        return ""
    return listed.stdout.strip().partition("\n")[0] if listed.returncode == 0 else ""


def _own(config: Settings) -> bool:
    """Whether the kind cluster of this project's name was made for this folder."""
    try:
        kind.check_owner(config)
    except Exit:
        return False
    return True


def _state() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".local" / "state"
    return Path(base) / "kf-template" / "hosts.json"


def _known() -> dict[str, list[str]]:
    """The hosts that were agreed to, by the project's folder; what cannot be read is asked about again."""
    try:
        found = json.loads(_state().read_text(encoding="utf-8"))
        return {str(folder): [str(host) for host in hosts] for folder, hosts in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
