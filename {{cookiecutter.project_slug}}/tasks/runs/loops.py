"""The iterations of loops: what each was given, and what it came to."""

import re
from collections.abc import Iterable
from typing import Any

from .metrics import Line, best, iteration, metrics, number
from .record import Run, Step, is_artifact


def iterations(steps: Iterable[Step]) -> dict[str, str]:
    """What each step in a loop was given that others of its iterations were not."""
    return {
        step.name: ", ".join(f"{name}={value}" for name, value in given.items())
        for loop in _loops(steps)
        for step, given in zip(loop, _varied(loop), strict=True)
    }


def sweeps(run: Run) -> list[tuple[list[str], list[Line]]]:
    """A table of the metrics of each task in a loop: its header, and what each iteration was given and came to."""
    tables = []
    for loop in _loops(run.steps):
        found = [
            {name.removeprefix(f"{step.name}."): value for name, value in metrics([step]).items()} for step in loop
        ]
        measured = list(dict.fromkeys(name for each in found for name in each))
        if not measured:
            continue
        given = _varied(loop)
        known = list(dict.fromkeys(name for each in given for name in each))
        top = [best(name, [each.get(name) for each in found]) for name in measured]
        lines: list[Line] = []
        for i, step in enumerate(loop):
            cells = [f"iteration {iteration(step.name)}", *(given[i].get(name, "") for name in known)]
            stars = {len(cells) + column for column, positions in enumerate(top) if i in positions}
            lines.append(([*cells, *(number(found[i][name]) if name in found[i] else "" for name in measured)], stars))
        tables.append(([loop[0].name.rpartition("/")[2], *known, *measured], lines))
    return tables


def _loops(steps: Iterable[Step]) -> list[list[Step]]:
    """The iterations of each task that is in a loop, in their order."""
    tasks: dict[str, list[Step]] = {}
    for step in steps:
        if iteration(step.name):
            tasks.setdefault(re.sub(r"-iteration-\d+(?=/)", "", step.name), []).append(step)
    return [sorted(loop, key=lambda step: [int(i) for i in iteration(step.name).split("/")]) for loop in tasks.values()]


def _varied(loop: list[Step]) -> list[dict[str, str]]:
    """The inputs of each iteration that are not the same in all of them, artifacts aside."""
    inputs = [{name: _short(value) for name, value in s.inputs.items() if not is_artifact(value)} for s in loop]
    names = {name for each in inputs for name in each}
    values = {name: {each.get(name) for each in inputs} for name in names}
    return [{name: value for name, value in sorted(each.items()) if len(values[name]) > 1} for each in inputs]


def _short(value: Any) -> str:
    text = str(value)
    text = text.removesuffix(".0") if isinstance(value, float) else text  # KFP makes floats of a loop's numbers
    return text if len(text) <= 40 else f"{text[:39]}…"
