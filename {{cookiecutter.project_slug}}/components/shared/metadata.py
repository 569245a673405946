"""What a step tells Kubeflow Pipelines of the artifacts it wrote: metrics, curves, and whatever a run should show."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.masking import masked_values
from shared.step import StepError, write_text


def write_metadata(executor_input: str, metadata: Mapping[str, Mapping[str, Any]]) -> None:
    """Tell KFP the metadata of output artifacts, by name, without credentials.

    `executor_input` is its `{executorInput: null}`, or empty.
    """
    if not executor_input:
        return
    outputs, artifacts = json.loads(executor_input)["outputs"], {}
    for name, declared in outputs.get("artifacts", {}).items():
        # Values that are not finite have no place in JSON.
        kept = masked_values(metadata.get(name, {}))
        given = {k: v for k, v in kept.items() if not isinstance(v, float) or math.isfinite(v)}
        artifacts[name] = {"artifacts": [{"name": name, "uri": declared["artifacts"][0]["uri"], "metadata": given}]}
    write_text(Path(outputs["outputFile"]), json.dumps({"artifacts": artifacts}, allow_nan=False))


def write_metrics(path: Path, metrics: Mapping[str, float]) -> None:
    """The file of an artifact of type Metrics: a line of name and number for each."""
    write_text(path, "".join(f"{name} {value}\n" for name, value in metrics.items()))


def read_metrics(path: Path) -> dict[str, float]:
    """What `write_metrics` has written."""
    try:
        return {name: float(value) for name, value in map(str.split, path.read_text(encoding="utf-8").splitlines())}
    except ValueError as problem:
        said = f"{path.name} has not a name and a number on each line: {problem}"
        raise StepError(f"{said}. Mend what wrote it.") from problem


def read_metadata(executor_input: str, name: str) -> dict[str, Any]:
    """What the step that wrote the input artifact `name` told of it; nothing without `executor_input`."""
    if not executor_input:
        return {}
    listed = json.loads(executor_input)["inputs"].get("artifacts", {}).get(name, {}).get("artifacts") or [{}]
    metadata: dict[str, Any] = listed[0].get("metadata") or {}
    # KFP keeps a mapping as {"struct": ...}, and each number as one with a fraction.
    mappings = {key: value["struct"] if _is_struct(value) else value for key, value in metadata.items()}
    return {key: _whole(value) for key, value in mappings.items()}


def run_of(executor_input: str, output: str) -> str:
    """The id of the run that a step belongs to: on a cluster, and in the folder runs/, its artifacts lie under that.

    An input would tell it too, and keep the step from ever being served from the cache.
    """
    if not executor_input:
        return ""
    uri: str = json.loads(executor_input)["outputs"]["artifacts"][output]["artifacts"][0]["uri"]
    return ["", "", "", "", *uri.split("/")][-4]


def _is_struct(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"struct"} and isinstance(value["struct"], dict)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def confusion_matrix_metadata(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Metadata of a ClassificationMetrics artifact: rows are the true labels, columns the predicted ones."""
    specs = [{"displayName": label} for label in labels]
    return {"confusionMatrix": {"annotationSpecs": specs, "rows": [{"row": list(row)} for row in matrix]}}


def roc_metadata(fpr: Sequence[float], tpr: Sequence[float], thresholds: Sequence[float]) -> dict[str, Any]:
    """Metadata of a ClassificationMetrics artifact: the ROC curve in about 100 points, which is enough to draw it."""
    points = []
    for i in [*range(0, len(fpr) - 1, math.ceil(len(fpr) / 100)), len(fpr) - 1]:
        threshold = min(float(thresholds[i]), 1.0)  # scikit-learn's first is infinite: nothing is predicted positive
        points.append({"confidenceThreshold": threshold, "recall": float(tpr[i]), "falsePositiveRate": float(fpr[i])})
    return {"confidenceMetrics": points}
