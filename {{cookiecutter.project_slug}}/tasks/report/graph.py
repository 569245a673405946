"""The graph of a pipeline: its tasks and what they are inside of, read from the compiled spec."""

import re
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from ..project.condition_texts import readable, readable_name

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import DagSpec, PipelineSpec, PipelineTaskSpec

Node = dict[str, Any]  # a task: `name`, the names that it comes `after`, and the groups that it is `inside`


def order(dag: "DagSpec") -> list[str]:
    """The tasks of a DAG, each after those it depends on, and else by name: `train-2` before `train-10`."""

    def key(name: str) -> list[tuple[int, str]]:
        return [(int(part or 0), "") if part.isdigit() else (0, part) for part in re.split("([0-9]+)", name)]

    return list(
        TopologicalSorter({name: dag.tasks[name].dependent_tasks for name in sorted(dag.tasks, key=key)}).static_order()
    )


def nodes_of(spec: "PipelineSpec") -> list[Node]:
    """The tasks that run something, in topological order, with what each comes after and is inside."""

    def tasks(dag: Any, inside: list[str], before: list[str]) -> list[Node]:
        found: list[Node] = []
        ends: dict[str, list[str]] = {}  # what a task of this DAG is, where it is a DAG itself: its last tasks
        for name in order(dag):
            component = spec.components[dag.tasks[name].component_ref.name]
            after = [each for own in dag.tasks[name].dependent_tasks for each in ends[own]] or before
            if component.WhichOneof("implementation") == "dag":
                inner = tasks(component.dag, [*inside, name], after)
                used = {each for node in inner for each in node["after"]}
                found += inner
                ends[name] = [node["name"] for node in inner if node["name"] not in used]
            else:
                found.append({"name": name, "after": after, "inside": inside})
                ends[name] = [name]
        return found

    return tasks(spec.root.dag, [], [])


def groups_of(spec: "PipelineSpec") -> dict[str, str]:
    """What each group of tasks is for: a condition, what a loop goes through, or the name it was given."""
    found = {}
    for dag in [spec.root.dag, *(part.dag for part in spec.components.values() if part.HasField("dag"))]:
        for name, task in dag.tasks.items():
            if spec.components[task.component_ref.name].WhichOneof("implementation") == "dag":
                found[name] = _label(name, task)
    return found


def _label(name: str, task: "PipelineTaskSpec") -> str:
    given = str(task.task_info.name or name)
    if task.trigger_policy.condition:
        held = readable(task.trigger_policy.condition)
        return f"{'if' if re.match(r'condition-[0-9]+$', given) else f'{given}: if'} {held}"
    items = task.parameter_iterator.items
    each = readable_name(items.input_parameter) or items.raw
    if not each and task.HasField("artifact_iterator"):
        each = readable_name(task.artifact_iterator.items.input_artifact)
    if each:
        return f"{'for each of' if re.match(r'for-loop-[0-9]+$', given) else f'{given}: each of'} {each}"
    if re.match(r"condition-branches-[0-9]+$", given):
        return "one of"
    return "with an exit handler" if re.match(r"exit-handler-[0-9]+$", given) else given
