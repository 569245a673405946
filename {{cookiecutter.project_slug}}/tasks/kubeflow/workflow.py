"""The Argo workflow that KFP's backend makes of a run: its nodes, told apart by what they are in the pipeline.

`GET /apis/v1beta1/runs/ID` has it as JSON text; all that `GET /apis/v2beta1/runs/ID` knows of a step is a part of it.
The names of its nodes are paths, `x1(0).root(0).for-loop-1(0).iteration-iterations(1:1)(0).iteration-item(0).train`,
whose parts backend/src/v2/compiler/argocompiler/dag.go gives: TASK-driver and TASK for each task, `executor` in a task
that has a container, `iteration-iterations(N:N)` and `iteration-item` in one that is a loop. The number in parentheses
at the end of a part is Argo's count of tries, from 0; a part without one stands for all of its tries.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Place = list[dict[str, Any]]  # the groups that a task is in: `group`, `kind`, `iteration`, `item`, outermost first

_PART = re.compile(r"(?P<task>[^()]*)(\((?P<index>\d+):[^()]*\))?(\((?P<attempt>\d+)\))?")
_GROUP = re.compile(r"(condition|condition-branches|exit-handler|for-loop)-\d+")
_SILENT = re.compile(r"(condition|condition-branches|exit-handler)-\d+")
ITERATION = "iteration"  # what the backend calls a loop's driver, iterations and their items


@dataclass(frozen=True)
class Node:
    """A node of the workflow with all of its tries: `path` names it from the root on; `pod` is that of the last try."""

    path: tuple[str, ...]
    about: dict[str, Any]
    pod: dict[str, Any] | None

    @property
    def phase(self) -> str:
        return str(self.about.get("phase", ""))

    @property
    def message(self) -> str:
        return " ".join(str(self.about.get("message", "")).split())

    @property
    def attempt(self) -> int:
        """The last try's number, from 0."""
        return max(_parts(str(self.pod["name"]))[1][-1], 0) if self.pod else 0

    def input(self, name: str) -> str:
        return _parameter(self.about.get("inputs"), name)

    def output(self, name: str) -> str:
        return _parameter(self.about.get("outputs"), name)


@dataclass
class Task:
    """A task of the pipeline as the workflow has it; `node` is the task itself, `executor` the pod of its container.

    All of these are None as long as they are not there. `scope` are the groups it is in, a loop's with its iteration.
    """

    name: str
    scope: tuple[str, ...]
    driver: Node | None = None
    node: Node | None = None
    executor: Node | None = None

    @property
    def cached(self) -> bool:
        return bool(self.driver and self.driver.output("cached-decision") == "true")


@dataclass
class Workflow:
    """A run's workflow: its own name, phase and message, its tasks, and the drivers of its groups by their scope."""

    name: str
    phase: str
    message: str
    tasks: list[Task] = field(default_factory=list)
    drivers: dict[tuple[str, ...], Node] = field(default_factory=dict)
    groups: dict[tuple[str, ...], Node] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters that the run was given, as its root's driver got them."""
        root = self.drivers.get(())
        given = decoded(root.input("runtime-config")) if root else {}
        found: dict[str, Any] = given.get("parameterValues", {})
        return found


def read(manifest: str | dict[str, Any]) -> Workflow | None:
    """The workflow in a manifest; None where it is none, or its nodes are not in it."""
    document = decoded(manifest) if isinstance(manifest, str) else manifest
    status = document.get("status") or {}
    nodes = status.get("nodes")
    if not nodes:
        return None
    found = Workflow(document["metadata"]["name"], str(status.get("phase", "")), str(status.get("message", "")))
    tasks: dict[tuple[tuple[str, ...], str], Task] = {}
    for node in sorted(_latest(nodes.values()), key=_started):
        _sort_in(node, found, tasks)
    found.tasks = list(tasks.values())
    return found


def decoded(text: str) -> dict[str, Any]:
    """A JSON object; empty where it is none."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _parameter(ports: dict[str, Any] | None, name: str) -> str:
    listed = (ports or {}).get("parameters", [])
    return next((str(each.get("value", "")) for each in listed if each.get("name") == name), "")


def _parts(name: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The path that a node's name is, without the workflow's own, and the try of each part; -1 is all of them."""
    matches = [_PART.fullmatch(part) for part in name.split(".")]
    path = tuple(m["task"] + (f":{m['index']}" if m["index"] else "") for m in matches[1:] if m)
    return path, tuple(int(m["attempt"] or -1) for m in matches if m)


