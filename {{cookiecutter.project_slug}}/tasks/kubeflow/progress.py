"""What a server says of a run, taken over into its record."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..project.components import component_of
from ..runs.loops import groups_of, task_of
from ..runs.metrics import metrics
from ..runs.record import Run, Step, is_artifact, newest_first, state
from .values import Reader, Values
from .workflow import Node, Task, Workflow, kind_of, step_name

Say = Callable[[str], None]

STATES = {
    "PENDING": "pending",
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "SKIPPED": "skipped",
    "FAILED": "failed",
    "CANCELING": "stopped",
    "CANCELED": "stopped",
    "PAUSED": "pending",
}
OVER = ("succeeded", "failed", "stopped")
PHASES = {
    "Pending": "pending",
    "Running": "running",
    "Succeeded": "succeeded",
    "Skipped": "skipped",
    "Omitted": "skipped",
    "Failed": "failed",
    "Error": "failed",
}
NOT_ENTERED = re.compile(r"when '.*' evaluated false")


def update(run: Run, found: Any, workflow: Workflow | None, say: Say | None = None) -> None:
    """Take over what the server says of a run, and say what changed.

    Without its workflow, which a server may not give, the tasks of loops and what they were given are not known.
    """
    before = {step.name: state(step) for step in run.steps}
    details = (found.run_details.task_details if found.run_details else None) or []
    now = STATES.get(str(found.state), "running")
    run.status = now if now in OVER else "running"
    if workflow:
        _steps_of_workflow(run, workflow, details)
    else:
        _steps_of_details(run, details)
    if found.error and found.error.message:
        run.reason = _line(found.error.message)
    if moment := _real(found.finished_at):
        run.seconds = round((moment - found.created_at).total_seconds(), 1)
    if run.status in OVER:
        run.end_steps()
    run.metrics = metrics(run.steps)
    for step in run.steps if say else ():
        after = state(step)
        if after != before.get(step.name, "waiting") and after not in ("waiting", "skipped") and say:
            took = f"{step.seconds:7.1f} s" if after in (*OVER, "cached") else ""
            say(f"  {step.name:<14}  {after:<9}{took}".rstrip())


def _line(text: str) -> str:
    return " ".join(str(text).split())[:500]


def _real(moment: datetime | None) -> datetime | None:
    """A moment that has come: the API gives 1970 for one that has not."""
    return moment if moment and moment.year > 1971 else None


# From the workflow


def _steps_of_workflow(run: Run, workflow: Workflow, details: list[Any]) -> None:
    """The steps that the workflow has, in the pipeline's order, and those of the pipeline that it does not have yet."""
    reader = Reader(workflow)
    earlier = newest_first() if run.status in OVER and any(task.cached for task in workflow.tasks) else []
    times = {each.execution_id: each for each in details if each.execution_id}
    known = {step.name: step for step in run.steps}
    found: list[Step] = []
    taken = reader.taken()
    for task in workflow.tasks:
        name = step_name(task.scope, task.name)
        step = known.get(name) or Step(name)
        values = reader.values(task)
        step.place = reader.place(task.scope)
        step.inputs = values.inputs
        if own := component_of(values.image):
            run.images.setdefault(own, values.image)
        _status(step, task)
        _times(step, task, times.get(values.execution))
        _given_by_others(step, task, values, {each.name: each for each in found})
        gave, step.origin = values.outputs, ""
        if step.cached and (
            origin := _origin(earlier, run, step, values.image, taken.get((task.scope, task.name), {}))
        ):
            step.origin = origin[0]
            gave = origin[1] | gave
        _outputs(step, gave)
        found.append(step)
    there = {_key(step) for step in found}
    waiting = [step for step in run.steps if _key(step) not in there]
    order = {(*node["inside"], node["name"]): number for number, node in enumerate(run.graph)}
    run.steps = sorted([*found, *waiting], key=lambda step: order.get(_key(step), len(order)))
    for step in run.steps:
        if step.status == "waiting" and (why := _left_out(workflow, step)):
            step.status, step.reason = "skipped", why


