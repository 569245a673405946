"""The walk over a pipeline: which tasks run, when, and what becomes of those after them.

It does what Argo does with the workflow that KFP's backend makes of a pipeline (compiler/argocompiler/dag.go):

- A task starts when all that it depends on succeeded. Where one of those failed, or was not entered, it is omitted;
  tasks that do not depend on it go on.
- A task with the strategy ALL_UPSTREAM_TASKS_COMPLETED, which exit handlers have and `ignore_upstream_failure` gives,
  is no task of the DAG but a hook: it runs whenever one that it depends on has run, however that ended. It changes
  neither how the DAG ends nor what else runs.
- A DAG fails where one of its tasks failed.
"""

import asyncio
import re
from collections.abc import Awaitable, Iterable
from typing import Protocol, TypeVar

from ..project.parameters import whole
from .conditions import holds, shown
from .executions import Dag, Execution, Place, Spec, State, Unresolved
from .inputs import Inputs, Names, items_of, of_iteration, resolved
from .values import Value

T = TypeVar("T")
AFTER_ALL = "ALL_UPSTREAM_TASKS_COMPLETED"
GROUP = re.compile(r"(condition|condition-branches|exit-handler|for-loop)-\d+")
ENDED = {"failed": "failed", "not started": "could not be started"}


class Steps(Protocol):
    """Who runs the tasks that are no DAGs, and hears of those that are not run."""

    names: Names

    async def run(self, name: str, task: Spec, component: Spec, inputs: Inputs, dag: Dag) -> Execution:
        """Run a container, or import an artifact."""

    def not_run(self, name: str, task: Spec, place: Place, state: State, reason: str) -> None:
        """Hear why a task was not run."""


class Walk:
    """The walk over one pipeline: `spec` is a PipelineSpec as JSON."""

    def __init__(self, spec: Spec, steps: Steps) -> None:
        self._components: dict[str, Spec] = spec.get("components", {})
        self._root: Spec = spec["root"]
        self._steps = steps

    async def pipeline(self, parameters: dict[str, Value]) -> bool:
        """Run the whole pipeline; whether it succeeded. Optional parameters that are not given are null."""
        definitions = self._root.get("inputDefinitions", {}).get("parameters", {})
        return await self._dag(Dag(self._root["dag"], {**dict.fromkeys(definitions), **parameters}, {}))

    async def _dag(self, dag: Dag) -> bool:
        """Run the tasks of a DAG; whether none of them failed."""
        hooks = {name for name, task in dag.tasks.items() if _is_hook(task)}
        started: dict[str, asyncio.Task[bool]] = {}
        for name in dag.tasks:
            if name not in hooks:
                started[name] = asyncio.ensure_future(self._when_ready(name, dag, started, hooks))
        good = await _all(started.values())
        for name in sorted(hooks - dag.executions.keys()):
            self._not_run(
                name, dag, "omitted", f"nothing that it comes after was run: {dependencies(dag.tasks[name])[0]}"
            )
        return all(good)

    async def _when_ready(self, name: str, dag: Dag, started: dict[str, "asyncio.Task[bool]"], hooks: set[str]) -> bool:
        """Wait for what a task depends on, and run it; whether nothing failed in it or before it."""
        before = [each for each in dependencies(dag.tasks[name]) if each in started]
        await _all(started[each] for each in before)
        bad = next((dag.executions[each] for each in before if not dag.executions[each].good), None)
        if bad is not None:
            reason = f"it comes after {bad.name}, which {ENDED.get(bad.state, 'was ' + bad.state)}"
            execution = self._not_run(name, dag, "omitted", reason)
        else:
            execution = await self._task(name, dag)
        dag.executions[name] = execution
        if execution.completed:
            await _all(self._hook(each, dag) for each in sorted(hooks) if name in dependencies(dag.tasks[each]))
        return execution.state not in ("failed", "not started")

    async def _hook(self, name: str, dag: Dag) -> bool:
        dag.executions[name] = await self._task(name, dag)
        return True

    async def _task(self, name: str, dag: Dag) -> Execution:
        """Run one task, whatever it is. What goes wrong before it starts is its failure."""
        task = dag.tasks[name]
        component = self._components[task["componentRef"]["name"]]
        condition = task.get("triggerPolicy", {}).get("condition")
        try:
            inputs = resolved(task, name, component, dag, self._steps.names)
            if condition and not _true(condition, inputs):
                return self._not_run(name, dag, "not entered", f"{shown(condition, inputs.parameters)} is not true")
            if "parameterIterator" in task:
                return await self._loop(name, task, component, inputs, items_of(task, inputs), dag)
        except Unresolved as problem:
            # In Argo, a loop's driver is within the loop, and another task's driver is a task before that.
            state: State = "failed" if "parameterIterator" in task else "not started"
            return self._not_run(name, dag, state, str(problem))
        if "dag" in component:
            inner = Dag(component["dag"], inputs.parameters, inputs.artifacts, placed(dag, name, task))
            good = await self._dag(inner)
            return Execution(name, "succeeded" if good else "failed", dags=[inner])
        return await self._steps.run(name, task, component, inputs, dag)

    async def _loop(
        self, name: str, task: Spec, component: Spec, inputs: Inputs, items: list[Value], dag: Dag
    ) -> Execution:
        """Run all iterations of a loop, as many at a time as it allows."""
        limit = asyncio.Semaphore(int(task.get("iteratorPolicy", {}).get("parallelismLimit") or len(items) or 1))
        dags = [Dag(component["dag"], {}, {}, placed(dag, name, task, i, item)) for i, item in enumerate(items)]

        async def iteration(inner: Dag, item: Value) -> bool:
            async with limit:
                try:
                    own = of_iteration(task, component, inputs, item)
                except Unresolved as problem:
                    self._tell(component["dag"], inner.place, "not started", str(problem))
                    return False
                inner.parameters, inner.artifacts = own.parameters, own.artifacts
                return await self._dag(inner)

        good = await _all(map(iteration, dags, items))
        return Execution(name, "succeeded" if all(good) else "failed", dags=dags, loop=True)

    def _not_run(self, name: str, dag: Dag, state: State, reason: str) -> Execution:
        """The execution of a task that is not run, of which the record hears; or, of a group, of all that is in it."""
        task = dag.tasks[name]
        component = self._components[task["componentRef"]["name"]]
        if "dag" in component:
            self._tell(component["dag"], placed(dag, name, task), state, reason)
        else:
            self._steps.not_run(name, task, dag.place, state, reason)
        return Execution(name, state, reason, loop="parameterIterator" in task)

    def _tell(self, spec: Spec, place: Place, state: State, reason: str) -> None:
        """Tell of all tasks in a group that was not run."""
        for name in spec["tasks"]:
            self._not_run(name, Dag(spec, {}, {}, place), state, reason)


