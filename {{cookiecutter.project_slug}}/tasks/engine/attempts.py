"""One try at a step: the job that stands for its container is made, run, and its outputs are collected."""

import contextlib
import errno
import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..files import ROOT
from ..masking import learn
from ..report.step_reports import REPORTS
from ..runs.record import Run, Step
from . import cache
from .cleaning import clean
from .executions import Execution, Spec, Unresolved
from .executor_io import StepFailed, collected, custom_paths, executor_input, executor_output, texts_of, unfinished
from .importing import imported
from .inputs import Inputs
from .jobs import Job, Launcher, Stopped
from .placeholders import command_line
from .python_components import KFP_PACKAGES, PythonComponent, container_packages, host_python, program, python_component

IMPORTED = cache.CACHE / "imported"
# Parameters that name what a step writes outside of its outputs: the folder of the model store, and a table.
WRITTEN = ("models", "destination")


class Attempts:
    """Makes and runs the jobs of a run."""

    def __init__(self, run: Run, platform: Spec, launcher: Launcher) -> None:
        self._run = run
        self._kubernetes = kubernetes_of(platform)
        self._launcher = launcher

    def of_importer(self, name: str, importer: Spec, component: Spec, inputs: Inputs) -> Execution:
        """Import an artifact. What goes wrong is in the execution."""

        def work() -> Execution:
            output, artifact = imported(importer, component, inputs, IMPORTED)
            return Execution(name, "succeeded", artifacts={output: [artifact]})

        return _guarded(name, work, "failed")

    def of_container(
        self, step: Step, component: Spec, container: Spec, inputs: Inputs, threads: int, variables: dict[str, str]
    ) -> Execution:
        """Run a step's container and collect its outputs. What goes wrong is in the execution."""
        folder = self._run.folder / "steps" / step.name
        given: dict[str, Any] = {}
        learn(inputs.parameters)

        def work() -> Execution:
            _made_empty(folder)
            given.update(executor_input(inputs, component, folder))
            job = self._job(step, component, container, inputs, given, folder)
            job.threads = threads
            job.environment.update(variables)
            written = functools.cache(lambda: executor_output(given))
            job.elsewhere = lambda: custom_paths(given, written())
            self._launcher.run(job)
            parameters, artifacts, missing = collected(given, component, written())
            reason = f"did not write its output {', '.join(missing)}, which KFP allows" if missing else ""
            return Execution(step.name, "succeeded", reason, parameters, artifacts)

        execution = _guarded(step.name, work, "not started")
        if execution.state == "failed" and given:
            execution.artifacts = unfinished(given, REPORTS)
        clean([self._run.log(step.name), *texts_of(given)])
        return execution

    def _job(
        self, step: Step, component: Spec, container: Spec, inputs: Inputs, given: dict[str, Any], folder: Path
    ) -> Job:
        """The job that stands for a container. Raises `Unresolved` for a placeholder without a value."""

        def filled(parts: list[str]) -> list[str]:
            return command_line(parts, inputs.parameters, given)

        (image,) = filled([container["image"]])
        command, args = filled(container.get("command", [])), container.get("args", [])
        kubernetes = self._kubernetes.get(component["executorLabel"], {})
        workspace = [path for path in [self._run.folder / "workspace"] if path.exists()]
        job = Job(
            name=step.name,
            image=image,
            command=[*command, *filled(args)],
            entrypoint=len(command),
            log=self._run.log(step.name),
            environment={each["name"]: each.get("value", "") for each in container.get("env", [])},
            writes=[folder, *workspace],
            resources={
                name: filled([value])[0] if isinstance(value, str) else value
                for name, value in container.get("resources", {}).items()
            },
            timeout=float(kubernetes["activeDeadlineSeconds"]) if "activeDeadlineSeconds" in kubernetes else None,
        )
        job.writes += _writes(inputs) if self._run.engine == "docker" else []
        job.reads = [path for path in _reads(inputs) if path not in job.writes]
        if python := python_component(container.get("command", [])):
            self._run_python(job, python, filled(args), folder / ".program")
        if not job.entrypoint and self._run.engine == "host":
            raise StepFailed("its component names no command, and what its image would run is not on this machine")
        return job

    def _run_python(self, job: Job, component: PythonComponent, args: list[str], folder: Path) -> None:
        """Let a job run a lightweight component without installing anything first."""
        job.environment["_KFP_RUNTIME"] = "true"
        python = "python3"
        if self._run.engine == "host":
            python = host_python(component, job.log)
        else:
            packages = container_packages(component, job.image, lambda command, to: self._pip(job, command, to))
            path = [str(each) for each in (packages, KFP_PACKAGES) if each]
            job.environment["PYTHONPATH"] = ":".join(path)
            job.reads += [each for each in (packages, KFP_PACKAGES / "kfp") if each]
        job.command = [*program(component, python, folder), *args]
        job.entrypoint = len(job.command)

    def _pip(self, job: Job, command: list[str], folder: Path) -> None:
        self._launcher.run(Job(job.name, job.image, command, len(command), job.log, writes=[folder]))


def _guarded(name: str, work: Callable[[], Execution], unresolved: Any) -> Execution:
    """Do the work; what goes wrong with the step is the end of its execution."""
    try:
        return work()
    except Unresolved as problem:
        return Execution(name, unresolved, str(problem))
    except Stopped:
        return Execution(name, "failed", "stopped")
    except (StepFailed, ValueError) as problem:
        return Execution(name, "failed", str(problem))
    except OSError as problem:
        full = "the disk is full; inv disk shows what takes it, inv prune frees some"
        return Execution(
            name, "failed", full if problem.errno == errno.ENOSPC else f"{problem.strerror}: {problem.filename}"
        )


def _made_empty(folder: Path) -> None:
    """Make the folder of a step's outputs, as KFP's launcher does; what an earlier try left in it goes."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()


def kubernetes_of(platform: Spec) -> dict[str, Spec]:
    """What kfp-kubernetes has set, by executor."""
    found: dict[str, Spec] = (
        platform.get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
    )
    return found


def _writes(inputs: Inputs) -> list[Path]:
    """The folders of this machine that a container is to write into, made where there are none."""
    found = []
    for name in WRITTEN:
        value = inputs.parameters.get(name)
        if isinstance(value, str) and value and "://" not in value and "\0" not in value:
            path = ROOT / Path(value).expanduser()
            found.append(path if name == "models" else path.parent)
            found[-1].mkdir(parents=True, exist_ok=True)
    return found


def _reads(inputs: Inputs) -> list[Path]:
    """The files and folders of this machine that a step's inputs name: artifacts, and parameters such as a source."""
    found: list[Path] = []
    places = [artifact.path for listed in inputs.artifacts.values() for artifact in listed]
    texts = [value for value in inputs.parameters.values() if isinstance(value, str) and 0 < len(value) < 4096]
    for place in [*places, *(text for text in texts if "://" not in text and "\0" not in text)]:
        path = ROOT / place
        with contextlib.suppress(OSError):
            if path.exists() and not ROOT.is_relative_to(path.resolve()) and path not in found:
                found.append(path)
    return found
