"""The page of the project: all its runs in a table, a metric over time, and two of them side by side."""

from pathlib import Path
from typing import NamedTuple

from ..files import ROOT, write
from ..runs.metrics import headline, number, whole_metrics
from ..runs.record import Run, local_time
from ..runs.standing import asked, number_of
from .links import Link, link
from .room import Room
from .templates import rendered
from .text import size

WIDTH, HEIGHT = 1100, 180  # of the drawing, in pixels
MARGIN = 30


class Row(NamedTuple):
    """A run in the table. `about` is what two runs are compared by: parameters and metrics by name, as text."""

    run: Run
    page: Link
    started: str
    numbers: list[str]
    about: dict[str, dict[str, str]]


class Point(NamedTuple):
    x: float
    y: float
    title: str
    page: str


class Trend(NamedTuple):
    """A metric over time, from the oldest run to the newest: points, and the lowest and the highest value."""

    metric: str
    pipeline: str
    points: list[Point]
    low: str
    high: str
    width: int = WIDTH
    height: int = HEIGHT


def write_project(runs: list[Run], metric: str = "") -> Path:
    """Write `build/runs.html`, of runs with the newest first, and return its path."""
    path = ROOT / "build" / "runs.html"
    path.parent.mkdir(exist_ok=True)
    metrics = list(dict.fromkeys(name for run in runs for name in headline(run)))[:6]
    rows = [_row(run, metrics, path.parent) for run in runs]
    room, fitted = Room("runs"), list[Row]()
    for row in rows:
        if not room.take(size(str(row.about)) + 2 * size(row.run.id) + 1500):
            break
        fitted.append(row)
    text = rendered(
        "project.html.j2",
        "project.js",
        title=f"{runs[0].pipeline}: {len(runs)} runs",
        rows=fitted,
        metrics=metrics,
        more=len(rows) - len(fitted),
        pipelines=len({run.pipeline for run in runs}) > 1,
        trend=_trend([row for row in fitted if row.run.status == "succeeded"], metric),
    )
    write(path, text)
    return path


def _row(run: Run, metrics: list[str], base: Path) -> Row:
    found = whole_metrics(run)
    about = {
        "Parameters": {name: str(value)[:200] for name, value in run.shown.items()},
        "Metrics": {name: number(value) for name, value in found.items()},
        "Images": {name: image.rpartition(":")[2] for name, image in run.images.items()},
    }
    numbers = [number(found[name]) if name in found else "" for name in metrics]
    return Row(run, link(run.folder / "report.html", base, run.id), local_time(run.started), numbers, about)


def _trend(rows: list[Row], metric: str) -> Trend | None:
    """The drawing of the number of the newest run, and of those before that learnt the same column; None below two."""
    newest = next((row.run for row in rows if number_of(row.run, metric)), None)
    if newest is None:
        return None
    name = number_of(newest, metric)
    of = [row for row in rows[::-1] if name in row.run.metrics and asked(row.run) == asked(newest)]
    values = [row.run.metrics[name] for row in of]
    low, high = min(values), max(values)
    step, span = (WIDTH - 2 * MARGIN) / max(len(of) - 1, 1), (high - low) or 1.0
    points = [
        Point(
            MARGIN + place * step,
            HEIGHT - MARGIN - (value - low) / span * (HEIGHT - 2 * MARGIN),
            f"{row.run.id}: {number(value)}",
            row.page.target,
        )
        for place, (row, value) in enumerate(zip(of, values, strict=True))
    ]
    return Trend(name, newest.pipeline, points, number(low), number(high)) if len(points) > 1 else None
