"""What each task of a run was given and gave, as far as the run's workflow tells.

A task that ran has its executor input in the patch that its driver made for its pod (backend/src/v2/driver/driver.go,
initPodSpecPatch): parameters by value, artifacts by URI, with their metadata where they come in. A task that was served
from the cache has none; what it was given is looked up where the values come from. Output parameters are known where
another task takes them.
"""

import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

from .workflow import Place, Task, Workflow, decoded, kind_of

Scope = tuple[str, ...]
LOGS = "executor-logs"  # the artifact that the launcher adds (backend/src/v2/component/launcher_v2.go)
OWN = {"display_name", "store_session_info"}  # metadata that the backend adds
_UNKNOWN = object()


@dataclass
class Values:
    """`inputs` and `outputs` are as the record of a run has them; `execution` is the task's id in `task_details`.

    `sources` has for each artifact that comes in the task beside it and that one's output; `logs` is the log's URI.
    """

    image: str = ""
    execution: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, tuple[str, str]] = field(default_factory=dict)
    logs: str = ""


class Reader:
    """The values of the tasks of one workflow."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        self._given = {(task.scope, task.name): _executor_input(task) for task in workflow.tasks}
        self._artifacts: dict[str, dict[str, Any]] = {}
        self._outputs: dict[tuple[Scope, str, str], Any] = {}  # what others took, by the giver's scope, name and output
        for task in workflow.tasks:
            self._learn(task)

    def _learn(self, task: Task) -> None:
        """Note what is known of artifacts, and which output parameters other tasks were given."""
        given = self._given[task.scope, task.name][2]
        for name, listed in given.get("outputs", {}).get("artifacts", {}).items():
            for artifact in listed.get("artifacts", []):
                about = self._artifacts.setdefault(artifact["uri"], {"metadata": {}})
                about |= {"type": artifact.get("type", {}).get("schemaTitle", ""), "name": name}
        for listed in given.get("inputs", {}).get("artifacts", {}).values():
            for artifact in listed.get("artifacts", []):
                about = self._artifacts.setdefault(artifact["uri"], {"metadata": {}})
                about["metadata"] |= {k: v for k, v in artifact.get("metadata", {}).items() if k not in OWN}
        for name, source in _of_task(task).get("inputs", {}).get("parameters", {}).items():
            values = given.get("inputs", {}).get("parameterValues", {})
            if name in values and (output := source.get("taskOutputParameter")):
                self._outputs[task.scope, output["producerTask"], output["outputParameterKey"]] = values[name]

    def taken(self) -> dict[tuple[Scope, str], dict[str, str]]:
        """The URIs of the outputs of each task, by its scope and name, that tasks which ran were given."""
        found: dict[tuple[Scope, str], dict[str, str]] = {}
        for task in self._workflow.tasks:
            inputs = self.values(task).inputs
            for name, source in _of_task(task).get("inputs", {}).get("artifacts", {}).items():
                scope = task.scope
                while scope and (outer := source.get("componentInputArtifact")):  # handed on by the group it is in
                    source = self._group_task(scope).get("inputs", {}).get("artifacts", {}).get(outer, {})
                    scope = scope[:-1]
                given, output = inputs.get(name), source.get("taskOutputArtifact")
                if output and isinstance(given, dict):
                    found.setdefault((scope, output["producerTask"]), {})[output["outputArtifactKey"]] = given["uri"]
        return found

    def values(self, task: Task) -> Values:
        image, execution, given = self._given[task.scope, task.name]
        found = Values(
            image or decoded(task.driver.input("container") if task.driver else "").get("image", ""), execution
        )
        component = decoded(task.driver.input("component") if task.driver else "")
        declared = component.get("inputDefinitions", {})
        for name, source in _of_task(task).get("inputs", {}).get("artifacts", {}).items():
            if output := source.get("taskOutputArtifact"):
                found.sources[name] = (output["producerTask"], output["outputArtifactKey"])
        if given:
            found.inputs = dict(given.get("inputs", {}).get("parameterValues", {}))
            for name, listed in given.get("inputs", {}).get("artifacts", {}).items():
                kind = declared.get("artifacts", {}).get(name, {}).get("artifactType", {}).get("schemaTitle", "")
                found.inputs[name] = self._recorded(listed.get("artifacts", []), name, kind)
            for name, listed in given.get("outputs", {}).get("artifacts", {}).items():
                if name == LOGS:
                    found.logs = next((each["uri"] for each in listed.get("artifacts", [])), "")
                else:
                    found.outputs[name] = self._recorded(listed.get("artifacts", []), name, "")
        else:
            found.inputs = self._looked_up(task, declared)
        for (scope, producer, name), value in self._outputs.items():
            if (scope, producer) == (task.scope, task.name):
                found.outputs[name] = value
        return found

    def _recorded(self, artifacts: list[dict[str, Any]], name: str, kind: str) -> Any:
        found = []
        for artifact in artifacts:
            known = self._artifacts[artifact["uri"]]
            about = {"type": known.get("type") or kind, "name": known.get("name") or name}
            found.append({**about, "uri": artifact["uri"], "metadata": known["metadata"]})
        return found[0] if len(found) == 1 else found

    def _looked_up(self, task: Task, declared: dict[str, Any]) -> dict[str, Any]:
        """The parameters of a task that has no executor input, those that can be known."""
        found = {}
        sources = _of_task(task).get("inputs", {}).get("parameters", {})
        for name, definition in declared.get("parameters", {}).items():
            value = (
                self._value(task.scope, sources[name]) if name in sources else definition.get("defaultValue", _UNKNOWN)
            )
            if value is not _UNKNOWN:
                found[name] = value
        return found

    def _value(self, scope: Scope, source: dict[str, Any]) -> Any:
        """The value that a task in a group takes its input from."""
        if "runtimeValue" in source:
            return source["runtimeValue"].get("constant", _UNKNOWN)
        if output := source.get("taskOutputParameter"):
            return self._outputs.get((scope, output["producerTask"], output["outputParameterKey"]), _UNKNOWN)
        return self._input(scope, source.get("componentInputParameter", ""))

    def _input(self, scope: Scope, name: str) -> Any:
        """The value of an input parameter of a group, and of the whole pipeline where the scope is empty."""
        if not scope:
            return self._workflow.parameters.get(name, _UNKNOWN)
        task = self._group_task(scope)
        if name == task.get("parameterIterator", {}).get("itemInput"):
            return self._item(scope, task)
        source = task.get("inputs", {}).get("parameters", {}).get(name)
        return self._value(scope[:-1], source) if source else _UNKNOWN

    def _group_task(self, scope: Scope) -> dict[str, Any]:
        driver = self._workflow.drivers.get(scope)
        return decoded(driver.input("task")) if driver else {}

    def _item(self, scope: Scope, task: dict[str, Any]) -> Any:
        index = scope[-1].rpartition("-iteration-")[2]
        items = task["parameterIterator"].get("items", {})
        listed: Any = _UNKNOWN
        if "raw" in items:
            with contextlib.suppress(ValueError):
                listed = json.loads(items["raw"])
        elif source := task.get("inputs", {}).get("parameters", {}).get(items.get("inputParameter", "")):
            listed = self._value(scope[:-1], source)
        if isinstance(listed, list) and index.isdecimal() and int(index) < len(listed):
            return listed[int(index)]
        return self._item_given(scope, task["parameterIterator"].get("itemInput", ""))

    def _item_given(self, scope: Scope, name: str) -> Any:
        """The item of an iteration, from a task in it that takes it: what another task gave is told nowhere else."""
        for task in self._workflow.tasks:
            given = self._given[task.scope, task.name][2] if task.scope == scope else {}
            if given:
                for own, source in _of_task(task).get("inputs", {}).get("parameters", {}).items():
                    if source.get("componentInputParameter") == name:
                        return given.get("inputs", {}).get("parameterValues", {}).get(own, _UNKNOWN)
        return _UNKNOWN

    def place(self, scope: Scope) -> Place:
        """The groups that a scope leads through, outermost first."""
        found: Place = []
        for depth in range(1, len(scope) + 1):
            group, _, number = scope[depth - 1].partition("-iteration-")
            task = self._group_task(scope[:depth]) or self._group_task((*scope[: depth - 1], group))
            iteration = int(number) if number else None
            item = self._item(scope[:depth], task) if number and "parameterIterator" in task else None
            known = None if item is _UNKNOWN else item
            found.append({"group": group, "kind": kind_of(group, task), "iteration": iteration, "item": known})
        return found


def _of_task(task: Task) -> dict[str, Any]:
    """The task's part of the compiled pipeline, which its driver was given."""
    return decoded(task.driver.input("task") if task.driver else task.node.input("task") if task.node else "")


def _executor_input(task: Task) -> tuple[str, str, dict[str, Any]]:
    """The image, the execution's id and the executor input of a task; empty where it has no container, or none yet."""
    patch = decoded(task.driver.output("pod-spec-patch") if task.driver else "")
    main: dict[str, Any] = next((each for each in patch.get("containers", []) if each.get("name") == "main"), {})
    command = [str(part) for part in main.get("command", [])]

    def after(flag: str) -> str:
        return command[command.index(flag) + 1] if flag in command[:-1] else ""

    return str(main.get("image", "")), after("--execution_id"), decoded(after("--executor_input"))
