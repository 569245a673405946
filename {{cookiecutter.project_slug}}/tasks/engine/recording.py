"""Inputs and outputs as the record of a run has them, and back: what lies in the project by its path from there."""

from pathlib import Path
from typing import Any

from ..files import ROOT
from ..project.parameters import whole
from .executions import Artifact, Artifacts
from .inputs import Inputs
from .values import Value, value_of


def recorded_inputs(inputs: Inputs) -> dict[str, Any]:
    return recorded(inputs.parameters, inputs.artifacts)


def recorded(parameters: dict[str, Value], artifacts: dict[str, Artifacts]) -> dict[str, Any]:
    """Parameters by their value, artifacts by type, place and metadata; a list of them where there are several."""
    found = {name: whole(value) for name, value in parameters.items()}
    for name, listed in artifacts.items():
        shown = [recorded_artifact(each) for each in listed]
        found[name] = shown[0] if len(shown) == 1 else shown
    return found


def recorded_artifact(artifact: Artifact) -> dict[str, Any]:
    found = {"type": artifact.type, "name": artifact.name, "uri": inside(artifact.uri), "metadata": artifact.metadata}
    return found | ({"path": inside(artifact.path)} if artifact.path != artifact.uri else {})


def artifact_of(found: dict[str, Any]) -> Artifact:
    uri = outside(found["uri"])
    path = outside(found["path"]) if "path" in found else uri
    return Artifact(found["type"], found["name"], uri, path, value_of(found["metadata"]))


def inputs_of(found: dict[str, Any]) -> Inputs:
    """The inputs that a record has."""
    inputs = Inputs()
    for name, value in found.items():
        listed = value if isinstance(value, list) else [value]
        if listed and all(isinstance(each, dict) and {"type", "uri", "metadata"} <= each.keys() for each in listed):
            inputs.artifacts[name] = [artifact_of(each) for each in listed]
        else:
            inputs.parameters[name] = value_of(value)
    return inputs


def inside(place: str) -> str:
    """A path of the project from its folder, so that it holds where the project is moved; anything else as it is."""
    return Path(place).relative_to(ROOT).as_posix() if Path(place).is_relative_to(ROOT) else place


def outside(place: str) -> str:
    return place if "://" in place else str(ROOT / place)
