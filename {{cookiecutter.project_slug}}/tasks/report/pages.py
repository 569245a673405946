"""The pages that are written: of a run, and of several side by side.

What comes from data is escaped. The steps' own reports are in frames that may run nothing, and the page's policy lets
nothing be fetched. A page stays below 1.5 MB: what is left out of it is said, and linked where it lies.
"""

from pathlib import Path

from ..files import ROOT, write
from ..runs.comparison import comparison
from ..runs.loops import sweeps
from ..runs.metrics import number, whole_metrics
from ..runs.record import Run, local_time
from ..runs.standing import news, runs_before, sayings, standing
from . import contents
from .drawing import Drawing
from .links import link
from .room import Room
from .step_reports import Report, step_reports
from .templates import rendered


def write_report(run: Run, metric: str = "", before: list[Run] | None = None) -> Path:
    """Write `runs/<id>/report.html`, beside it the steps' own reports in `reports/`, and return its path.

    `metric` is the number at its top, the setting `page_metric`; `before` the runs before it, where they are known.
    """
    path = run.folder / "report.html"
    before = runs_before(run) if before is None else before
    reports, more_reports = step_reports(run, run.folder, Room("reports"))
    text = rendered(
        "run.html.j2",
        title=f"{run.pipeline} {run.id}",
        run=run,
        started=local_time(run.started),
        url=contents.url(run),
        standing=standing(run, before, metric),
        sayings=sayings(run),
        before=link(before[0].folder / "report.html", path.parent, before[0].id) if before else None,
        news=news(run, before[0]) if before else [],
        metrics=[(name, number(value)) for name, value in whole_metrics(run).items()],
        sweeps=sweeps(run),
        drawing=Drawing(run) if run.graph else None,
        steps=contents.steps(run),
        bars=contents.timeline(run),
        parameters=contents.parameters(run),
        reports=reports,
        more_reports=more_reports,
        artifacts=contents.artifacts(run),
        logs=contents.logs(run),
    )
    write(path, text)
    return path


def write_comparison(compared: list[Run]) -> Path:
    """Write `build/compare.html` and return its path."""
    path = ROOT / "build" / "compare.html"
    path.parent.mkdir(exist_ok=True)
    room = Room("reports")
    beside: dict[str, list[tuple[str, Report]]] = {}  # the runs' reports by what they are of
    more_reports = False
    for run in compared:
        found, more = step_reports(run, path.parent, room)
        more_reports = more_reports or more
        for report in found:
            beside.setdefault(report.title, []).append((run.id, report))
    text = rendered(
        "comparison.html.j2",
        title=f"{compared[0].pipeline}: {len(compared)} runs",
        runs=[link(run.folder / "report.html", path.parent, run.id) for run in compared],
        sections=comparison(compared),
        beside=beside,
        more_reports=more_reports,
    )
    write(path, text)
    return path
