"""The Docker engine: is it there, running a step in its image, and what this project takes of it."""

import contextlib
import getpass
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit

from .files import ROOT
from .local import StepFailed, Stopped, why
from .project.components import component_names, component_of, image_reference
from .project.settings import Settings
from .runs import record
from .terminal import fail

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

# Whatever this project makes in an engine has labels that start so.
LABEL = "dev.kf-template"
GIB = 2**30

# The variables of this environment that a step in a container sees too: networks and credentials of cloud storage.
PASSED = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "AWS_", "AZURE_STORAGE_", "GOOGLE_APPLICATION_CREDENTIALS")


def docker(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Docker's command line quietly. Raises `Exit` where it is not installed."""
    try:
        return subprocess.run(["docker", *arguments], capture_output=True, text=True, encoding="utf-8", cwd=ROOT)
    except FileNotFoundError:
        raise fail(f"docker is not installed. {INSTALL}") from None


INSTALL = "Install Docker Desktop or Docker Engine: https://docs.docker.com/get-docker/"


def connect() -> "DockerClient":
    """The Docker engine of the current context. Raises `Exit` where it does not answer, with what to do."""
    import docker
    import requests

    try:
        return docker.from_env(use_ssh_client=True)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise fail(engine_problem(str(error))) from None


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
        return [str(error.message).removeprefix("error: ")], []
    found, slow = [], []
    version = client.version()["Version"]
    if int(version.split(".")[0]) < 23:
        found.append(f"the Docker engine is {version}, and images need 23 or later: update it.")
    if docker("buildx", "version").returncode:
        slow.append(
            "buildx is missing, so images are built one after another and without a package cache; "
            "install it: https://docs.docker.com/go/buildx/ (Debian and Ubuntu: the package docker-buildx)"
        )
    free, whole = disk(client)
    if free < 5 * GIB:
        found.append(
            f"only {bytes_text(free)} of {bytes_text(whole)} disk are free, and images need 5 GiB: inv disk, inv prune"
        )
    memory = client.info()["MemTotal"]
    if memory < 2 * GIB:
        found.append(f"the engine has {bytes_text(memory)} of memory, and training needs 2 GiB: give it more.")
    return found, slow


def disk(client: "DockerClient") -> tuple[int, int]:
    """Free and whole bytes of the engine's disk, where it is this machine's; else of the project's."""
    place = Path(client.info()["DockerRootDir"])
    with contextlib.suppress(OSError):
        if sys.platform == "linux" and place.exists():
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


class Containers:
    """The containers of a run, so that none outlives it. Stands where `local.Processes` does on the host."""

    def __init__(self, run: record.Run, variables: Collection[str] = ()) -> None:
        self.stopping = False
        self._run = run
        self._variables = variables
        client = connect()
        rootless = any("rootless" in option for option in client.info().get("SecurityOptions") or [])
        # Files in the run's folder are the caller's. A rootless engine's root is the caller already.
        self._user = None
        if sys.platform == "linux":
            self._user = "0:0" if rootless else f"{os.getuid()}:{os.getgid()}"

    def run(self, container: Any, command: list[str], log: Path, reads: list[Path], writes: list[Path]) -> None:
        """Run a step's container to its end, both its streams into `log`.

        It sees of this machine what is in `reads` (read-only) and `writes`, at the same paths. Raises `StepFailed` with
        the reason where it does not end well.
        """
        import docker
        import requests
        from docker.types import Mount

        own = {name: os.environ[name] for name in self._variables if name in os.environ}
        environment = {name: value for name, value in os.environ.items() if name.upper().startswith(PASSED)} | own
        environment.update({variable.name: variable.value for variable in container.env})
        mounts = [Mount(str(path), str(path), "bind", read_only=True) for path in reads]
        mounts += [Mount(str(path), str(path), "bind") for path in writes]
        memory, cpus = _limits(container.resources)
        started: Container | None = None
        try:
            client = connect()
            started = client.containers.create(
                container.image,
                command[len(container.command) :],
                entrypoint=command[: len(container.command)] or None,
                user=self._user,
                working_dir=str(ROOT) if component_of(container.image) else None,  # sources may be relative to it
                environment=environment,
                mounts=mounts,
                mem_limit=memory,
                memswap_limit=memory,
                nano_cpus=cpus,
                use_config_proxy=True,
                labels={f"{LABEL}.project": self._run.pipeline, f"{LABEL}.run": str(self._run.folder)},
            )
            if self.stopping:
                raise Stopped
            started.start()
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab", buffering=0) as stream:
                for part in started.logs(stream=True, follow=True):
                    stream.write(part)
            code = started.wait(timeout=None)["StatusCode"]
            if self.stopping:
                raise Stopped
            if code:
                started.reload()
                # The engine keeps the order within a stream, not between the two: the last words are those of errors.
                words = started.logs(stdout=False, tail=50).decode("utf-8", "replace") or record.tail(log, 50)
                raise StepFailed(self._why(code, started.attrs["State"], memory, client, words))
        except docker.errors.ImageNotFound:
            raise StepFailed(f"its image is not here any more: {container.image} (inv build)") from None
        except docker.errors.APIError as error:
            raise StepFailed(_refused(str(error.explanation or error))) from None
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            raise StepFailed(f"the Docker engine stopped answering: {error}") from None
        except Exit as error:
            raise StepFailed(str(error.message).removeprefix("error: ")) from None
        finally:
            if started is not None:
                with contextlib.suppress(docker.errors.DockerException, requests.RequestException):
                    started.remove(force=True, v=True)

    @staticmethod
    def _why(code: int, state: dict[str, Any], memory: int | None, client: "DockerClient", words: str) -> str:
        """Why a container failed; the exit code alone does not tell that it was killed for its memory."""
        if state.get("OOMKilled") and memory:
            return (
                f"was killed because it took more memory than its limit, {bytes_text(memory)}; "
                "raise it under steps in invoke.yaml, or in pipeline.py"
            )
        if state.get("OOMKilled") or code == 137:
            whole = bytes_text(client.info()["MemTotal"])
            return f"was killed, most likely for its memory; it has no limit of its own, and the engine has {whole}"
        return why(code if code < 128 else 128 - code, words)

    def stop(self) -> None:
        """Kill all that runs, and let nothing new start. Does not wait: it is called from a signal handler."""
        self.stopping = True
        threading.Thread(target=self.close, daemon=True).start()

    def close(self) -> None:
        """Remove whatever is left of the run's containers."""
        with contextlib.suppress(Exception):
            for container in connect().containers.list(all=True, filters={"label": f"{LABEL}.run={self._run.folder}"}):
                with contextlib.suppress(Exception):
                    container.remove(force=True, v=True)


def _limits(resources: Any) -> tuple[int | None, int | None]:
    """A container's limits as pipeline.py sets them: bytes of memory, billionths of a CPU; None for no limit."""
    units = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}
    memory = resources.resource_memory_limit
    count: float = resources.memory_limit * 10**9
    if memory:
        unit = memory.lstrip("0123456789.")
        count = float(memory.removesuffix(unit)) * units.get(unit, 1)
    cpus = resources.resource_cpu_limit
    share: float = resources.cpu_limit
    if cpus:
        share = float(cpus[:-1]) / 1000 if cpus.endswith("m") else float(cpus)
    return int(count) or None, min(int(share * 10**9), (os.cpu_count() or 1) * 10**9) or None


