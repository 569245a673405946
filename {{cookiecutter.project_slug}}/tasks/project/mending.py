"""A compiled pipeline made right where kfp 2.17's compiler makes it wrong, or KFP's server lacks what it counts on.

It is done once, when the pipeline is compiled, so every engine and the cluster run the same.
"""

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import ComponentSpec, DagSpec, PipelineSpec, PipelineTaskSpec

CHANNEL = "pipelinechannel--"
SELECTOR = re.compile(r'parseJson\(string_value\)\["(.+)"\]')
STRING = 3
TYPES = {float: 1, int: 2, str: STRING, bool: 4, list: 5, dict: 6}  # of JSON, as KFP's ParameterType
WHOLE = "-whole"  # of a list, for what is inside of a loop over it
PART = re.compile(r"(?P<whole>.+)-subvar-(?P<part>[^-]+)")  # of a loop's item


def mend(spec: "PipelineSpec") -> None:
    """Mend a compiled pipeline in place."""
    for name in ["", *spec.components]:
        for task in list(dag_of(spec, name).tasks.values()):
            _fill_in_defaults(spec, task)
    _leave_out_absent_artifacts(spec)
    _pass_on_what_is_used(spec)
    _loop_over_parts(spec)


def dag_of(spec: "PipelineSpec", component: str) -> "DagSpec":
    """The tasks in a component, or, for an empty name, in the pipeline; none in a component that is a container."""
    return spec.components[component].dag if component else spec.root.dag


# The server fills in no defaults of a component's inputs, where its arguments name them.


def _fill_in_defaults(spec: "PipelineSpec", task: "PipelineTaskSpec") -> None:
    component = spec.components[task.component_ref.name]
    if not component.executor_label:
        return
    used = named_inputs(spec, component)
    for name, definition in component.input_definitions.parameters.items():
        if name in used and name not in task.inputs.parameters and definition.HasField("default_value"):
            task.inputs.parameters[name].runtime_value.constant.CopyFrom(definition.default_value)


def named_inputs(spec: "PipelineSpec", component: "ComponentSpec") -> set[str]:
    """The input parameters that a container's command and arguments name, outside of what is there only if they are."""
    from google.protobuf import json_format

    executor = spec.deployment_spec["executors"][component.executor_label]
    if "container" not in executor:
        return set()
    container = json_format.MessageToDict(executor["container"])
    parts = [
        *container.get("command", []),
        *container.get("args", []),
    ]
    return {name for part in parts if not part.startswith('{"IfPresent"') for name in _placeholders(part)}


def _placeholders(text: str) -> list[str]:
    return re.findall(r"\{\{\$\.inputs\.parameters\['(.+?)'\]\}\}", text)


# No run can be given an artifact, so one that a pipeline takes is there only where another pipeline hands it in; the
# server then looks for it in vain, even where a step can do without.


def _leave_out_absent_artifacts(spec: "PipelineSpec") -> None:
    scopes = Scopes(spec)
    for group in scopes.groups():
        present = set(scopes.task(group).inputs.artifacts) if group else set()
        for task in dag_of(spec, group).tasks.values():
            takes = spec.components[task.component_ref.name].input_definitions.artifacts
            for name in [n for n, source in task.inputs.artifacts.items() if source.component_input_artifact]:
                absent = task.inputs.artifacts[name].component_input_artifact not in present
                if absent and takes[name].is_optional:
                    del task.inputs.artifacts[name]


# Loop items, and other values, that only a text names are not passed to the group that the text is in.


class Scopes:
    """The groups of a pipeline, each with the task that it is the inside of, and the group that this task is in."""

    def __init__(self, spec: "PipelineSpec") -> None:
        self.spec = spec
        self.outside: dict[str, tuple[str, str]] = {}
        for group in ["", *spec.components]:
            for name, task in dag_of(spec, group).tasks.items():
                if spec.components[task.component_ref.name].HasField("dag"):
                    self.outside[task.component_ref.name] = (group, name)

    def groups(self) -> list[str]:
        """The pipeline, and all groups in it: each after the one that it is in."""
        found = [""]
        for group in found:
            inside = [task.component_ref.name for task in dag_of(self.spec, group).tasks.values()]
            found += [name for name in dict.fromkeys(inside) if name in self.outside and name not in found]
        return found

    def definitions(self, group: str) -> Any:
        inside = self.spec.components[group] if group else self.spec.root
        return inside.input_definitions.parameters

    def task(self, group: str) -> "PipelineTaskSpec":
        outer, name = self.outside[group]
        return dag_of(self.spec, outer).tasks[name]

    def given(self, group: str, name: str) -> bool:
        """Whether a group has this input, and is given it."""
        definitions = self.definitions(group)
        if name not in definitions or not group:
            return name in definitions
        task = self.task(group)
        optional = definitions[name].is_optional or definitions[name].HasField("default_value")
        if name == task.parameter_iterator.items.input_parameter:
            return False  # of the loop: its iterations have the item instead
        return optional or name in task.inputs.parameters or task.parameter_iterator.item_input == name


def _pass_on_what_is_used(spec: "PipelineSpec") -> None:
    """See that each group is given what its tasks take from outside of it. What cannot be had stays as it is."""
    scopes = Scopes(spec)
    for group in scopes.groups():
        for task in dag_of(spec, group).tasks.values():
            for name in list(task.inputs.parameters):
                source = task.inputs.parameters[name]
                wanted = source.component_input_parameter
                if not wanted or scopes.given(group, wanted):
                    continue
                if found := _source(scopes, group, wanted):
                    part = source.parameter_expression_selector
                    source.CopyFrom(found)
                    if part:
                        source.parameter_expression_selector = part
                elif not wanted.startswith(CHANNEL) or _is_of_own_item(task, wanted):
                    _take_back(spec, task, name)  # the compiler's slip: nothing outside has it, and nothing takes it


