"""Runs as a terminal shows them: in a list, one whole, several compared, and while one goes on."""

from collections.abc import Mapping
from typing import Any

from ..files import ROOT
from ..terminal import Row, printable
from .comparison import comparison
from .loops import iterations, note, sweeps
from .metrics import Line, headline, number, whole_metrics
from .record import Run, elapsed, place, state
from .standing import sayings, standing


def listing(runs: list[Run], first: str = "") -> str:
    """The table of `inv runs`, with the metric `first` before those of the last step.

    Which pipeline ran is in it where it was not the same for all.
    """
    several = len({run.function for run in runs}) > 1
    rows = [["RUN", "ENGINE", "STATUS", "SECONDS", "CACHED", "METRICS"]]
    rows[0][1:1] = ["PIPELINE"] if several else []
    for run in runs:
        cached = f"{sum(step.cached for step in run.steps)}/{len(run.steps)}"
        values = {name: run.metrics[name] for name in [first] if name in run.metrics} | headline(run)
        shown = run.reason or " ".join(f"{name}={number(value)}" for name, value in values.items())
        of = [run.function] if several else []
        rows.append([run.id, *of, run.engine, run.status, f"{run.seconds:.1f}", cached, shown])
    return table(rows)


def summary(run: Run) -> dict[str, Any]:
    """What `inv runs --json` prints of a run."""
    return {
        "id": run.id,
        "pipeline": run.pipeline,
        "engine": run.engine,
        "environment": run.environment,
        "status": run.status,
        "reason": run.reason,
        "started": run.started,
        "seconds": run.seconds,
        "parameters": run.parameters,
        "metrics": run.metrics,
        "steps": [
            {"name": s.name, "status": s.status, "seconds": s.seconds, "cached": s.cached, "reason": s.reason}
            | ({"origin": s.origin} if s.origin else {})
            for s in run.steps
        ],
    }


def section(title: str, values: Mapping[str, Any]) -> list[str]:
    """The lines of a part of a page: names and values under a title; none where there are no values."""
    rows = [[f"  {name}", number(v) if isinstance(v, float) else str(v)] for name, v in values.items()]
    return ["", title, table(rows)] if rows else []


def code_text(code: Mapping[str, Any]) -> str:
    """Which code it was: the commit, and whether that is all; empty where it is not known."""
    commit = printable(str(code.get("commit", ""))[:12])
    return f"{commit}{' with uncommitted changes' if code.get('changed') else ''}" if commit else ""


def details(run: Run) -> str:
    """The page of `inv runs.show`."""
    lines = [f"run {run.id}  {run.status}  {run.seconds:.1f} s on {printable(run.engine)}"]
    if run.reason:
        lines.append(f"  {printable(run.reason)}")
    given = iterations(run.steps)
    steps = [[f"  {s.name}", state(s), f"{s.seconds:.1f} s", note(s, given)] for s in run.steps]
    lines += ["", "STEPS", table(steps)]
    lines += [*section("PARAMETERS", run.shown), *section("METRICS", whole_metrics(run))]
    for header, rows_of in sweeps(run):
        lines += ["", starred(header, rows_of)]
    lines += ["", "OUTPUTS"]
    outputs = [[f"  {s.name}", name, place(value)] for s in run.steps for name, value in s.outputs.items()]
    lines.append(table(outputs) if outputs else "  none")
    if code := code_text(run.code):
        lines += ["", f"code    {code}"]
    if run.environment:
        lines.append(f"of      the environment {printable(run.environment)}")
    lines.append(f"again   {printable(run.command)}")
    if run.remote:
        lines += [
            f"{name:<8}{printable(run.remote.get(key, ''))}" for name, key in (("version", "version"), ("page", "url"))
        ]
        lines += [f"note    {printable(run.remote['note'])}"] if "note" in run.remote else []
    lines.append(f"report  {(run.folder / 'report.html').relative_to(ROOT)}")
    return "\n".join(lines)


def ending(run: Run, before: list[Run], metric: str = "") -> str:
    """What is said of a run at its end: how it went, its one number, what to hold that against, and where the rest is.

    All its metrics are there where none is its number. A failed or stopped run has a sentence of its own, elsewhere.
    """
    lines = []
    cached = sum(step.cached for step in run.steps)
    if cached and cached == len(run.steps):
        lines.append("nothing changed: every step was served from the cache (inv run --no-cache runs them all)")
    elif run.status == "succeeded":
        from_cache = f", {cached} of {len(run.steps)} steps from the cache" if cached else ""
        lines.append(f"succeeded in {run.seconds:.1f} s{from_cache}")
    whole = whole_metrics(run)
    if found := standing(run, before, metric):
        change = f", {found.change} since the run before" if found.change else ""
        lines.append(f"  {printable(found.name)} {found.value}{change}")
        beside = ", ".join(f"{each.name} {each.value}" for each in found.beside)
        lines += [f"  {beside}"] if beside else []
    else:
        lines += [f"  {printable(name)} {number(value)}" for name, value in whole.items()]
    for header, rows in sweeps(run):
        lines.append(starred([f"  {header[0]}", *header[1:]], rows))
    lines += [f"  {printable(said)}" for said in sayings(run)]
    lines.append(f"report: {(run.folder / 'report.html').relative_to(ROOT)}")
    if run.status == "succeeded":
        all_of_them = f" (all {len(whole)} metrics)" if found and len(whole) > 1 else ""
        compare = ", inv runs.compare" if before else ""
        lines.append(f"next: inv runs.report --open, inv runs.show{all_of_them}{compare}")
    return "\n".join(lines)


def compared_text(compared: list[Run]) -> str:
    """The table of `inv runs.compare`, the best of each metric marked."""
    lines = []
    for title, rows in comparison(compared).items():
        lines += [starred([title, *(run.id for run in compared)], rows), ""]
    return "\n".join([*lines, "* the best of them"])


def starred(header: list[str], lines: list[Line]) -> str:
    """A table, with a star at the best of each metric."""
    cells = [[f"{cell} *" if i in best else cell for i, cell in enumerate(row)] for row, best in lines]
    return table([header, *([f"  {first}", *rest] for first, *rest in cells)])


def table(rows: list[list[str]]) -> str:
    """Rows of text in aligned columns; a text that would move the terminal's cursor does not."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def rows(run: Run) -> list[Row]:
    """The steps as a terminal shows them while they run."""
    found, steps = [], list(run.steps)
    given = iterations(steps)
    for step in steps:
        running = step.status == "running"  # a step counts as cached until it is known that it is not
        spent = elapsed(step.started) if running and step.started else step.seconds
        shown = step.status if running else state(step)
        found.append(Row(step.name, shown, spent if step.started else None, note(step, given)))
    return found