def _refused(said: str) -> str:
    """What the engine's refusal of a container means."""
    if "bind source path does not exist" in said:
        return (
            f"the Docker engine cannot see this machine's files ({said}); it runs elsewhere, or in a virtual machine "
            "that shares only some folders (Colima: the home folder): move the project there."
        )
    if "executable file not found" in said or "no such file or directory" in said:
        return f"its image has no such command: {said}"
    return f"the Docker engine refused it: {said}"


# What it all takes


def usage(config: Settings) -> list[tuple[str, int, int, str]]:
    """What this project takes of the engine and of this folder: kind, how many, bytes, and what that is."""
    client = connect()
    current, old = own_images(client, config)
    size = layers(client, current)
    left = leftovers(client, config)
    cache = build_cache(client)
    found = record.newest_first()
    return [
        ("images", len(current), size, "of today's content; a layer that several have is counted once"),
        ("old images", len(old), layers(client, current + old) - size, "of other content; what they have alone"),
        ("containers", len(left), sum(entry["SizeRw"] for entry in left), "left behind by runs that were killed"),
        ("build cache", len(cache), _sizes(cache), "besides the images; projects of this template share it"),
        ("runs", len(found), folder_size(record.RUNS), "records, artifacts and logs of local runs"),
    ]


def own_images(client: "DockerClient", config: Settings) -> tuple[list[str], list[str]]:
    """The references of this project's images: those of today's content, and the others. Untagged ones by their id."""
    wanted = {image_reference(name, config) for name in component_names()}
    current: list[str] = []
    old: list[str] = []
    for image in client.images.list(filters={"label": f"{LABEL}.project={config.project}"}):
        for tag in image.tags or [image.id]:
            (current if tag in wanted else old).append(tag)
    return sorted(current), sorted(old)