def _latest(nodes: Iterable[dict[str, Any]]) -> list[Node]:
    """The nodes of the last tries: a task that was tried again, or is in something that was, has several."""
    tries: dict[tuple[str, ...], list[tuple[tuple[int, ...], dict[str, Any]]]] = {}
    for about in nodes:
        path, attempts = _parts(str(about["name"]))
        tries.setdefault(path, []).append((attempts, about))
    found = []
    for path, listed in tries.items():
        last = max(attempts[:-1] for attempts, _ in listed)
        listed = sorted((each for each in listed if each[0][:-1] == last), key=lambda each: each[0])
        pods = [about for _, about in listed if about.get("type") == "Pod"]
        found.append(Node(path, listed[0][1], pods[-1] if pods else None))
    return found


def _started(node: Node) -> tuple[str, str, tuple[str, ...]]:
    """In the order of their start; Argo gives those that it leaves out the time at which it did."""
    return str(node.about.get("startedAt") or "9"), str(node.about.get("finishedAt") or "9"), node.path


def _sort_in(node: Node, found: Workflow, tasks: dict[tuple[tuple[str, ...], str], Task]) -> None:
    """Put a node where it belongs: the driver, the container or the whole of a task, or a group's."""
    if not node.path or node.path[0] not in ("root", "root-driver"):
        return
    if node.path == ("root-driver",):
        found.drivers[()] = node
        return
    scope, last = _scope(node.path[1:]) if node.path[1:] else ((), "")
    if last == "":  # a group itself, or one of its iterations
        found.groups[scope] = node
    elif last == f"{ITERATION}-driver":
        found.drivers[scope] = node
    elif last == "executor":
        task = tasks.setdefault((scope[:-1], scope[-1]), Task(scope[-1], scope[:-1]))
        task.executor = node
    elif last.endswith("-driver") and "driver" in str(node.about.get("templateName")):
        if "dag-driver" in str(node.about.get("templateName")):
            found.drivers[(*scope, last.removesuffix("-driver"))] = node
        else:
            name = last.removesuffix("-driver")
            tasks.setdefault((scope, name), Task(name, scope)).driver = node
    elif re.search(r"system-(container-executor|importer|container-driver)", str(node.about.get("templateName"))):
        tasks.setdefault((scope, last), Task(last, scope)).node = node
    elif last != "onExit":
        found.groups[(*scope, last)] = node


def _scope(path: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The groups that a path leads through, `for-loop-1-iteration-0` for an iteration, and what is at its end.

    That is empty where the path ends at an iteration, which is no task of its own.
    """
    scope: list[str] = []
    for part in path[:-1]:
        _enter(scope, part)
    last = path[-1]
    if last.startswith(f"{ITERATION}-iterations") or last == f"{ITERATION}-item":
        _enter(scope, last)
        return tuple(scope), ""
    if last == f"{ITERATION}-item-driver":
        return tuple(scope), f"{ITERATION}-driver"
    return tuple(scope), last


def _enter(scope: list[str], part: str) -> None:
    if part == "onExit":  # the exit task of a group is beside that group, not in it
        scope.pop()
    elif part.startswith(f"{ITERATION}-iterations:"):
        scope[-1] += f"-iteration-{part.partition(':')[2]}"
    elif part not in (f"{ITERATION}-iterations", f"{ITERATION}-item"):
        scope.append(part)


def step_of_node(name: str) -> str:
    """The name of the step that a node is of, by the node's own name; a driver's is that of what it drives."""
    path, _ = _parts(name)
    if len(path) < 2:
        return path[-1] if path else name
    scope, last = _scope(path[1:])
    parts = [part for part in (scope if last == "executor" else (*scope, last.removesuffix("-driver"))) if part]
    return step_name(parts[:-1], parts[-1]) if parts else name


def step_name(scope: Iterable[str], task: str) -> str:
    """What a step is called: by its task, led by the iterations and pipelines that it is in, as in local runs."""
    return "/".join([*(part for part in scope if not _SILENT.fullmatch(part)), task])


def kind_of(group: str, task: dict[str, Any]) -> str:
    """What a group is: a loop, a condition, the branches of one, an exit handler, or a pipeline in a pipeline."""
    if "parameterIterator" in task:
        return "loop"
    if match := _GROUP.fullmatch(group):
        return {"for-loop": "loop", "condition-branches": "branches"}.get(match[1], match[1])
    return "condition" if task.get("triggerPolicy", {}).get("condition") else "pipeline"