def _is_of_own_item(task: "PipelineTaskSpec", name: str) -> bool:
    """Whether a name is of a part of the item of this very loop."""
    part = PART.fullmatch(name)
    return part is not None and part["whole"] == task.parameter_iterator.item_input


def _source(scopes: Scopes, group: str, name: str) -> Any:
    """Where a task in a group can have a value from; the groups around are made to pass it on. None for nowhere."""
    from kfp.pipeline_spec.pipeline_spec_pb2 import TaskInputsSpec

    found = TaskInputsSpec.InputParameterSpec()
    plain = name.removeprefix(CHANNEL)
    if scopes.given(group, name) or (not group and scopes.given(group, plain)):
        found.component_input_parameter = name if scopes.given(group, name) else plain
        return found
    if (part := PART.fullmatch(name)) and (whole := _source(scopes, group, part["whole"])):
        whole.parameter_expression_selector = f'parseJson(string_value)["{part["part"]}"]'
        return whole
    for task in dag_of(scopes.spec, group).tasks:
        outputs = scopes.spec.components[dag_of(scopes.spec, group).tasks[task].component_ref.name].output_definitions
        output = plain.removeprefix(f"{task}-")
        if plain.startswith(f"{task}-") and output in outputs.parameters:
            found.task_output_parameter.producer_task = task
            found.task_output_parameter.output_parameter_key = output
            return found
    if not group or not (outer := _source(scopes, scopes.outside[group][0], name)):
        return None
    loops_over_it = scopes.task(group).parameter_iterator.items.input_parameter == name
    inside = f"{name}{WHOLE}" if loops_over_it else name
    scopes.task(group).inputs.parameters[inside].CopyFrom(outer)
    scopes.definitions(group)[inside].parameter_type = _type(scopes, group, outer)
    found.component_input_parameter = inside
    return found


def _type(scopes: Scopes, group: str, outer: Any) -> int:
    """The type of what a group is passed: that of where it comes from."""
    around = scopes.outside[group][0]
    if outer.parameter_expression_selector:
        return _type_of_part(scopes, around, outer) or STRING
    if outer.component_input_parameter:
        return int(scopes.definitions(around)[outer.component_input_parameter].parameter_type)
    producer = dag_of(scopes.spec, around).tasks[outer.task_output_parameter.producer_task]
    outputs = scopes.spec.components[producer.component_ref.name].output_definitions.parameters
    return int(outputs[outer.task_output_parameter.output_parameter_key].parameter_type)


def _take_back(spec: "PipelineSpec", task: "PipelineTaskSpec", name: str) -> None:
    """Remove an input of a task that is a group, and its declaration there."""
    del task.inputs.parameters[name]
    component = spec.components[task.component_ref.name]
    if component.HasField("dag") and task.parameter_iterator.item_input != name:
        component.input_definitions.parameters.pop(name, None)


def _type_of_part(scopes: Scopes, group: str, source: Any) -> int:
    """The type of a part of a loop's items, where those stand in the pipeline and all have the same; else 0."""
    part = SELECTOR.fullmatch(source.parameter_expression_selector)
    iterator = scopes.task(group).parameter_iterator if group else None
    if (
        not part
        or iterator is None
        or iterator.item_input != source.component_input_parameter
        or not iterator.items.raw
    ):
        return 0
    items = json.loads(iterator.items.raw)
    types = {TYPES.get(type(item[part[1]]), 0) for item in items if isinstance(item, dict) and part[1] in item}
    return types.pop() if len(types) == 1 else 1 if types == {1, 2} else 0


# The server cannot go through a part of an item: it looks for that part once more in each iteration, where it is gone.


def _loop_over_parts(spec: "PipelineSpec") -> None:
    """Put each loop over a part of something into a group of its own, which is given the part and nothing else."""
    for group in ["", *list(spec.components)]:
        for name, task in dag_of(spec, group).tasks.items():
            items = task.parameter_iterator.items.input_parameter
            if items and task.inputs.parameters[items].parameter_expression_selector:
                _wrap(spec, name, task, items)


def _wrap(spec: "PipelineSpec", name: str, task: "PipelineTaskSpec", items: str) -> None:
    inside = spec.components[task.component_ref.name]
    around = spec.components[f"{task.component_ref.name}-items"]
    loop = around.dag.tasks[name]
    loop.CopyFrom(task)
    del loop.dependent_tasks[:]
    loop.ClearField("trigger_policy")
    for key in task.inputs.parameters:
        loop.inputs.parameters[key].Clear()
        loop.inputs.parameters[key].component_input_parameter = key
        definition = around.input_definitions.parameters[key]
        definition.CopyFrom(inside.input_definitions.parameters[key])
        if key == items:
            definition.parameter_type = 5  # a list
    for key in task.inputs.artifacts:
        loop.inputs.artifacts[key].Clear()
        loop.inputs.artifacts[key].component_input_artifact = key
        around.input_definitions.artifacts[key].CopyFrom(inside.input_definitions.artifacts[key])
    around.output_definitions.CopyFrom(inside.output_definitions)
    for key in inside.output_definitions.parameters:
        chosen = around.dag.outputs.parameters[key].value_from_parameter
        chosen.producer_subtask, chosen.output_parameter_key = name, key
    for key in inside.output_definitions.artifacts:
        around.dag.outputs.artifacts[key].artifact_selectors.add(producer_subtask=name, output_artifact_key=key)
    task.component_ref.name = f"{task.component_ref.name}-items"
    task.ClearField("iterator")
    task.ClearField("iterator_policy")
