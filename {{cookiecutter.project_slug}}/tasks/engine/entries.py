"""What the record and the terminal hear of the steps of a run while it goes on."""

import threading

from ..runs.metrics import metrics
from ..runs.record import Run, Step, elapsed, now, state
from ..terminal import plain, say
from .executions import Execution, Place
from .inputs import Inputs
from .recording import recorded, recorded_inputs

SCOPES = ("loop", "pipeline")  # the groups that are a part of a step's name


class Entries:
    """The entries of a run's steps. Each step has one; several threads may change them; all is saved."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.RLock()
        self._taken: set[str] = set()
        self._known: dict[str, Step] = {}
        self._width = 14  # of the names, where a line is said of each step

    def expect(self, steps: list[Step]) -> None:
        """Have entries for steps before they are run, so that they are seen to wait."""
        self._run.steps = steps
        self._known = {step.name: step for step in steps}
        self._width = max([self._width, *(len(step.name) for step in steps)])

    def entry(self, task: str, component: str, place: Place) -> Step:
        """The entry of a task, waiting. Its name is led by the iterations and pipelines that it is in."""
        scope = [_scope(group) for group in place if group["kind"] in SCOPES]
        with self._lock:
            name = first = "/".join([*scope, task])
            count = 1
            while name in self._taken:
                count += 1
                name = f"{first}-{count}"
            self._taken.add(name)
            if name not in self._known:
                self._known[name] = Step(name)
                self._run.steps.append(self._known[name])
            step = self._known[name]
            step.component, step.place = component, place
            self._width = max(self._width, len(name))
            return step

    def started(self, step: Step, inputs: Inputs, declared: set[str]) -> None:
        """A step begins; of its inputs, those that its component declares are kept."""
        own = Inputs({name: value for name, value in inputs.parameters.items() if name in declared}, inputs.artifacts)
        with self._lock:
            step.status, step.started, step.inputs = "running", now(), recorded_inputs(own)
            self._run.save()

    def finished(self, step: Step, execution: Execution, stopped: bool = False) -> None:
        """A step is over, and so much is said of it."""
        with self._lock:
            step.cached = execution.state == "cached"
            step.status = "stopped" if stopped else "succeeded" if execution.good else "failed"
            step.reason = execution.reason or None
            step.outputs = recorded(execution.parameters, execution.artifacts)
            step.seconds = elapsed(step.started or now())
            if any(artifact.type == "system.Metrics" for found in execution.artifacts.values() for artifact in found):
                self._run.metrics = metrics(self._run.steps)
            self._run.save()
            plain(f"  {step.name:<{self._width}}  {state(step):<9}  {step.seconds:6.1f} s")
            if execution.good and execution.reason:
                say(f"  {step.name} {execution.reason}")

    def not_run(self, step: Step, failed: bool, reason: str) -> None:
        """A task is not run: for a condition, for what it comes after, or since it could not be started."""
        with self._lock:
            step.status, step.reason = "failed" if failed else "skipped", reason
            self._run.save()
            if failed:
                plain(f"  {step.name:<{self._width}}  failed")


def _scope(group: dict[str, object]) -> str:
    return str(group["group"]) if group["iteration"] is None else f"{group['group']}-iteration-{group['iteration']}"