async def _all(awaited: Iterable[Awaitable[T]]) -> list[T]:
    several = list(awaited)
    if len(several) == 1:  # which needs no task of its own
        return [await several[0]]
    return list(await asyncio.gather(*several))


def _is_hook(task: Spec) -> bool:
    return bool(task.get("triggerPolicy", {}).get("strategy") == AFTER_ALL)


def dependencies(task: Spec) -> list[str]:
    """The tasks that a task comes after: those that are named, and those whose outputs it takes."""
    inputs = task.get("inputs", {})
    sources = [spec.get("taskOutputParameter") for spec in inputs.get("parameters", {}).values()]
    sources += [spec.get("taskOutputArtifact") for spec in inputs.get("artifacts", {}).values()]
    return list(dict.fromkeys([*task.get("dependentTasks", []), *(each["producerTask"] for each in sources if each)]))


def placed(dag: Dag, name: str, task: Spec, iteration: int | None = None, item: Value = None) -> Place:
    """Where what is in a task stands: in all that the task is in, and in itself."""
    kind = "condition" if task.get("triggerPolicy", {}).get("condition") else "pipeline"
    if group := GROUP.fullmatch(name):
        kind = {"for-loop": "group", "condition-branches": "branches"}.get(group[1], group[1])
    own = {"group": name, "kind": "loop" if "parameterIterator" in task else kind}
    return [*dag.place, {**own, "iteration": iteration, "item": whole(item)}]


def _true(condition: str, inputs: Inputs) -> bool:
    try:
        return holds(condition, inputs.parameters)
    except ValueError as problem:
        said = f"its condition cannot be evaluated: {shown(condition, inputs.parameters)}: {problem}"
        raise Unresolved(said) from None
