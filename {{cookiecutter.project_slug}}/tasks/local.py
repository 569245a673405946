"""Local runs: the compiled pipeline on this machine, each step a subprocess of this Python or a container of its image.

KFP's own local orchestrator (`kfp.local`) decides what runs when: order, conditions, loops, exit handlers, caching,
retries, artifacts. Only how one container is started is ours: kfp's SubprocessRunner refuses container components, and
its DockerRunner can take a failed one for a success (kubeflow/pipelines #13332).
"""

import contextlib
import contextvars
import importlib
import inspect
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import graph, runs
from .files import ROOT
from .project.components import COMPONENTS, component_of, component_path
from .report import REPORTS, write_report
from .runs import Run, Step
from .terminal import fail, live, plain, printable

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import ComponentSpec, ExecutorInput, PipelineDeploymentConfig, PipelineSpec

    from .images.container_run import Containers

CACHE = runs.RUNS / ".cache"

# The functions of kfp.local that are replaced while a run lasts, and the arguments they are called with.
SEAM = {
    "kfp.local.orchestrator.task_executor.execute_single_task": (
        "task_name task_spec pipeline_resource_name components executors io_store pipeline_root runner "
        "unique_pipeline_id fail_stack"
    ),
    "kfp.local.task_dispatcher.run_single_task_implementation": (
        "pipeline_resource_name component_name component_spec executor_spec arguments pipeline_root runner "
        "raise_on_error block_input_artifact unique_pipeline_id"
    ),
    "kfp.local.orchestrator.task_spec_utils.create_parameter_loop_iteration_task_spec": (
        "original_task_spec loop_item loop_task_name"
    ),
}

_step: contextvars.ContextVar[Step] = contextvars.ContextVar("step")


class Stopped(BaseException):
    """The run was asked to stop: Ctrl-C, or a signal that says the same."""


class StepFailed(Exception):
    """A step did not do what it declares; the message says what and what to do."""


class Processes:
    """The processes of a run, so that none outlives it."""

    def __init__(self) -> None:
        self.stopping = False
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.RLock()

    def run(self, container: Any, command: list[str], log: Path, reads: list[Path], writes: list[Path]) -> None:
        """Run what stands in for a step's container to its end, both its streams into `log`.

        A process sees all of this machine, not `reads` and `writes` alone. Raises `StepFailed` with the reason where it
        does not end well.
        """
        command, env = host_process(container.image, command, {each.name: each.value for each in container.env})
        code = self._run(command, env, log)
        if self.stopping:
            raise Stopped
        if code:
            raise StepFailed(why(code, runs.tail(log, 50)))

    def _run(self, command: list[str], env: dict[str, str], log: Path) -> int:
        group: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            with self._lock:
                if self.stopping:
                    raise Stopped
                process = subprocess.Popen(
                    command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, **group
                )
                self._running.add(process)
            try:
                return process.wait()
            finally:
                _kill(process)  # what it started and left behind; or, after Ctrl-C, the process itself
                process.wait()
                with self._lock:
                    self._running.discard(process)

    def stop(self) -> None:
        """Kill all that runs, and let nothing new start. Does not wait: it is called from a signal handler."""
        self.stopping = True
        with self._lock:
            for process in self._running:
                _kill(process)

    def close(self) -> None:
        """Nothing is left: `run` ends what its process started."""


def _launcher(run: Run, variables: Collection[str]) -> "Processes | Containers":
    """What starts the steps of a run. A container sees the `variables` of this environment too."""
    if run.engine == "docker":
        from .images.container_run import Containers

        return Containers(run, variables)
    return Processes()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
    process.kill()
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def check_seam() -> None:
    """Hold `SEAM` against the kfp that is installed. Raises `Exit` where a release of kfp has moved it."""
    import kfp

    for name, expected in SEAM.items():
        try:
            module, function = _seam(name)
            found = " ".join(inspect.signature(getattr(module, function)).parameters)
        except (ImportError, AttributeError):
            found = "missing"
        if found != expected:
            raise fail(
                f"kfp {kfp.__version__} has changed {name}, which local runs are built on; "
                "install kfp==2.17.0 (inv doctor), or adapt SEAM in tasks/local.py."
            )


