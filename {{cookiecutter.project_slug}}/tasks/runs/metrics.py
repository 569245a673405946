"""The metrics of runs: found in what the steps gave, sorted by, and which of several is the best."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ..terminal import fail
from .record import Run, Step

Line = tuple[list[str], set[int]]  # of a table: its cells, and which of them are the best of a metric


def numbers(metadata: dict[str, Any]) -> dict[str, float]:
    """The scalar metrics in an artifact's metadata."""
    return {
        name: value
        for name, value in sorted(metadata.items())
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def metrics(steps: Iterable[Step]) -> dict[str, float]:
    """All scalar metrics of a run, flat. A name is led by its step's where several steps give it, and in loops."""
    found: list[tuple[str, str, float]] = []
    for step in steps:
        for artifact in step.outputs.values():
            if isinstance(artifact, dict) and artifact.get("type") == "system.Metrics":
                found += [(step.name, name, value) for name, value in numbers(artifact["metadata"]).items()]
    names = [name for step, name, _ in found if "/" not in step]
    plain = {name for name, count in Counter(names).items() if count == 1}
    return {name if name in plain and "/" not in step else f"{step}.{name}": value for step, name, value in found}


USUAL = ("accuracy", "r2")  # the number of a run whose settings name none


def headline(run: Run) -> dict[str, float]:
    """What the run came to: the metrics of the last step that gave a usual one, or else of the last that gave any."""
    whole = reversed([step for step in run.steps if "/" not in step.name])
    given = [found for step in whole if (found := metrics([step]))]
    return next((found for found in given if not found.keys().isdisjoint(USUAL)), given[0] if given else {})


def whole_metrics(run: Run) -> dict[str, float]:
    """The metrics that are not of an iteration of a loop."""
    return {name: value for name, value in run.metrics.items() if not of_iteration(name)}


def of_iteration(name: str) -> bool:
    """Whether a metric is of one iteration of a loop."""
    return bool(re.search(r"-iteration-\d+/", name))


def sorted_by(runs: list[Run], name: str) -> list[Run]:
    """Runs by a metric or `seconds`, the best first, those without it last. Raises `Exit` for a name that none has."""
    known = {metric for run in runs for metric in run.metrics} | {"seconds"}
    if name not in known:
        shown = sorted(metric for metric in known if not of_iteration(metric))
        raise fail(f"no run has a metric '{name}'; there are: {', '.join(shown)}.")
    value = {run.id: run.seconds if name == "seconds" else run.metrics.get(name) for run in runs}
    sign = 1 if lower_is_better(name) else -1
    return sorted(runs, key=lambda run: (value[run.id] is None, sign * (value[run.id] or 0)))


def lower_is_better(metric: str) -> bool:
    words = ("rmse", "mae", "mse", "loss", "error", "std", "seconds", "drifted", "psi")
    return any(word in metric.lower().split(".")[-1].split("_") for word in words)


def best(metric: str, values: list[float | None]) -> set[int]:
    """The positions of the best of several values; none where all are the same."""
    found = [value for value in values if value is not None]
    if len(set(found)) < 2:
        return set()
    top = min(found) if lower_is_better(metric) else max(found)
    return {position for position, value in enumerate(values) if value == top}


def number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"
