"""What keeps a cluster from running on this machine, and what makes it slow or doubtful."""

import contextlib
import json
import re
import shutil
import socket
import sys
from pathlib import Path

from invoke.exceptions import Exit

from ..images import engine
from ..project.settings import Settings
from ..terminal import message_of
from . import kind
from .tools import kubectl, run

GIB = 2**30


def problems(config: Settings) -> tuple[list[str], list[str]]:
    """What keeps a cluster from running here, and what makes it slow or doubtful: a line each, with the fix."""
    stops, doubts = impossible(config), []
    with contextlib.suppress(Exit):
        about = engine.connect().info()
        if about["NCPU"] < 4:
            doubts.append(f"the engine has {about['NCPU']} CPUs, with which Kubeflow runs slowly: 4 are better.")
        if about["MemTotal"] < 7.5 * GIB:
            have = engine.bytes_text(about["MemTotal"])
            doubts.append(f"the engine has {have} of memory, and Kubeflow wants 8 GB: give Docker more.")
        free, _ = engine.disk_space(engine.connect())
        if free < 24 * 10**9:
            doubts.append(f"{engine.bytes_text(free)} of disk are free, and Kubeflow takes 24 GB: inv disk, inv prune")
        if "/snap/" in str(about.get("DockerRootDir", "")):
            doubts.append("Docker is a snap, which sees few folders: export TMPDIR to a folder in your home for kind.")
    doubts += _inotify() + _wsl() + _skew(config)
    return stops, doubts


def impossible(config: Settings) -> list[str]:
    """What has to be mended before a cluster can be made."""
    found = []
    hints = {
        "kind": "https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
        "kubectl": "https://kubernetes.io/docs/tasks/tools/",
    }
    if not config.kfp_manifests:
        hints["git"] = "https://git-scm.com/downloads (kubectl fetches Kubeflow's manifests with it)"
    try:
        engine.connect()
    except Exit as error:
        found.append(message_of(error))
    for tool, hint in hints.items():
        if not shutil.which(tool):
            found.append(f"{tool} is not installed: {hint}")
    if found:
        return found
    version = re.search(r"v0\.(\d+)", run("kind", "version").stdout)
    if version and int(version[1]) < 27:
        found.append(f"kind is {version[0]}, and 0.27 or later is needed, for the registry: {hints['kind']}")
    if not kind.exists(config):
        found += [
            f"port {port} is taken: stop what listens there, or choose another in invoke.yaml (kfp_host)"
            if port != kind.API_HOST_PORT
            else f"port {port}, for the KFP API, is taken: stop what listens there"
            for port in (kind.ui_port(config), kind.API_HOST_PORT)
            if taken(port)
        ]
    return found


def taken(port: int) -> bool:
    with socket.socket() as listener:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _inotify() -> list[str]:
    """On Linux, the limits that Kubernetes runs into as "too many open files"."""
    found = []
    for limit, wanted in {"max_user_instances": 1280, "max_user_watches": 655360}.items():
        path = Path("/proc/sys/fs/inotify", limit)
        with contextlib.suppress(OSError, ValueError):
            if int(path.read_text()) < wanted:
                found.append(
                    f"fs.inotify.{limit} is {path.read_text().strip()}, and pods may fail with 'too many open files': "
                    f"sudo sysctl fs.inotify.{limit}={wanted}"
                )
    return found


def _wsl() -> list[str]:
    with contextlib.suppress(OSError):
        if (
            "microsoft" in Path("/proc/version").read_text().lower()
            and not Path("/sys/fs/cgroup/cgroup.controllers").exists()
        ):
            return ["WSL has cgroup v1, with which kind fails: wsl --update, and kernelCommandLine=cgroup_no_v1=all"]
    return []


def _skew(config: Settings) -> list[str]:
    """kubectl works with clusters one minor version older or newer than itself."""
    if not shutil.which("kubectl"):
        return []
    try:
        known = json.loads(run("kubectl", "version", "--client", "-o", "json").stdout)
        own = int(known["clientVersion"]["minor"].rstrip("+"))
    except (ValueError, KeyError):
        return []
    found = kubectl(kind.context(config), "version", "-o", "json", "--request-timeout", "5s", timeout=10)
    with contextlib.suppress(ValueError, KeyError):
        server = int(json.loads(found.stdout)["serverVersion"]["minor"].rstrip("+"))
        if abs(own - server) > 1:
            return [f"kubectl is 1.{own}, and the cluster 1.{server}: install kubectl 1.{server}"]
    return []
