"""The inputs of a task: from constants, from its DAG's own inputs, and from the outputs of other tasks.

After driver/resolve.go, resolveInputs. What cannot be had raises `Unresolved`.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from .conditions import selected
from .executions import Artifacts, Dag, Execution, Spec, Unresolved, artifacts, parameter
from .values import Value, converted, text_of, value_of

INPUT = re.compile(r"\{\{\$\.inputs\.parameters\['(.+?)'\]\}\}")
STATES = {"succeeded": "COMPLETE", "cached": "COMPLETE", "failed": "FAILED"}


@dataclass(frozen=True)
class Names:
    """What a run is called, as the placeholders of KFP know it."""

    pipeline: str  # {{$.pipeline_job_name}}: the run's display name
    resource: str  # {{$.pipeline_job_resource_name}}
    uuid: str
    created: str  # UTC, ISO 8601
    workspace: Path


@dataclass
class Inputs:
    """The inputs of a task, by name."""

    parameters: dict[str, Value] = field(default_factory=dict)
    artifacts: dict[str, Artifacts] = field(default_factory=dict)


def resolved(task: Spec, name: str, component: Spec, dag: Dag, names: Names) -> Inputs:
    """The inputs of the task `name` of a DAG. `component` is the task's."""
    found = Inputs()
    definitions = component.get("inputDefinitions", {}).get("parameters", {})
    given = task.get("inputs", {}).get("parameters", {})
    if "dag" in component:
        _fill_in(found, definitions, given)
    null = {key for key, value in found.parameters.items() if value is None}
    for key, spec in given.items():
        if definitions.get(key, {}).get("parameterType") == "TASK_CONFIG":
            continue
        value, is_null = _parameter(spec, task, name, dag, names)
        if is_null:
            if not definitions.get(key, {}).get("isOptional"):
                raise Unresolved(f"its input '{key}' has no value: the pipeline's parameter was not given")
            continue
        found.parameters[key] = value
    for key, spec in task.get("inputs", {}).get("artifacts", {}).items():
        found.artifacts[key] = _artifacts(key, spec, dag)
    for key, spec in given.items():
        if (selector := spec.get("parameterExpressionSelector")) and key in found.parameters:
            found.parameters[key] = _selection(key, selector, found.parameters[key])
    for key, value in found.parameters.items():
        if "constant" in given.get(key, {}).get("runtimeValue", {}):
            found.parameters[key] = with_inputs(value, found.parameters)
    check_types(found.parameters, definitions, null, task.get("parameterIterator", {}).get("itemInput"))
    return found


def of_iteration(task: Spec, component: Spec, loop: Inputs, item: Value) -> Inputs:
    """The inputs of one iteration of a loop: those of the loop, with the item instead of the items."""
    iterator = task["parameterIterator"]
    parameters = dict(loop.parameters)
    parameters.pop(iterator["items"].get("inputParameter") or iterator["itemInput"], None)
    parameters[iterator["itemInput"]] = item
    # The backend evaluates the selectors of a task for each iteration too, on what that has by then.
    for key, spec in task.get("inputs", {}).get("parameters", {}).items():
        if selector := spec.get("parameterExpressionSelector"):
            if key not in parameters:
                raise Unresolved(f"KFP 2.17 cannot go through a part of an item ({selector})")
            parameters[key] = _selection(key, selector, parameters[key])
    definitions = component.get("inputDefinitions", {}).get("parameters", {})
    check_types(parameters, definitions, set(), iterator["items"].get("inputParameter"))
    return Inputs(parameters, loop.artifacts)


def items_of(task: Spec, inputs: Inputs) -> list[Value]:
    """What a loop goes through (driver/dag.go, driver/util.go getItems)."""
    items = task["parameterIterator"]["items"]
    value = json.loads(items["raw"]) if "raw" in items else inputs.parameters.get(items["inputParameter"])
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise Unresolved(f"it goes through {value[:80]!r}, which is no JSON list") from None
    if not isinstance(value, list):
        raise Unresolved(f"it goes through {text_of(value)[:80]!r}, which is no list")
    return [value_of(item) for item in value]