def expected(graph: list[dict[str, Any]]) -> list[Step]:
    """The steps of a pipeline's graph before any of them is there."""
    found = []
    for node in graph:
        step = Step(step_name(node["inside"], node["name"]))
        step.place = [
            {"group": group, "kind": kind_of(group, {}), "iteration": None, "item": None} for group in node["inside"]
        ]
        found.append(step)
    return found


def _key(step: Step) -> tuple[str, ...]:
    """Which task of the pipeline a step is of, whatever the iteration."""
    return (*groups_of(step), task_of(step))


def _left_out(workflow: Workflow, step: Step) -> str:
    """Why a group that a step is in was not entered; empty where it was, or may still be."""
    scope = tuple(groups_of(step))
    for depth in range(1, len(scope) + 1):
        node = workflow.groups.get(scope[:depth])
        if node and node.phase in ("Skipped", "Omitted"):
            return _why_skipped(node, scope[depth - 1])
    return ""


def _why_skipped(node: Node, group: str = "") -> str:
    if NOT_ENTERED.search(node.message):
        return f"the condition of {group or 'it'} is not true"
    if "empty params" in node.message:
        return f"{group} has no items"
    return "what it comes after did not succeed" if "depends condition" in node.message else node.message


def _status(step: Step, task: Task) -> None:
    """What a task is at: its driver comes first, then its container, where it is not served from the cache."""
    step.cached = task.cached and PHASES.get(task.node.phase if task.node else "", "") == "succeeded"
    before, step.reason = step.reason, None
    whole = PHASES.get(task.node.phase, "waiting") if task.node else ""
    driver = PHASES.get(task.driver.phase, "waiting") if task.driver else ""
    if driver == "failed":
        step.status, step.reason = "failed", "its driver failed, before the step itself"
    elif task.node and whole == "skipped":
        step.status, step.reason = "skipped", _why_skipped(task.node)
    elif task.driver and driver == "skipped":
        step.status, step.reason = "skipped", _why_skipped(task.driver)
    elif whole in ("", "pending", "waiting"):
        step.status = "pending"
    elif whole == "running" and task.executor:
        pod = PHASES.get(str((task.executor.pod or {}).get("phase", "")), "")
        step.status = "pending" if pod in ("", "pending") else "running"
    else:
        step.status = whole
    if step.status == "pending":
        step.reason = before  # what it waits for, where kubectl tells
    if step.status == "failed" and not step.reason:
        failed = task.executor or task.node
        step.reason = _failure(failed.message if failed else "")
    if step.status == "failed" and task.node and "shutdown with strategy" in task.node.message:
        step.status, step.reason = "stopped", None


def _failure(message: str) -> str | None:
    """Argo's words for a failure: `main: Error (exit code 1)`, `OOMKilled (exit code 137)`."""
    if match := re.fullmatch(r"(?:main: )?Error \((exit code \d+)\)", message):
        return match[1]
    return message or None


def _times(step: Step, task: Task, detail: Any) -> None:
    """When it ran, and how long: by what the launcher noted, or by Argo, which looks every ten seconds."""
    node = task.executor or task.node
    about = (node.pod or node.about) if node else {}
    start, end = _moment(about.get("startedAt")), _moment(about.get("finishedAt"))
    if detail is not None and _real(detail.start_time):
        start, end = detail.start_time, _real(detail.end_time) or end
    if start is None or step.status in ("pending", "skipped"):
        return
    step.started = start.isoformat()
    if end and end >= start and not step.cached:
        step.seconds = round((end - start).total_seconds(), 1)


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text or ""))
    except ValueError:
        return None


def _given_by_others(step: Step, task: Task, values: Values, before: dict[str, Step]) -> None:
    """Add the artifacts that a step was given, where the workflow tells only whose they are."""
    for name, (producer, key) in values.sources.items():
        giver = before.get(step_name(task.scope, producer))
        if name not in step.inputs and giver and key in giver.outputs:
            step.inputs[name] = giver.outputs[key]


def _outputs(step: Step, gave: dict[str, Any]) -> None:
    """What a step gave, once it has; what was fetched of it stays."""
    if step.status != "succeeded":
        step.outputs = {}
        return
    for name, output in gave.items():
        kept = step.outputs.get(name)
        same = isinstance(kept, dict) and isinstance(output, dict) and kept.get("uri") == output.get("uri")
        if same and isinstance(kept, dict):
            kept["metadata"] = output["metadata"] | kept["metadata"]
        else:
            step.outputs[name] = output


