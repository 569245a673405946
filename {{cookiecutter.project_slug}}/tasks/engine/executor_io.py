"""What a step is given and what it leaves, as files: KFP's executor input and output."""

import json
from collections.abc import Container
from pathlib import Path
from typing import Any

from ..project.parameters import whole
from .executions import Artifact, Artifacts, Spec
from .inputs import Inputs
from .values import Value, parsed, read_back, value_of

METRICS = ("system.Metrics", "system.ClassificationMetrics", "system.SlicedClassificationMetrics")


class StepFailed(Exception):
    """A step did not do what it declares; the message says what, and what to do."""


def executor_input(inputs: Inputs, component: Spec, folder: Path) -> dict[str, Any]:
    """KFP's `ExecutorInput` for a task whose outputs are to lie in `folder` (driver/driver.go, provisionOutputs).

    Raises `ValueError` for metadata that KFP cannot keep.
    """
    outputs = component.get("outputDefinitions", {})
    artifacts = {
        name: {
            "artifacts": [
                {
                    "name": name,
                    "uri": str(folder / name),
                    "type": declared.get("artifactType", {}),
                    "metadata": declared.get("metadata", {}),
                }
            ]
        }
        for name, declared in outputs.get("artifacts", {}).items()
    }
    parameters = {name: {"outputFile": str(folder / name)} for name in outputs.get("parameters", {})}
    values = {name: whole(value) for name, value in inputs.parameters.items()}
    return {
        "inputs": {
            "parameterValues": values | _defaults(component, values),
            "artifacts": {name: {"artifacts": _runtime(found)} for name, found in inputs.artifacts.items()},
        },
        "outputs": {
            "parameters": parameters,
            "artifacts": artifacts,
            "outputFile": str(folder / "executor_output.json"),
        },
    }


def _defaults(component: Spec, given: dict[str, Any]) -> dict[str, Any]:
    """The defaults of inputs that were not given (component/launcher_v2.go, addDefaultParams)."""
    definitions = component.get("inputDefinitions", {}).get("parameters", {})
    left = {name: each for name, each in definitions.items() if name not in given and "defaultValue" in each}
    return {name: whole(value_of(each["defaultValue"])) for name, each in left.items()}


def _runtime(found: Artifacts) -> list[dict[str, Any]]:
    """Artifacts as KFP's `RuntimeArtifact`."""
    return [
        {
            "name": artifact.name,
            "uri": artifact.uri,
            "type": {"schemaTitle": artifact.type},
            "metadata": whole(read_back(artifact.metadata)),
            **({"customPath": artifact.path} if artifact.path != artifact.uri else {}),
        }
        for artifact in found
    ]


def collected(
    given: dict[str, Any], component: Spec, written: dict[str, Any]
) -> tuple[dict[str, Value], dict[str, Artifacts], list[str]]:
    """The outputs of a step that ended well: parameters, artifacts, and the artifacts that it did not write.

    `written` is its executor output. Raises `StepFailed` for a parameter that is missing or of another type
    (component/launcher_v2.go, collectOutputParameters); a missing artifact is allowed there, and so it is here.
    """
    parameters = dict(written.get("parameterValues") or {})
    declared = component.get("outputDefinitions", {}).get("parameters", {})
    for name, place in given["outputs"]["parameters"].items():
        if name not in parameters:
            parameters[name] = _parameter(name, Path(place["outputFile"]), declared[name].get("parameterType", ""))
    artifacts: dict[str, Artifacts] = {}
    missing = []
    for name, output in given["outputs"]["artifacts"].items():
        artifact, told = _artifact(output["artifacts"][0], (written.get("artifacts") or {}).get(name))
        artifacts[name] = [artifact]
        if not Path(artifact.path).exists() and not (told and artifact.type in METRICS):
            missing.append(name)
    return {name: value_of(value) for name, value in parameters.items()}, artifacts, missing


def custom_paths(given: dict[str, Any], written: dict[str, Any]) -> dict[str, Path]:
    """Where a step that ended well says it put artifacts instead of where it was told to, and where those belong."""
    declared = given["outputs"]["artifacts"]
    return {
        str(place): Path(declared[name]["artifacts"][0]["uri"])
        for name, listed in (written.get("artifacts") or {}).items()
        if name in declared and (told := listed.get("artifacts"))
        if (place := told[0].get("customPath") or told[0].get("custom_path"))  # protobuf's JSON knows both names
    }


def executor_output(given: dict[str, Any]) -> dict[str, Any]:
    """The `ExecutorOutput` that a step may write, as JSON. Raises `StepFailed` where KFP could not read it."""
    path = given["outputs"]["outputFile"]
    if not Path(path).exists():  # as after most steps that are no lightweight components
        return {}
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StepFailed(f"wrote executor-output metadata that cannot be read: {error}") from error
    try:
        found = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise StepFailed(f"wrote executor-output metadata that KFP cannot read: {error}") from error
    if not isinstance(found, dict):
        raise StepFailed("wrote executor-output metadata that KFP cannot read: it is no JSON object")
    return found


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number in JSON; leave out values that are not finite")


def _parameter(name: str, path: Path, kind: str) -> Value:
    try:
        return parsed(path.read_text(encoding="utf-8"), kind)
    except FileNotFoundError:
        raise StepFailed(
            f"ended well, but did not write its output '{name}'; write it to the path the step is given"
        ) from None
    except (OSError, ValueError) as error:
        raise StepFailed(f"wrote an output of another type than it declares: {name}: {error}") from error


def _artifact(declared: dict[str, Any], written: dict[str, Any] | None) -> tuple[Artifact, bool]:
    """An output artifact, with what the step told of it, and whether it told anything (mergeRuntimeArtifacts)."""
    told = ((written or {}).get("artifacts") or [{}])[0]
    metadata = {**declared["metadata"], **(told.get("metadata") or {})}
    uri = str(told.get("uri") or declared["uri"]).removeprefix("file://")
    kind = declared["type"].get("schemaTitle") or declared["type"].get("instanceSchema") or "system.Artifact"
    return Artifact(kind, declared["name"], uri, uri, value_of(metadata)), bool(told)


def texts_of(given: dict[str, Any]) -> list[Path]:
    """The files in which a step told its parameters and metadata."""
    outputs = given.get("outputs", {})
    places = [place["outputFile"] for place in outputs.get("parameters", {}).values()]
    return [Path(place) for place in (*places, outputs.get("outputFile")) if place]


def unfinished(given: dict[str, Any], kinds: Container[str]) -> dict[str, Artifacts]:
    """The artifacts of some kinds that a step wrote before it failed: a report may say more than its last words."""
    found = {}
    for name, output in given["outputs"]["artifacts"].items():
        artifact, _ = _artifact(output["artifacts"][0], None)
        if artifact.type in kinds and Path(artifact.path).is_file():
            found[name] = [artifact]
    return found
