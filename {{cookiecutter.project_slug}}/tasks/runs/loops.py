"""Where a step stands in its pipeline, and the iterations of loops: what each was given, and what it came to."""

import re
from collections.abc import Iterable
from typing import Any

from ..terminal import cut
from .metrics import Line, best, metrics, number
from .record import Run, Step, is_artifact


def task_of(step: Step) -> str:
    """The task of the pipeline that a step is a run of; one with several on a cluster has `task (2)` too."""
    return step.name.rpartition("/")[2].split(" (")[0]


def groups_of(step: Step) -> list[str]:
    """The groups of the pipeline that a step is in; of an old record, those that are part of its name."""
    if step.place:
        return [str(each["group"]) for each in step.place]
    return [re.sub(r"-iteration-\d+$", "", each) for each in step.name.split("/")[:-1]]


def iteration_of(step: Step) -> list[int]:
    """Which iteration a step is of: `[0]`, or `[0, 2]` in a loop in a loop. Empty outside of loops."""
    if step.place:
        return [each["iteration"] for each in step.place if each.get("iteration") is not None]
    return [int(each) for each in re.findall(r"-iteration-(\d+)(?=/)", step.name)]


def iterations(steps: Iterable[Step]) -> dict[str, str]:
    """What each step in a loop was given that others of its iterations were not."""
    return {
        step.name: ", ".join(f"{name}={value}" for name, value in given.items())
        for loop in _loops(steps)
        for step, given in zip(loop, _given(loop), strict=True)
    }


def note(step: Step, given: dict[str, str]) -> str:
    """What there is to say of a step: why it is where it is, or else from which run it comes and what it was given."""
    origin = f"from run {step.origin}" if step.origin else ""
    return step.reason or ", ".join(filter(None, [origin, given.get(step.name, "")]))


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
        given = _given(loop)
        known = list(dict.fromkeys(name for each in given for name in each))
        top = [best(name, [each.get(name) for each in found]) for name in measured]
        lines: list[Line] = []
        for i, step in enumerate(loop):
            which = "/".join(map(str, iteration_of(step)))
            cells = [f"iteration {which}", *(given[i].get(name, "") for name in known)]
            stars = {len(cells) + column for column, positions in enumerate(top) if i in positions}
            lines.append(([*cells, *(number(found[i][name]) if name in found[i] else "" for name in measured)], stars))
        tables.append(([task_of(loop[0]), *known, *measured], lines))
    return tables


def _loops(steps: Iterable[Step]) -> list[list[Step]]:
    """The iterations of each task that is in a loop, in their order."""
    tasks: dict[tuple[str, ...], list[Step]] = {}
    for step in steps:
        if iteration_of(step):
            tasks.setdefault((*groups_of(step), task_of(step)), []).append(step)
    return [sorted(loop, key=iteration_of) for loop in tasks.values()]


def _given(loop: list[Step]) -> list[dict[str, str]]:
    """What each iteration was given that others were not: inputs, and the loop's items where no input tells them."""
    given = _differing([{name: v for name, v in step.inputs.items() if not is_artifact(v)} for step in loop])
    items = _differing([_items(step) for step in loop])
    for name in dict.fromkeys(name for each in items for name in each):
        ran = [i for i, step in enumerate(loop) if step.started]
        if not all(items[i].get(name) in given[i].values() for i in ran):
            told = [{name: each[name]} if name in each else {} for each in items]
            given = [known | more for known, more in zip(given, told, strict=True)]
    return given


def _differing(values: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Of the values of each iteration, as text, those that are not the same in all that have them."""
    texts = [{name: _short(value) for name, value in sorted(each.items())} for each in values]
    known: dict[str, set[str]] = {}
    for each in texts:
        for name, text in each.items():
            known.setdefault(name, set()).add(text)
    return [{name: text for name, text in each.items() if len(known[name]) > 1} for each in texts]


def _items(step: Step) -> dict[str, Any]:
    """The items of the loops that a step is in: by their own names, or by that of the loop."""
    found: dict[str, Any] = {}
    for each in step.place:
        item = each.get("item")
        if each.get("iteration") is not None and item is not None and not is_artifact(item):
            found |= item if isinstance(item, dict) else {str(each["group"]): item}
    return found


def _short(value: Any) -> str:
    text = str(value)
    text = text.removesuffix(".0") if isinstance(value, float) else text  # KFP makes floats of a loop's numbers
    return cut(text, 40)