def _origin(
    earlier: list[Run], run: Run, step: Step, image: str, taken: dict[str, str]
) -> tuple[str, dict[str, Any]] | None:
    """The earlier run on the same server from which a step was served, and what that gave.

    KFP serves the newest that did the same (backend/src/v2/cacheutils/cache.go), and says nowhere which that was. What
    others have `taken` of this step is known by its URI, and tells for certain.
    """
    task = _plain(step)
    for other in earlier:
        if (
            other.id == run.id
            or other.remote.get("host") != run.remote.get("host")
            or other.started > run.started
            or image not in other.images.values()
        ):
            continue
        for each in other.steps:
            known = each.origin if each.cached else other.id
            same = each.status == "succeeded" and known and each.outputs and _plain(each) == task
            if same and (_gave(each, taken) if taken else _places(each.inputs) == _places(step.inputs)):
                return known, each.outputs
    return None


def _gave(step: Step, taken: dict[str, str]) -> bool:
    """Whether what was taken of a step's outputs, by their URIs, is what this one gave."""
    gave = _places({name: value for name, value in step.outputs.items() if is_artifact(value)})
    return all(gave.get(name) == uri for name, uri in taken.items())


def _plain(step: Step) -> str:
    """What a step does, whatever it is in, and however often its component is used."""
    return re.sub(r"-\d+$", "", task_of(step))


def _places(inputs: dict[str, Any]) -> dict[str, Any]:
    """Inputs as the cache tells them apart: parameters by value, artifacts by their place."""
    return {name: value["uri"] if is_artifact(value) else value for name, value in inputs.items()}


# From the tasks that the API lists


def _steps_of_details(run: Run, details: list[Any]) -> None:
    """The tasks by name. Those with a number in parentheses are Argo's tries of them, the others all tries together.

    Never set by KFP 2.17 are `parent_task_id`, `pod_name`, `error`, `inputs` and `outputs` of a task.
    """
    by_name: dict[str, list[Any]] = {}
    for each in details:
        by_name.setdefault(each.display_name or "", []).append(each)
    names = [re.sub(r" \(\d+\)$", "", step.name) for step in run.steps]
    if not run.graph:  # whoever started it, not this project: its steps are those that have a driver
        drivers = [name for name in by_name if f"{name}-driver" in by_name and not name.startswith("iteration")]
        names += [name for name in drivers if name != "root"]
    for name in dict.fromkeys(names):
        tasks = sorted(by_name.get(name.rpartition("/")[2], []), key=lambda task: str(task.start_time or ""))
        for number, task in enumerate(tasks, 1):  # a loop has it several times
            _step_of_detail(run, name if number == 1 else f"{name} ({number})", task, by_name)
    failed = [name.removesuffix("-driver") for name in by_name if name.endswith("-driver") and _failed(by_name[name])]
    if failed and not any(step.status == "failed" for step in run.steps):
        run.reason = f"{'the pipeline' if failed == ['root'] else failed[0]}'s driver failed, before the first step"


def _failed(tasks: list[Any]) -> bool:
    return any(str(each.state) == "FAILED" for each in tasks)


def _step_of_detail(run: Run, name: str, task: Any, by_name: dict[str, list[Any]]) -> None:
    step = next((step for step in run.steps if step.name == name), None)
    if step is None:
        step = Step(name)
        run.steps.append(step)
    step.status = STATES.get(str(task.state), "waiting")
    drivers = by_name.get(f"{task.display_name}-driver", [])
    if step.status in ("waiting", "skipped") and _failed(drivers):
        step.status, step.reason = "failed", "its driver failed, before the step itself"
    if start := _real(task.start_time):
        step.started = start.isoformat()
        if task.end_time and task.end_time >= start:
            step.seconds = round((task.end_time - start).total_seconds(), 1)
    # A task that is served from the cache starts no pod, and a pod takes longer than that to start.
    served = any(str(each.state) == "SKIPPED" for each in by_name.get("executor", []))
    step.cached = step.status == "succeeded" and served and bool(task.end_time) and step.seconds <= 1