def _seam(name: str) -> tuple[Any, str]:
    """The module that a name of `SEAM` stands in, and the function's name there."""
    module, function = name.rsplit(".", 1)
    return importlib.import_module(module), function


@contextlib.contextmanager
def _replaced(*functions: Callable[..., Any]) -> Iterator[None]:
    """Put `functions` in the place of those that `SEAM` names, in its order."""
    kept = [(module, name, getattr(module, name)) for module, name in map(_seam, SEAM)]
    try:
        for (module, name, _), function in zip(kept, functions, strict=True):
            setattr(module, name, function)
        yield
    finally:
        for module, name, function in kept:
            setattr(module, name, function)


@contextlib.contextmanager
def _stoppable(launcher: "Processes | Containers") -> Iterator[None]:
    """While it lasts, Ctrl-C and the signals like it end the steps that run, and raise `Stopped`."""

    def stop(number: int, frame: Any) -> None:
        launcher.stop()
        raise Stopped

    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    kept = {}
    if threading.current_thread() is threading.main_thread():
        kept = {n: signal.signal(n, stop) for n in (getattr(signal, name, None) for name in names) if n}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


class Engine:
    """One run on this machine: keeps its record, and shows how far it is."""

    def __init__(self, run: Run, variables: Collection[str] = ()) -> None:
        self.run = run
        self.launcher = _launcher(run, variables)

    # What the record and the terminal hear of a step.

    def _begin(self, name: str, component: str, arguments: dict[str, Any]) -> Step:
        names = [step.name for step in self.run.steps if step.status != "waiting"]
        unique, count = name, 1
        while unique in names:
            count += 1
            unique = f"{name}-{count}"
        step = next((s for s in self.run.steps if s.name == unique), None)
        if step is None:
            step = Step(unique)
            self.run.steps.append(step)
        step.component, step.status, step.started = component, "running", runs.now()
        step.inputs = {key: _record(value) for key, value in arguments.items()}
        self.run.save()
        return step

    def _finish(self, step: Step, status: str, reason: str | None = None) -> None:
        step.status, step.reason, step.seconds = status, reason, runs.elapsed(step.started or runs.now())
        self.run.metrics = runs.metrics(self.run.steps)
        self.run.save()
        plain(f"  {step.name:<{self._width}}  {runs.state(step):<9}  {step.seconds:6.1f} s")

    @property
    def _width(self) -> int:
        return max([len(step.name) for step in self.run.steps] + [14])

    # What kfp.local calls instead of its own.

    def _execute(self, **call: Any) -> Any:
        """One task, cached or not: kfp's own execution, between two lines of the record."""
        from kfp.local import status
        from kfp.local.orchestrator.orchestrator_utils import OrchestratorUtils

        spec = call["task_spec"]
        scope = call["pipeline_resource_name"].split("/")[1:]
        arguments = OrchestratorUtils.make_task_arguments(spec.inputs, call["io_store"])
        step = self._begin("/".join([*scope, call["task_name"]]), spec.component_ref.name, arguments)
        _step.set(step)
        step.cached = True  # until `_start` is called
        try:
            outputs, result = self._kfp_execute(**call)
        except Stopped:
            step.cached = False
            self._finish(step, "stopped")
            raise
        except Exception as error:
            step.cached = False
            self._finish(step, "failed", f"{type(error).__name__}: {error}")
            return {}, status.Status.FAILURE
        if (
            call["executors"][call["components"][spec.component_ref.name].executor_label].WhichOneof("spec")
            == "importer"
        ):
            step.cached = False
        done = result == status.Status.SUCCESS
        if done:
            step.outputs = {key: _record(value) for key, value in outputs.items()}
        self._finish(step, "succeeded" if done else "failed", None if done else step.reason)
        return outputs, result

    def _start(
        self,
        pipeline_resource_name: str,
        component_name: str,
        component_spec: "ComponentSpec",
        executor_spec: "PipelineDeploymentConfig.ExecutorSpec",
        arguments: dict[str, Any],
        pipeline_root: str,
        unique_pipeline_id: str,
        **_: Any,
    ) -> Any:
        """One attempt at a container: its inputs resolved, its process run, its outputs checked and collected."""
        from kfp.local import executor_input_utils, placeholder_utils, status

        step = _step.get()
        step.cached, step.reason = False, None
        root = self.run.folder / "steps" / step.name
        shutil.rmtree(root, ignore_errors=True)
        executor_input = executor_input_utils.construct_executor_input(
            component_spec=component_spec, arguments=arguments, task_root=str(root), block_input_artifact=False
        )
        container = executor_spec.container
        command = placeholder_utils.replace_placeholders(
            full_command=[*container.command, *container.args],
            executor_input_dict=executor_input_utils.executor_input_to_dict(executor_input, component_spec),
            pipeline_resource_name=pipeline_resource_name,
            task_resource_name=step.name,
            pipeline_root=pipeline_root,
            unique_pipeline_id=unique_pipeline_id,
        )
        root.mkdir(parents=True)  # the folder of every output, as KFP's launcher makes it
        try:
            workspace = [path for path in [self.run.folder / "workspace"] if path.exists()]
            self.launcher.run(container, command, self.run.log(step.name), reads(arguments), [root, *workspace])
            return collect(executor_input, component_spec), status.Status.SUCCESS
        except StepFailed as failure:
            step.reason, step.outputs = str(failure), written_reports(executor_input)
            return {}, status.Status.FAILURE

    def _iterate(self, original_task_spec: Any, loop_item: Any, loop_task_name: str) -> Any:
        """One iteration of a loop. kfp 2.17.0 hands the loop's item to it also in the place of every parameter that
        comes from an earlier step; those are put back."""
        spec = self._kfp_iterate(original_task_spec, loop_item, loop_task_name)
        for name, given in original_task_spec.inputs.parameters.items():
            if given.HasField("task_output_parameter"):
                spec.inputs.parameters[name].CopyFrom(given)
        return spec

    # The two ways to run something.

    def pipeline(self, spec: "PipelineSpec", cache: bool) -> None:
        """Run the whole pipeline; how it went is in the record."""
        from kfp.local import pipeline_orchestrator

        tasks = spec.root.dag.tasks
        leaves = {name for name, part in spec.components.items() if part.WhichOneof("implementation") != "dag"}
        self.run.steps = [Step(name) for name in graph.order(spec.root.dag) if tasks[name].component_ref.name in leaves]
        self.run.graph, self.run.groups = graph.nodes_of(spec), graph.groups_of(spec)
        self._guarded(cache, lambda: pipeline_orchestrator.run_local_pipeline(spec, self.run.parameters))

    def step(self, spec: "PipelineSpec", before: Step, arguments: dict[str, Any]) -> None:
        """Run one step again."""
        from kfp.local import status, utils

        component = spec.components[before.component]
        executor = utils.struct_to_executor_spec(spec.deployment_spec["executors"][component.executor_label])

        def once() -> None:
            step = self._begin(before.name, before.component, arguments)
            _step.set(step)
            try:
                outputs, result = self._start(
                    self.run.id, before.component, component, executor, arguments, str(self.run.folder), "0"
                )
            except Stopped:
                self._finish(step, "stopped")
                raise
            done = result == status.Status.SUCCESS
            if done:
                step.outputs = {key: _record(value) for key, value in outputs.items()}
            self._finish(step, "succeeded" if done else "failed", step.reason)

        self._guarded(False, once)

    def _guarded(self, cache: bool, work: Callable[[], Any]) -> None:
        """Do the work with kfp.local set up for it, and bring the record to an end whatever happens."""
        from kfp import local
        from kfp.local.orchestrator import task_executor, task_spec_utils

        check_seam()
        self._kfp_execute = task_executor.execute_single_task
        self._kfp_iterate = task_spec_utils.create_parameter_loop_iteration_task_spec
        run = self.run
        run.save()
        problem: str | None = None
        stopped = False
        with (run.folder / "logs" / "kfp.log").open("w", encoding="utf-8") as log:
            try:
                with (
                    contextlib.redirect_stdout(log),
                    contextlib.redirect_stderr(log),
                    _stoppable(self.launcher),
                    live(lambda: runs.rows(run)),
                    _replaced(self._execute, self._start, self._iterate),
                ):
                    local.init(
                        runner=local.SubprocessRunner(use_venv=False),
                        pipeline_root=str(run.folder),
                        workspace_root=str(run.folder / "workspace"),
                        raise_on_error=False,
                        enable_caching=cache,
                        cache_root=str(CACHE / run.engine),  # what ran on the host says nothing of the images
                    )
                    work()
            except (Stopped, KeyboardInterrupt):
                stopped = True
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
            finally:
                self.launcher.close()
        failed = [step for step in run.steps if step.status == "failed"]
        for step in run.steps:
            if step.status in ("waiting", "running"):
                step.status = "skipped" if step.status == "waiting" else "stopped"
        if stopped or self.launcher.stopping:
            run.status, run.reason = "stopped", "stopped before it was done"
        elif failed:
            run.status, run.reason = "failed", f"{failed[0].name}: {failed[0].reason}"
        elif problem:
            run.status, run.reason = "failed", problem
        else:
            run.status = "succeeded"
        run.seconds = runs.elapsed(run.started)
        run.pid = None
        run.save()
        write_report(run)


