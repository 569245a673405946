"""Steps as containers of their images, on the Docker engine."""

import contextlib
import os
import sys
import tarfile
import tempfile
import threading
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit

from ..files import ROOT
from ..images.engine import LABEL, bytes_text, connect
from ..project.components import component_of
from ..project.notifying import variable_of
from ..project.quantities import quantity
from ..runs.record import Run, tail
from ..terminal import message_of
from .executor_io import StepFailed
from .host import why
from .jobs import Job, Stopped, too_late
from .keeper import Keeper

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

LABEL_OF_RUN = f"{LABEL}.run"
# The variables of this environment that a step in a container sees too: the network's, and where the image is one of
# this project's, credentials of cloud storage and of MLflow.
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
KEY = "GOOGLE_APPLICATION_CREDENTIALS"  # which names a file
CLOUD = ("AWS_", "AZURE_STORAGE_", "AZURE_CLIENT_", "AZURE_TENANT_", KEY, "MLFLOW_TRACKING_")


class Containers:
    """The containers of a run, so that none outlives it."""

    def __init__(self, run: Run, keeper: Keeper, variables: Collection[str] = ()) -> None:
        self.stopping = False
        self._keeper = keeper
        self._run = run
        self._variables = variables
        client = connect()
        rootless = any("rootless" in option for option in client.info().get("SecurityOptions") or [])
        # Files in the run's folder are the caller's. A rootless engine's root is the caller already.
        self._user = None
        if sys.platform == "linux":
            self._user = "0:0" if rootless else f"{os.getuid()}:{os.getgid()}"

    def run(self, job: Job) -> None:
        """Run a job's container to its end, both its streams into its log (see `jobs.Launcher`).

        It sees of this machine what the job reads (read-only) and writes, at the same paths.
        """
        import docker
        import requests

        started: Container | None = None
        try:
            client = connect()
            if self.stopping:
                raise Stopped
            self._keeper.watch()
            started = self._created(client, job)
            self._watched(client, started, job)
        except docker.errors.ImageNotFound:
            raise StepFailed(f"its image is not here any more: {job.image} (inv build)") from None
        except docker.errors.APIError as error:
            if self.stopping:
                raise Stopped from None
            raise StepFailed(_refused(str(error.explanation or error))) from None
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            if self.stopping:
                raise Stopped from None
            raise StepFailed(f"the Docker engine stopped answering: {error}") from None
        except Exit as error:
            raise StepFailed(message_of(error)) from None
        finally:
            if started is not None:
                with contextlib.suppress(docker.errors.DockerException, requests.RequestException):
                    started.remove(force=True, v=True)

    def _created(self, client: "DockerClient", job: Job) -> "Container":
        from docker.types import Mount

        hidden = () if component_of(job.image) else CLOUD
        seen = {name: value for name, value in os.environ.items() if not name.upper().startswith(hidden)}
        own = {name: seen[name] for name in [*self._variables, *variable_of(job.environment)] if name in seen}
        passed = {name: value for name, value in seen.items() if name.upper().startswith(PROXIES + CLOUD)}
        key = ROOT / passed.get(KEY, "")
        reads = [*job.reads, *([key] if key.is_file() and key not in job.reads else [])]
        mounts = [Mount(str(path), str(path), "bind", read_only=True) for path in reads]
        mounts += [Mount(str(path), str(path), "bind") for path in job.writes]
        memory, cpus = limits(job.resources)
        return client.containers.create(
            job.image,
            job.command[job.entrypoint :],
            entrypoint=job.command[: job.entrypoint] or None,
            user=self._user,
            working_dir=str(ROOT) if component_of(job.image) else None,  # sources may be relative to it
            environment={**passed, **own, **job.environment, **job.threads_environment()},
            mounts=mounts,
            mem_limit=memory,
            memswap_limit=memory,
            nano_cpus=cpus,
            use_config_proxy=True,
            labels={f"{LABEL}.project": self._run.pipeline, LABEL_OF_RUN: str(self._run.folder)},
        )

    def _watched(self, client: "DockerClient", container: "Container", job: Job) -> None:
        """Start a container and follow it to its end. Raises `StepFailed` where that is a bad one."""
        late = threading.Event()

        def end() -> None:
            late.set()
            with contextlib.suppress(Exception):
                container.kill()

        timer = threading.Timer(job.timeout, end) if job.timeout else None
        container.start()
        if timer:
            timer.start()
        try:
            with job.log.open("ab", buffering=0) as log:
                for part in container.logs(stream=True, follow=True):
                    log.write(part)
            code = container.wait(timeout=None)["StatusCode"]
        finally:
            if timer:
                timer.cancel()
        if self.stopping:
            raise Stopped
        if late.is_set():
            raise too_late(job)
        if code:
            container.reload()
            # The engine keeps the order within a stream, not between the two: the last words are those of errors.
            words = container.logs(stdout=False, tail=50).decode("utf-8", "replace") or tail(job.log, 50)
            raise StepFailed(_why(code, container.attrs["State"], limits(job.resources)[0], client, words))
        for place, target in job.elsewhere().items():
            _fetch(container, place, target)

    def stop(self) -> None:
        """Kill all that runs, and let nothing new start. Does not wait: it is called from a signal handler."""
        if not self.stopping:
            self.stopping = True
            threading.Thread(target=self.close, daemon=True).start()

    def close(self) -> None:
        """Remove whatever is left of the run's containers."""
        with contextlib.suppress(Exception):
            for container in connect().containers.list(
                all=True, filters={"label": f"{LABEL_OF_RUN}={self._run.folder}"}
            ):
                with contextlib.suppress(Exception):
                    container.remove(force=True, v=True)


def _fetch(container: "Container", place: str, target: Path) -> None:
    """Copy a file or a folder out of a container; nothing where there is none."""
    from docker.errors import NotFound

    try:
        parts, _ = container.get_archive(place)
    except NotFound:
        return
    with tempfile.TemporaryFile() as file:
        for part in parts:
            file.write(part)
        file.seek(0)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder, tarfile.open(fileobj=file) as archive:
            archive.extractall(folder, filter="data")
            Path(folder, Path(place).name).replace(target)


def limits(resources: dict[str, Any]) -> tuple[int | None, int | None]:
    """A container's limits as pipeline.py sets them: bytes of memory, billionths of a CPU; None for no limit."""
    count = float(resources.get("memoryLimit", 0)) * 10**9
    if memory := resources.get("resourceMemoryLimit"):
        count = quantity(memory)
    share = float(resources.get("cpuLimit", 0))
    if cpus := resources.get("resourceCpuLimit"):
        share = quantity(cpus)
    return int(count) or None, min(int(share * 10**9), (os.cpu_count() or 1) * 10**9) or None


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


def _refused(said: str) -> str:
    """What the engine's refusal of a container means."""
    if "bind source path does not exist" in said:
        return (
            f"the Docker engine cannot see this machine's files ({said}); it runs elsewhere, or in a virtual machine "
            "that shares only some folders (Colima: the home folder): move the project there."
        )
    if "executable file not found" in said or "no such file or directory" in said:
        return f"its image has no such command: {said}"
    if "argument list too long" in said:
        return "one of its arguments is longer than a program takes (131,072 bytes): hand such values on as an artifact"
    return f"the Docker engine refused it: {said}"
