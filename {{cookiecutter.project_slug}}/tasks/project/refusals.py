"""What a cluster with KFP 2.17 would refuse of a compiled pipeline, or make something else of: found before it runs.

After KFP's backend (`backend/src/v2`): compiler/argocompiler/dag.go, driver/util.go, driver/resolve.go.
"""

import json
import re
from typing import TYPE_CHECKING

from .mending import CHANNEL, STRING, Scopes, dag_of, named_inputs

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PipelineTaskSpec

AFTER_ALL = 2  # the strategy ALL_UPSTREAM_TASKS_COMPLETED
TOLD = re.compile(r"\{\{\$\.pipeline_(?:job|task)_\w+\}\}")
Lines = dict[str, int]  # of pipeline.py, by the task that is made there


def refused(spec: "PipelineSpec", lines: Lines) -> list[str]:
    """Why a cluster would refuse the pipeline: a sentence for each reason, with the line and what to write instead."""
    scopes = Scopes(spec)
    found = []
    for group in scopes.groups():
        for name, task in _as_made(spec, group, lines):
            for reason in _reasons(scopes, group, name, task):
                found.append(f"{_where(name, lines)}: {reason}")
    return found


def doubtful(spec: "PipelineSpec", lines: Lines) -> list[str]:
    """What a cluster would take, and make something of that is easily not meant: a sentence for each."""
    found, scopes = _mixed_up(spec, lines), Scopes(spec)
    for group in scopes.groups():
        for name, task in _as_made(spec, group, lines):
            doubts = _doubts(spec, task) + _texts_for_others(scopes, group, task)
            found += [f"{_where(name, lines)}: {doubt}" for doubt in doubts]
    return list(dict.fromkeys(found))


def _as_made(spec: "PipelineSpec", group: str, lines: Lines) -> list[tuple[str, "PipelineTaskSpec"]]:
    """The tasks of a group as `pipeline.py` made them, then those that KFP made: the spec itself keeps no order."""
    place = {name: number for number, name in enumerate(lines)}
    return sorted(dag_of(spec, group).tasks.items(), key=lambda each: (place.get(each[0], len(place)), each[0]))


def _where(task: str, lines: Lines) -> str:
    return f"pipeline.py, line {lines[task]}: {task}" if task in lines else f"pipeline.py: {task}"


def _reasons(scopes: Scopes, group: str, name: str, task: "PipelineTaskSpec") -> list[str]:
    component = scopes.spec.components[task.component_ref.name]
    found = []
    for key, source in task.inputs.parameters.items():
        wanted = source.component_input_parameter
        if wanted and not scopes.given(group, wanted):
            shown = wanted.removeprefix(CHANNEL)
            found.append(
                f"its input '{key.removeprefix(CHANNEL)}' takes {shown}, which does not reach it there: "
                "hand it on through a step, or build the text in one"
            )
    present = set(scopes.task(group).inputs.artifacts) if group else set()
    for key, given in task.inputs.artifacts.items():
        if given.component_input_artifact and given.component_input_artifact not in present:
            found.append(f"its input '{key}' is an artifact that nothing gives: make it in a step, or import it")
    if task.HasField("artifact_iterator"):
        found.append("a loop over artifacts, which KFP 2.17 has not: loop over a list of values")
    hooks = {n for n, t in dag_of(scopes.spec, group).tasks.items() if t.trigger_policy.strategy == AFTER_ALL}
    for other in sorted(hooks.intersection(task.dependent_tasks)):
        found.append(
            f"it comes after {other}, which runs whatever failed before it, and nothing can come after such a step"
        )
    if condition := task.trigger_policy.condition:
        found += _unreadable(condition)
    if component.executor_label:
        named = named_inputs(scopes.spec, component)
        for key in sorted(named & set(component.input_definitions.parameters) - set(task.inputs.parameters)):
            found.append(
                f"its input '{key}' is not given and has no default, and its component names it all the same: "
                f"give it, or write {{if: {{cond: {{isPresent: {key}}}, then: [...]}}}} in the component"
            )
    return found


def _unreadable(condition: str) -> list[str]:
    """Why a condition is none that the server takes: one that compares a number of a step with a text, for example."""
    from cel_expr_python import cel

    try:
        cel.NewEnv(variables={"inputs": cel.Type.DYN}).compile(condition)
    except RuntimeError as error:
        said = str(error).splitlines()[0].partition("<input>:")[2]
        return [f"its condition cannot be evaluated there ({said}): {condition}; compare values of one type"]
    return []


def _doubts(spec: "PipelineSpec", task: "PipelineTaskSpec") -> list[str]:
    found = []
    for key, source in task.inputs.parameters.items():
        text = source.runtime_value.constant.string_value
        if (told := TOLD.search(text)) and told[0] != text:
            found.append(
                f"{told[0]} in its input '{key}' stays as it is, since KFP fills that in only where it stands alone"
            )
        elif "{{workflow." in text:
            found.append(f"Argo replaces what its input '{key}' has in {{{{workflow...}}}} on a cluster")
    component = spec.components[task.component_ref.name]
    for part in _parts(spec, task):
        if part.startswith('{"Concat"'):
            found.append(
                "KFP 2.17 hands a Concat on as the JSON that it is: build the text in pipeline.py, or in the step"
            )
        elif part.startswith('{"IfPresent"'):
            name = json.loads(part)["IfPresent"]["InputName"]
            if name in component.input_definitions.artifacts:
                found.append(f"KFP 2.17 takes the artifact '{name}' for absent in isPresent, even where it is given")
    return found


def _texts_for_others(scopes: Scopes, group: str, task: "PipelineTaskSpec") -> list[str]:
    """Inputs that take no text, and are given an item of a list that does not say what is in it, which makes texts."""
    takes = scopes.spec.components[task.component_ref.name].input_definitions.parameters
    there = scopes.definitions(group)
    return [
        f"its input '{name}' takes no text, and KFP makes texts of the items of a list that does not say what they "
        "are: say it, as in List[int]"
        for name, source in task.inputs.parameters.items()
        if source.component_input_parameter.startswith(CHANNEL)
        and there[source.component_input_parameter].parameter_type == STRING
        and takes[name].parameter_type != STRING
        and not source.parameter_expression_selector
    ]


def _parts(spec: "PipelineSpec", task: "PipelineTaskSpec") -> list[str]:
    """The command and arguments of a task's container; none of what is no container."""
    label = spec.components[task.component_ref.name].executor_label
    if not label or "container" not in (executor := spec.deployment_spec["executors"][label]):
        return []
    container = executor["container"]
    return [str(part) for key in ("command", "args") if key in container for part in container[key]]


def _mixed_up(spec: "PipelineSpec", lines: Lines) -> list[str]:
    """Components whose containers are the same to the letter, and whose inputs are not: the server keeps one."""
    seen: dict[str, tuple[str, str]] = {}
    found = []
    for group in Scopes(spec).groups():
        for name, task in _as_made(spec, group, lines):
            component = spec.components[task.component_ref.name]
            if not (parts := _parts(spec, task)):
                continue
            container = json.dumps(
                [parts, spec.deployment_spec["executors"][component.executor_label]["container"]["image"]]
            )
            first, inputs = seen.setdefault(container, (name, str(component.input_definitions)))
            if inputs != str(component.input_definitions):
                found.append(
                    f"{_where(name, lines)}: its container is that of {first}, and their inputs differ, which KFP "
                    "2.17 mixes up: let their commands differ"
                )
    return found