def layers(client: "DockerClient", references: list[str]) -> int:
    """The bytes that images take, a layer that several have counted once."""
    found: dict[tuple[Any, ...], int] = {}
    for reference in references:
        below: list[tuple[Any, ...]] = []
        for entry in reversed(client.api.history(reference)):
            below.append((entry["Created"], entry["CreatedBy"], entry["Size"]))
            found[tuple(below)] = entry["Size"]
    return sum(found.values())


def leftovers(client: "DockerClient", config: Settings) -> list[dict[str, Any]]:
    """Containers of runs that are over: of this folder's, and of folders that are gone."""
    filters = {"label": f"{LABEL}.project={config.project}"}
    found = []
    for entry in client.api.containers(all=True, size=True, filters=filters):
        folder = Path(entry["Labels"].get(f"{LABEL}.run", ""))
        run = record.load(folder) if folder.parent == record.RUNS else None
        if not folder.exists() or (run and run.status != "running"):
            found.append({"SizeRw": 0, **entry})
    return found


def build_cache(client: "DockerClient") -> list[dict[str, Any]]:
    """The records of the build cache that come from the steps of these Dockerfiles, and are no layer of an image."""
    ours = ("/build/install.py", "components/", "kf-template-pip")
    return [
        entry
        for entry in client.df().get("BuildCache") or []
        if any(word in entry["Description"] for word in ours) and not entry["InUse"] and not entry["Shared"]
    ]


def _sizes(entries: list[dict[str, Any]]) -> int:
    return sum(entry["Size"] for entry in entries)


def folder_size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0


def old_runs(keep: int) -> list[record.Run]:
    """The runs that are over and not among the `keep` newest, but for those whose artifacts a kept one was served."""
    found = record.newest_first()
    kept = found[:keep]
    used = {
        part
        for run in kept
        for step in run.steps
        for value in [*step.inputs.values(), *step.outputs.values()]
        for item in (value if isinstance(value, list) else [value])
        if isinstance(item, dict)
        for part in str(item.get("uri", "")).split("/")
    }
    return [run for run in found[keep:] if run.status != "running" and run.id not in used]


@dataclass(frozen=True)
class Freeable:
    """What `inv prune` frees: how it is called, its bytes, and the function that frees it."""

    what: str
    size: int
    free: Callable[[], None]


def freeable(config: Settings, keep_runs: int | None, everything: bool) -> list[Freeable]:
    """What this project made and does not need: nothing else is ever freed. With `everything`, all its images too."""
    client = connect()
    current, old = own_images(client, config)
    images = old + (current if everything else [])
    left, cache = leftovers(client, config), build_cache(client)
    found = []
    if left:
        found.append(
            Freeable(
                f"{len(left)} containers of runs that are over",
                _sizes([{"Size": entry["SizeRw"]} for entry in left]),
                lambda: _each(lambda entry: client.api.remove_container(entry["Id"], force=True, v=True), left),
            )
        )
    if images:
        size = layers(client, current + old) - (0 if everything else layers(client, current))
        kind = "images" if everything else "images of content that is not today's"
        found.append(
            Freeable(f"{len(images)} {kind}", size, lambda: _each(lambda image: client.api.remove_image(image), images))
        )
    if cache or images:
        found.append(
            Freeable(
                f"{len(cache)} records of the build cache that no image needs",
                _sizes(cache),
                lambda: _prune_cache(client),
            )
        )
    if keep_runs is not None and (gone := old_runs(keep_runs)):
        found.append(
            Freeable(
                f"{len(gone)} runs: {gone[-1].id} to {gone[0].id}",
                sum(folder_size(run.folder) for run in gone),
                lambda: _each(lambda run: shutil.rmtree(run.folder), gone),
            )
        )
    return found


def _each(free: Callable[[Any], object], things: list[Any]) -> None:
    """Free each; what is in use meanwhile, or gone already, stays as it is."""
    import docker

    for thing in things:
        with contextlib.suppress(docker.errors.APIError, OSError):
            free(thing)


def _prune_cache(client: "DockerClient") -> None:
    """A record goes only when nothing stands on it, so in several rounds: the last layers first."""
    while True:
        before = {entry["ID"] for entry in build_cache(client)}
        _each(lambda record: client.api.prune_builds(filters={"id": [record]}, all=True), sorted(before))
        if not before - {entry["ID"] for entry in build_cache(client)}:
            break