def host_process(image: str, command: list[str], environment: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """The command and environment that stand in for a container on this machine.

    `python` is this Python, and a component of the project finds its `src` and `components/shared`, as in its image.
    """
    path = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    found = {**os.environ, "PATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    found.update(environment)
    if name := component_of(image):
        folders = [str(COMPONENTS / name / "src"), str(COMPONENTS)]
        found["PYTHONPATH"] = os.pathsep.join(folders)
    if command[0] in ("python", "python3"):
        command = [sys.executable, *command[1:]]
    return command, found


def reads(arguments: dict[str, Any]) -> list[Path]:
    """The files and folders of this machine that a step's inputs name: artifacts, and parameters such as a source."""
    found = []
    for value in arguments.values():
        for item in value if isinstance(value, list) else [value]:
            text = getattr(item, "uri", item)
            if not isinstance(text, str) or not text or "://" in text or len(text) > 4096 or "\0" in text:
                continue
            path = ROOT / text
            with contextlib.suppress(OSError):
                if path.exists() and not ROOT.is_relative_to(path.resolve()) and path not in found:
                    found.append(path)
    return found


def why(code: int, words: str) -> str:
    """Why a process failed, in one sentence: the last of its words, or what its exit code says."""
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        memory = "; it may have run out of memory" if name == "SIGKILL" else ""
        return f"was killed by {name}{memory}"
    last = next((line.strip() for line in reversed(words.splitlines()) if line.strip()), "")
    said = printable(last).strip().removeprefix("error: ")
    return said[:500] if said else f"ended with exit code {code} and no message"


def collect(executor_input: "ExecutorInput", component_spec: "ComponentSpec") -> dict[str, Any]:
    """The outputs a step declares, as kfp's objects.

    Raises `StepFailed` for one that it did not write. A metric may come as metadata alone.
    """
    from google.protobuf import json_format
    from kfp.local import executor_output_utils

    try:
        found = executor_output_utils.load_executor_output(executor_input.outputs.output_file)
    except json_format.ParseError as error:
        raise StepFailed(f"wrote executor-output metadata that KFP cannot read: {error}") from error
    for name, declared in executor_input.outputs.artifacts.items():
        artifact = declared.artifacts[0]
        metric = (
            artifact.type.schema_title in ("system.Metrics", "system.ClassificationMetrics") and name in found.artifacts
        )
        if not metric and not Path(artifact.uri).exists():
            raise _unwritten(name)
        if name not in found.artifacts:
            found.artifacts[name].CopyFrom(declared)
    for name, parameter in executor_input.outputs.parameters.items():
        if name not in found.parameter_values and not Path(parameter.output_file).exists():
            raise _unwritten(name)
    try:
        outputs: dict[str, Any] = executor_output_utils.get_outputs_from_executor_output(
            found, executor_input, component_spec
        )
        return outputs
    except ValueError as error:
        raise StepFailed(f"wrote an output of another type than it declares: {error}") from error


def written_reports(executor_input: "ExecutorInput") -> dict[str, Any]:
    """The reports that a step wrote before it failed, for its record: they may say more than its last words."""
    found = {}
    for name, declared in executor_input.outputs.artifacts.items():
        artifact = declared.artifacts[0]
        if artifact.type.schema_title in REPORTS and Path(artifact.uri).is_file():
            uri = Path(artifact.uri).relative_to(ROOT).as_posix()
            found[name] = {"type": artifact.type.schema_title, "name": name, "uri": uri, "metadata": {}}
    return found


def _unwritten(output: str) -> StepFailed:
    return StepFailed(f"ended well, but did not write its output '{output}'; write it to the path the step is given")


def _record(value: Any) -> Any:
    """A task's input or output as JSON: an artifact by type, place and metadata. Places in the project are relative."""
    from kfp import dsl

    if isinstance(value, list):
        return [_record(item) for item in value]
    if not isinstance(value, dsl.Artifact):
        return value
    uri = value.uri
    if Path(uri).is_relative_to(ROOT):
        uri = Path(uri).relative_to(ROOT).as_posix()
    return {"type": value.schema_title, "name": value.name, "uri": uri, "metadata": dict(value.metadata)}


def _artifact(value: Any) -> Any:
    """What `_record` wrote, as kfp's objects."""
    from kfp.dsl import executor

    if isinstance(value, list):
        return [_artifact(item) for item in value]
    if not (isinstance(value, dict) and {"type", "uri"} <= value.keys()):
        return value
    uri = value["uri"] if "://" in value["uri"] else str(ROOT / value["uri"])
    kind = {"schemaTitle": value["type"]}
    return executor.create_artifact_instance({**value, "uri": uri, "type": kind})


def component_image(spec: "PipelineSpec", component: str) -> str:
    """The image of a component of the compiled pipeline. Raises `Exit` where the pipeline has it no more."""
    if component not in spec.components:
        raise fail(f"pipeline.py has no step of '{component}' any more; run the pipeline first: inv run")
    executors = spec.deployment_spec["executors"]
    return str(executors[spec.components[component].executor_label]["container"]["image"])


def rerun_arguments(step: Step) -> dict[str, Any]:
    """The inputs of a recorded step as kfp's objects. Raises `Exit` where an artifact is gone."""
    found = {name: _artifact(value) for name, value in step.inputs.items()}
    for name, value in step.inputs.items():
        if runs.is_artifact(value) and "://" not in value["uri"] and not (ROOT / value["uri"]).exists():
            raise fail(
                f"the input '{name}' of step '{step.name}' is gone ({value['uri']}); run the pipeline again: inv run"
            )
    return found


def fingerprints(values: dict[str, Any], given: list[str]) -> None:
    """Fill in every parameter `X_fingerprint` that was not given, from the source that parameter `X` names.

    The fingerprint changes with the source's content, and as an input of the step that reads it, so does its cache key.
    """
    set_by_hand = {text.partition("=")[0] for text in given}
    for name in [n for n in values if f"{n}_fingerprint" in values and f"{n}_fingerprint" not in set_by_hand]:
        with component_path():
            from shared.sources import fingerprint
            from shared.step import StepError

            try:
                values[f"{name}_fingerprint"] = fingerprint(str(values[name]))
            except StepError:
                # The step that reads the source says what is wrong with it; nothing older may stand in for it.
                values[f"{name}_fingerprint"] = f"unreadable at {runs.now()}"


def command_line(parts: list[str]) -> str:
    return " ".join(parts) if sys.platform == "win32" else shlex.join(parts)