def with_inputs(value: Value, parameters: dict[str, Value]) -> Value:
    """A constant of the pipeline with the inputs that its texts name put in; in the values of inputs nothing is."""
    if isinstance(value, list):
        return [with_inputs(item, parameters) for item in value]
    if isinstance(value, dict):
        return {with_inputs(key, parameters): with_inputs(item, parameters) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    return INPUT.sub(lambda match: text_of(parameters[match[1]]) if match[1] in parameters else match[0], value)


def check_types(parameters: dict[str, Value], definitions: dict[str, Spec], null: set[str], aside: str | None) -> None:
    """See that each declared input is there and of its type; texts are made of what is none.

    `null` are those that the pipeline was not given, and `aside` is one that only the loop or only its iterations have.
    """
    for key, definition in definitions.items():
        if key == aside or (parameters.get(key) is None and key in null):
            continue
        if key not in parameters:
            if not definition.get("isOptional") and "defaultValue" not in definition:
                raise Unresolved(f"its input '{key}' has no value")
            continue
        try:
            parameters[key] = converted(parameters[key], definition.get("parameterType", ""))
        except ValueError as error:
            raise Unresolved(f"its input '{key}' has the wrong type: {error}") from None


def _fill_in(found: Inputs, definitions: dict[str, Spec], given: dict[str, Spec]) -> None:
    """The optional inputs of a pipeline in a pipeline, or a group, that it was not given: their defaults, or null."""
    for key, definition in definitions.items():
        if key not in given and definition.get("isOptional"):
            found.parameters[key] = value_of(definition.get("defaultValue"))


def _parameter(spec: Spec, task: Spec, name: str, dag: Dag, names: Names) -> tuple[Value, bool]:
    """The value of one parameter, and whether it is null, as an optional one of the pipeline is that was not given."""
    if "componentInputParameter" in spec:
        key = spec["componentInputParameter"]
        if key not in dag.parameters:
            raise Unresolved(f"what it is in has no input '{key}'")
        value = dag.parameters[key]
        return value, value is None
    if "taskOutputParameter" in spec:
        source = spec["taskOutputParameter"]
        return parameter(_execution(dag, source["producerTask"]), source["outputParameterKey"]), False
    if "taskFinalStatus" in spec:
        return _final_status(task, dag, names), False
    return _constant(spec["runtimeValue"].get("constant"), name, names), False


def _constant(value: Value, task: str, names: Names) -> Value:
    """A constant; one that is a placeholder of KFP's, and nothing else, is what that stands for."""
    known = {
        "{{$.pipeline_job_name}}": names.pipeline,
        "{{$.pipeline_job_resource_name}}": names.resource,
        "{{$.pipeline_job_uuid}}": names.uuid,
        "{{$.pipeline_task_name}}": task,
        "{{$.pipeline_task_uuid}}": f"{names.uuid}-{task}",
        "{{$.pipeline_job_create_time_utc}}": names.created,
        "{{$.pipeline_job_schedule_time_utc}}": names.created,
    }
    if not isinstance(value, str):
        return value_of(value)
    return known.get(value, value.replace("{{$.workspace_path}}", str(names.workspace)))


def _artifacts(key: str, spec: Spec, dag: Dag) -> Artifacts:
    if "componentInputArtifact" in spec:
        name = spec["componentInputArtifact"]
        if name not in dag.artifacts:
            raise Unresolved(f"its input '{key}' is an artifact that what it is in was not given")
        return dag.artifacts[name]
    source = spec["taskOutputArtifact"]
    return artifacts(_execution(dag, source["producerTask"]), source["outputArtifactKey"])


def _execution(dag: Dag, name: str) -> Execution:
    if name not in dag.executions:
        raise Unresolved(f"the task {name}, which it needs, was not run")
    return dag.executions[name]


def _final_status(task: Spec, dag: Dag, names: Names) -> Value:
    """What an exit handler is told of the task that it comes after: ML Metadata's state, and never an error."""
    before = _execution(dag, task["dependentTasks"][0])
    status = {"state": STATES[before.state], "pipelineTaskName": before.name}
    return {**status, "pipelineJobResourceName": names.resource, "error": {}}


def _selection(key: str, selector: str, value: Value) -> Value:
    try:
        return selected(selector, value)
    except ValueError as error:
        raise Unresolved(f"its input '{key}' cannot be had: {selector} of {text_of(value)[:200]}: {error}") from None
