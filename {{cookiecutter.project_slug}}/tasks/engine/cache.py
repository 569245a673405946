"""Steps that need not run again: their outputs, kept by all that decides them (driver/cache.go)."""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from ..files import write
from ..masking import masked_values
from ..project.pipelines import FIRST
from ..runs.record import RUNS
from .executions import Artifact, Artifacts, Spec
from .inputs import Inputs
from .recording import artifact_of, inside, recorded_artifact
from .values import Value, json_text, value_of

CACHE = RUNS / ".cache"


def key_of(pipeline: str, container: Spec, component: Spec, inputs: Inputs) -> str:
    """A digest of all that decides what a step gives: image, command, environment, inputs, and what it declares.

    As on a cluster, another pipeline is not served what one has made (driver/cache.go asks with the pipeline's name).

    An artifact counts by its place, since no run writes into another's; one that lies outside of them, by its size and
    time as well.
    """
    artifacts = {
        name: [[inside(artifact.uri), None if _of_a_run(artifact) else _stamp(artifact)] for artifact in found]
        for name, found in inputs.artifacts.items()
    }
    decisive = {
        "image": container.get("image"),
        "command": [*container.get("command", []), *container.get("args", [])],
        "environment": container.get("env", []),
        "parameters": json_text(inputs.parameters),
        "artifacts": artifacts,
        "outputs": component.get("outputDefinitions", {}),
    }
    decisive |= {"pipeline": pipeline} if pipeline != FIRST else {}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _of_a_run(artifact: Artifact) -> bool:
    return Path(artifact.path).is_relative_to(RUNS)


def _stamp(artifact: Artifact) -> list[int] | None:
    """How many files an artifact has, their bytes, and the newest one's time; None where there is none."""
    path = Path(artifact.path)
    with contextlib.suppress(OSError):
        files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
        found = [each.stat() for each in files]
        return [len(found), sum(each.st_size for each in found), max((each.st_mtime_ns for each in found), default=0)]
    return None


def _stamps(artifacts: dict[str, Artifacts]) -> dict[str, list[Any]]:
    return {name: [_stamp(each) for each in found] for name, found in artifacts.items()}


def kept(engine: str, key: str) -> tuple[dict[str, Value], dict[str, Artifacts]] | None:
    """The outputs of an earlier run of the same step; None where there are none, or where they were changed since."""
    try:
        found = json.loads((CACHE / engine / f"{key}.json").read_text(encoding="utf-8"))
        artifacts = {name: [artifact_of(each) for each in listed] for name, listed in found["artifacts"].items()}
        return (value_of(found["parameters"]), artifacts) if found["stamps"] == _stamps(artifacts) else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # none, or one that was cut: it is made anew
        return None


def keep(engine: str, key: str, parameters: dict[str, Value], artifacts: dict[str, Artifacts]) -> None:
    """Keep the outputs of a step that ended well; not those with credentials, which no file is to hold."""
    shown = {name: [recorded_artifact(each) for each in found] for name, found in artifacts.items()}
    entry = {"parameters": parameters, "artifacts": shown, "stamps": _stamps(artifacts)}
    if masked_values(entry) != entry:
        return
    folder = CACHE / engine
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / f"{key}.json", json.dumps(entry))
