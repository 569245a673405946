"""Running a step in its image."""

import contextlib
import os
import sys
import threading
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit

from .. import runs
from ..files import ROOT
from ..local import StepFailed, Stopped, why
from ..project.components import component_of
from .engine import LABEL, bytes_text, connect

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container


# The variables of this environment that a step in a container sees too: networks and credentials of cloud storage.
PASSED = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "AWS_", "AZURE_STORAGE_", "GOOGLE_APPLICATION_CREDENTIALS")


class Containers:
    """The containers of a run, so that none outlives it. Stands where `local.Processes` does on the host."""

    def __init__(self, run: runs.Run, variables: Collection[str] = ()) -> None:
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
                words = started.logs(stdout=False, tail=50).decode("utf-8", "replace") or runs.tail(log, 50)
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
