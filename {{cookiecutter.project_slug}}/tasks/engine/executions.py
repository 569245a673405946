"""What a run has come to so far: artifacts, the executions of tasks, and the DAGs that they are in."""

from dataclasses import dataclass, field
from typing import Any, Literal

from .values import Value

Spec = dict[str, Any]  # a message of the compiled pipeline, as JSON
Place = list[dict[str, Any]]  # the groups that a task is in, from the outermost: `group`, `kind`, `iteration`, `item`
Artifacts = list["Artifact"]  # more than one only where they were collected

# How a task ended. Of two kinds of failure, one is before its container started, as in a cluster's driver pod.
State = Literal["succeeded", "cached", "failed", "not started", "not entered", "omitted"]
GOOD: tuple[State, ...] = ("succeeded", "cached")


@dataclass(frozen=True)
class Artifact:
    """A file, a folder or metadata: `uri` names it, `path` is where it lies on this machine."""

    type: str
    name: str
    uri: str
    path: str
    metadata: dict[str, Value] = field(default_factory=dict)


@dataclass
class Execution:
    """A task that is over: its state and outputs; for a DAG, the DAG itself, and for a loop those of its iterations."""

    name: str
    state: State
    reason: str = ""
    parameters: dict[str, Value] = field(default_factory=dict)
    artifacts: dict[str, Artifacts] = field(default_factory=dict)
    dags: "list[Dag]" = field(default_factory=list)
    loop: bool = False

    @property
    def good(self) -> bool:
        return self.state in GOOD

    @property
    def completed(self) -> bool:
        """Whether it ran at all, which is when its exit handler runs (Argo's `node.Completed`)."""
        return self.good or self.state == "failed"


@dataclass
class Dag:
    """A pipeline, or a group of tasks in one: the root, a condition, an iteration of a loop, a nested pipeline.

    `place` is where it stands, for the record: from the outermost group to the innermost.
    """

    spec: Spec
    parameters: dict[str, Value]
    artifacts: dict[str, Artifacts]
    place: Place = field(default_factory=list)
    executions: dict[str, Execution] = field(default_factory=dict)

    @property
    def tasks(self) -> dict[str, Spec]:
        tasks: dict[str, Spec] = self.spec.get("tasks", {})
        return tasks


class Unresolved(Exception):
    """An input or output that cannot be had; the message says which, and why."""


def parameter(execution: Execution, key: str) -> Value:
    """The output parameter of a task; of a loop, a list (driver/resolve.go, resolveUpstreamParameters).

    None where a failed task did not write it. Raises `Unresolved` where there can be none.
    """
    if execution.loop:
        return _collected(_not_empty(execution), key, "parameters")
    if execution.dags:
        return parameter(*_producer(execution.dags[0], execution.name, key, "parameters"))
    return execution.parameters.get(key)


def artifacts(execution: Execution, key: str) -> Artifacts:
    """The output artifact of a task; of a loop, those of its iterations (driver/resolve.go, resolveUpstreamArtifacts).

    Raises `Unresolved` where there is none.
    """
    if execution.loop:
        return _collected(_not_empty(execution), key, "artifacts")
    if execution.dags:
        return artifacts(*_producer(execution.dags[0], execution.name, key, "artifacts"))
    if key not in execution.artifacts:
        raise Unresolved(f"{execution.name} gave no artifact '{key}'")
    return execution.artifacts[key]


def _not_empty(loop: Execution) -> Execution:
    """KFP 2.17 takes a loop over no items for none, and does not find the task that would have given the output."""
    if not loop.dags:
        raise Unresolved(
            f"the loop {loop.name} went through no items, and KFP 2.17 cannot collect from such a loop: "
            "put what collects from it into a condition"
        )
    return loop


def _collected(execution: Execution, key: str, kind: str) -> list[Any]:
    """The outputs of all containers below a loop, in the order of the iterations (driver/resolve.go, CollectInputs).

    Those of loops in loops are in one flat list.
    """
    found = []
    for dag in execution.dags:
        inner, name = _producer(dag, execution.name, key, kind)
        if not inner.completed:
            raise Unresolved(f"{inner.name}, whose outputs are collected, was not run in every iteration")
        if inner.dags or inner.loop:
            found += _collected(inner, name, kind)
        elif kind == "parameters":
            found.append(inner.parameters.get(name))
        else:
            found += artifacts(inner, name)
    return found


def _producer(dag: Dag, called: str, key: str, kind: str) -> tuple[Execution, str]:
    """The task in a DAG that gives one of its outputs, and that one's name (driver/resolve.go, GetProducerTask)."""
    output = dag.spec.get("outputs", {}).get(kind, {}).get(key)
    if output is None:
        raise Unresolved(f"{called} has no output '{key}'")
    selectors = _selectors(output)
    for selector in selectors:
        found = dag.executions.get(selector["producerSubtask"])
        if found and (found.good or len(selectors) == 1):
            return found, selector.get("outputParameterKey") or selector["outputArtifactKey"]
    raise Unresolved(f"nothing in {called} that gives its output '{key}' was run")


def _selectors(output: Spec) -> list[Spec]:
    """The tasks that may give an output: one, or the branches of a `OneOf`."""
    if "valueFromParameter" in output:
        return [output["valueFromParameter"]]
    found: list[Spec] = output.get("artifactSelectors") or output["valueFromOneof"]["parameterSelectors"]
    return found
