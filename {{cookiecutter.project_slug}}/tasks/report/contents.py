"""What is on the page of a run, section by section, for run.html.j2 to show."""

import re
from typing import Any, NamedTuple

from ..files import ROOT
from ..runs.loops import iterations, note
from ..runs.record import Run, Step, is_artifact, kept_at, moment, state, tail
from .links import Link, bytes_of, link
from .room import LISTED, Room
from .text import last, size

BARS = 100  # of the timeline
LINES = 200  # of a log, of which no more than 64 KB are read


def url(run: Run) -> str:
    """The page of a run in the UI of Kubeflow Pipelines; empty where it has none."""
    found = str(run.remote.get("url", ""))
    return found if re.match("https?://", found) else ""


class StepLine(NamedTuple):
    name: str
    log: str  # where in the page its log is; empty where it has none
    state: str
    seconds: float | None
    note: str


def steps(run: Run) -> list[StepLine]:
    """The steps, with what went wrong or what an iteration was given."""
    given = iterations(run.steps)
    return [
        StepLine(
            step.name,
            f"#log-{number}" if bytes_of(run.log(step.name)) else "",
            state(step),
            step.seconds if step.started else None,
            note(step, given),
        )
        for number, step in enumerate(run.steps)
    ]


class Bar(NamedTuple):
    """A step in the timeline; `start` and `width` are percents of the whole."""

    number: int
    name: str
    title: str
    state: str
    seconds: float
    start: float
    width: float


def timeline(run: Run) -> tuple[list[Bar], int]:
    """The first steps that ran, in the order they started, and how many ran in all."""
    timed = [(step, moment(step.started)) for step in run.steps if step.started]
    known = sorted(((step, start) for step, start in timed if start is not None), key=lambda each: each[1])
    ran = known[:BARS]
    if not ran:
        return [], 0
    first, given = ran[0][1], iterations(run.steps)
    whole = max(max(start - first + step.seconds for step, start in ran), 0.1)
    bars = [
        Bar(
            number,
            step.name,
            f"{step.name.rpartition('/')[2]} {given.get(step.name, '')}".rstrip(),
            state(step),
            step.seconds,
            min((start - first) / whole * 100, 99.6),
            max(step.seconds / whole * 100, 0.4),
        )
        for number, (step, start) in enumerate(ran)
    ]
    return bars, len(known)


class Parameter(NamedTuple):
    name: str
    value: Any
    default: Any
    differs: bool


def parameters(run: Run) -> list[Parameter]:
    """The parameters, and the pipeline's defaults, from which they may differ."""
    found = [(name, value, run.defaults.get(name, value)) for name, value in run.shown.items()]
    return [Parameter(name, value, default, value != default) for name, value, default in found]


class Artifact(NamedTuple):
    step: str
    way: str
    name: str
    rows: str
    columns: str
    bytes: str
    place: Link | str


def artifacts(run: Run) -> list[Artifact]:
    """What went into each step and what came out: its size, and where it is."""
    return [
        _artifact(run, step, way, name, artifact)
        for step in run.steps
        for way, values in (("in", step.inputs), ("out", step.outputs))
        for name, value in values.items()
        for artifact in (value if isinstance(value, list) else [value])
        if is_artifact(artifact)
    ]


def _artifact(run: Run, step: Step, way: str, name: str, artifact: dict[str, Any]) -> Artifact:
    metadata, uri = artifact.get("metadata") or {}, str(artifact["uri"])
    counts = [metadata.get(key) for key in ("rows", "columns")]  # KFP makes floats of them
    rows, columns = (f"{count:,.0f}" if isinstance(count, int | float) else "" for count in counts)
    kept = kept_at(artifact)
    here = 0 if not kept or "://" in kept else bytes_of(ROOT / kept)
    place = link(ROOT / kept, run.folder, kept) if here else uri
    return Artifact(step.name, way, name, rows, columns, f"{here:,}" if here else "", place)


class Log(NamedTuple):
    number: int
    step: str
    failed: bool
    text: str
    whole: Link | None  # where this is but the end of it


def logs(run: Run) -> tuple[list[Log], int]:
    """The last lines of each log, those of failed steps with the most room, and how many more there are."""
    found = [(number, step) for number, step in enumerate(run.steps) if bytes_of(run.log(step.name))]
    found.sort(key=lambda each: each[1].status != "failed")
    room, parts = Room("logs"), list[Log]()
    for number, step in found[:LISTED]:
        path, failed = run.log(step.name), step.status == "failed"
        whole = link(path, run.folder, "the whole log")
        if not room.take(2 * size(step.name) + len(whole.target) + 300):
            break
        said = tail(path, LINES + 1)
        text = last("\n".join(said.splitlines()[-LINES:]), room.left // (2 if failed else len(found) - len(parts)))
        room.take(size(text))
        is_cut = len(text) < len(said) or bytes_of(path) > 64 * 1024
        parts.append(Log(number, step.name, failed, text, whole if is_cut else None))
    return sorted(parts), len(found) - len(parts)
