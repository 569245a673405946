"""The Docker engine: is it there, what does it say, and how much room has it."""

import contextlib
import getpass
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from ..files import ROOT
from ..terminal import fail, message_of

if TYPE_CHECKING:
    from docker import DockerClient


# Whatever this project makes in an engine has labels that start so.
LABEL = "dev.kf-template"


GIB = 2**30


INSTALL = "Install Docker Desktop or Docker Engine: https://docs.docker.com/get-docker/"


def docker(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Docker's command line quietly. Raises `Exit` where it is not installed."""
    try:
        return subprocess.run(["docker", *arguments], capture_output=True, text=True, encoding="utf-8", cwd=ROOT)
    except FileNotFoundError:
        raise fail(f"docker is not installed. {INSTALL}") from None


def connect() -> "DockerClient":
    """The Docker engine of the current context. Raises `Exit` where it does not answer, with what to do."""
    import docker
    import requests

    try:
        return docker.from_env(use_ssh_client=True)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise fail(engine_problem(str(error))) from None


def answers() -> bool:
    """Whether the engine answers at all."""
    try:
        return bool(connect().ping())
    except Exception:
        return False


def engine_problem(said: str) -> str:
    """Why the engine does not answer, and what to do."""
    low = said.lower()
    if "permission denied" in low or "permissionerror" in low:
        user = getpass.getuser() if os.environ.get("USER") else "$USER"
        if user in _group("docker"):
            return (
                f"this login may not use the Docker engine yet, though {user} is in the group docker: "
                "log out of the whole session and in again (a new terminal is not enough)."
            )
        return (
            "you have no permission to use the Docker engine's socket. Run: "
            f"sudo usermod -aG docker {user} and then log out and in again; until then nothing changes."
        )
    if not shutil.which("docker"):
        return f"docker is not installed. {INSTALL}"
    host = os.environ.get("DOCKER_HOST")
    context = os.environ.get("DOCKER_CONTEXT") or docker("context", "show").stdout.strip() or "default"
    where = f"DOCKER_HOST={host}" if host else f"context {context}"
    start = "sudo systemctl start docker" if sys.platform == "linux" else "start Docker Desktop"
    return (
        f"the Docker engine does not answer ({where}). Start it: {start}; "
        "if another one should be used: docker context ls, docker context use NAME."
    )


def _group(name: str) -> list[str]:
    try:
        import grp

        return list(grp.getgrnam(name).gr_mem)
    except (ImportError, KeyError):
        return []


def problems() -> tuple[list[str], list[str]]:
    """What is wrong for building and running images here, and what is only slow: one line each, with the fix."""
    if not shutil.which("docker"):
        return [f"docker is not installed. {INSTALL}"], []
    try:
        client = connect()
    except Exit as error:
        return [message_of(error)], []
    found, slow = [], []
    version = client.version()["Version"]
    if int(version.split(".")[0]) < 23:
        found.append(f"the Docker engine is {version}, and images need 23 or later: update it.")
    if docker("buildx", "version").returncode:
        slow.append(
            "buildx is missing, so images are built one after another and without a package cache; "
            "install it: https://docs.docker.com/go/buildx/ (Debian and Ubuntu: the package docker-buildx)"
        )
    free, whole = disk_space(client)
    if free < 5 * GIB:
        found.append(
            f"only {bytes_text(free)} of {bytes_text(whole)} disk are free, and images need 5 GiB: inv disk, inv prune"
        )
    memory = client.info()["MemTotal"]
    if memory < 2 * GIB:
        found.append(f"the engine has {bytes_text(memory)} of memory, and training needs 2 GiB: give it more.")
    return found, slow


def disk_space(client: "DockerClient | None" = None) -> tuple[int, int]:
    """Free and whole bytes of the engine's disk, where it is this machine's; else of the project's."""
    with contextlib.suppress(OSError):
        if client and sys.platform == "linux" and (place := Path(client.info()["DockerRootDir"])).exists():
            usage = shutil.disk_usage(place)
            return usage.free, usage.total
    usage = shutil.disk_usage(ROOT)
    return usage.free, usage.total


def bytes_text(count: float) -> str:
    """Bytes for people, in decimal units as Docker has them: 433 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
