"""Run records: what a run was, kept in `runs/<id>/run.json`, listed, shown, and drawn as one HTML page."""

import json
import math
import os
import subprocess
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from .project import ROOT, fail, write

RUNS = ROOT / "runs"
_saving = threading.Lock()


@dataclass
class Step:
    """One task of a run. `status`: waiting, running, succeeded, failed, stopped or skipped."""

    name: str
    component: str = ""
    status: str = "waiting"
    cached: bool = False
    started: str | None = None
    seconds: float = 0.0
    reason: str | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)


@dataclass
class Run:
    """A run's record. `status`: running, succeeded, failed or stopped; `started`: ISO 8601, UTC; `seconds`: in all.

    `remote` is there for a run on a cluster: `host`, `run_id` there, the pipeline's `version` and the `url` in the UI.
    """

    id: str
    pipeline: str
    engine: str
    parameters: dict[str, Any]
    command: str = ""
    status: str = "running"
    reason: str | None = None
    started: str = ""
    seconds: float = 0.0
    pid: int | None = None
    code: dict[str, Any] = field(default_factory=dict)
    template_version: str = ""
    images: dict[str, str] = field(default_factory=dict)
    remote: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return RUNS / self.id

    def log(self, step: str) -> Path:
        return self.folder / "logs" / f"{step.replace('/', '.')}.log"

    def save(self) -> None:
        """Write `run.json` whole or not at all."""
        with _saving:
            write(self.folder / "run.json", json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def elapsed(since: str) -> float:
    """Seconds between an ISO 8601 time and now."""
    return round((datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds(), 3)


def create(**values: Any) -> Run:
    """A new run with a folder of its own, named for the local time it starts."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    name, count = stamp, 1
    while True:
        try:
            (RUNS / name / "logs").mkdir(parents=True)
            break
        except FileExistsError:
            count += 1
            name = f"{stamp}-{count}"
    return Run(id=name, started=now(), pid=os.getpid(), code=code_version(), **values)


def code_version() -> dict[str, Any]:
    """The git commit of the project and whether the work tree differs from it; empty where there is no git."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
        if commit.returncode:
            return {}
        status = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return {}
    return {"commit": commit.stdout.strip(), "changed": bool(status.stdout.strip())}


def load(folder: Path) -> Run | None:
    """The record in a run's folder, or None where there is none that can be read.

    A run that says "running" while its process is gone was stopped without a chance to say so.
    """
    try:
        values = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        run = Run(**{**values, "steps": [Step(**step) for step in values["steps"]]})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if run.status == "running" and run.pid:
        import psutil

        if not psutil.pid_exists(run.pid):
            run.status, run.reason = "stopped", "its process ended without finishing the run"
            for step in run.steps:
                if step.status in ("running", "waiting"):
                    step.status = "stopped" if step.status == "running" else "skipped"
    return run


def newest_first() -> list[Run]:
    """All runs that have a record."""
    found = [load(path.parent) for path in RUNS.glob("*/run.json")]
    return sorted((run for run in found if run), key=lambda run: (run.started, run.id), reverse=True)


def find(wanted: str | None) -> Run:
    """The run with this id, or whose id starts like it; the newest for None. Raises `Exit` where there is none."""
    runs = newest_first()
    if not runs:
        raise fail("there is no run yet; start one with: inv run")
    if wanted is None:
        return runs[0]
    matches = [run for run in runs if run.id == wanted] or [run for run in runs if run.id.startswith(wanted)]
    if len(matches) != 1:
        known = ", ".join(run.id for run in (matches or runs)[:5])
        raise fail(f"{'several runs start' if matches else 'no run has an id that starts'} with '{wanted}': {known}.")
    return matches[0]


def step_of(run: Run, name: str) -> Step:
    """The step of a run with this name. Raises `Exit` with the names there are."""
    for step in run.steps:
        if step.name == name:
            return step
    raise fail(f"run {run.id} has no step '{name}'; its steps are {', '.join(step.name for step in run.steps)}.")


def started_step(name: str, wanted: str) -> tuple[Run, Step]:
    """A step that has inputs to run again with, and its run: the one asked for, or else the newest that has it.

    Raises `Exit` where there is none, with the names there are.
    """
    candidates = [find(wanted)] if wanted else newest_first()
    for run in candidates:
        for step in run.steps:
            if step.name == name and step.component:
                return run, step
    if not candidates:
        raise fail("there is no run yet; start one with: inv run")
    known = sorted({step.name for run in candidates for step in run.steps if step.component})
    where = f"run {candidates[0].id}" if wanted else "any run"
    raise fail(f"no step '{name}' has started in {where}; these have: {', '.join(known) or 'none'}.")


def summary(run: Run) -> dict[str, Any]:
    """What `inv runs --json` prints of a run."""
    return {
        "id": run.id,
        "pipeline": run.pipeline,
        "engine": run.engine,
        "status": run.status,
        "reason": run.reason,
        "started": run.started,
        "seconds": run.seconds,
        "parameters": run.parameters,
        "metrics": run.metrics,
        "steps": [
            {"name": s.name, "status": s.status, "seconds": s.seconds, "cached": s.cached, "reason": s.reason}
            for s in run.steps
        ],
    }


def numbers(metadata: dict[str, Any]) -> dict[str, float]:
    """The scalar metrics in an artifact's metadata."""
    return {
        name: value
        for name, value in sorted(metadata.items())
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def metrics(steps: Iterable[Step]) -> dict[str, float]:
    """All scalar metrics of a run, flat. A name that several steps give is led by the step's name."""
    found: list[tuple[str, str, float]] = []
    for step in steps:
        for artifact in step.outputs.values():
            if isinstance(artifact, dict) and artifact.get("type") == "system.Metrics":
                found += [(step.name, name, value) for name, value in numbers(artifact["metadata"]).items()]
    names = [name for _, name, _ in found]
    return {name if names.count(name) == 1 else f"{step}.{name}": value for step, name, value in found}


def table(rows: list[list[str]]) -> str:
    """Rows of text in aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def listing(runs: list[Run]) -> str:
    """The table of `inv runs`."""
    rows = [["RUN", "ENGINE", "STATUS", "SECONDS", "CACHED", "METRICS"]]
    for run in runs:
        cached = f"{sum(step.cached for step in run.steps)}/{len(run.steps)}"
        shown = run.reason or " ".join(f"{name}={number(value)}" for name, value in headline(run).items())
        rows.append([run.id, run.engine, run.status, f"{run.seconds:.1f}", cached, shown])
    return table(rows)


def headline(run: Run) -> dict[str, float]:
    """The metrics of the last step that gave any: what the run came to."""
    for step in reversed(run.steps):
        if found := metrics([step]):
            return found
    return {}


def details(run: Run) -> str:
    """The page of `inv runs.show`."""
    lines = [f"run {run.id}  {run.status}  {run.seconds:.1f} s on {run.engine}"]
    if run.reason:
        lines.append(f"  {run.reason}")
    lines += ["", "STEPS", table([[f"  {s.name}", state(s), f"{s.seconds:.1f} s", s.reason or ""] for s in run.steps])]
    for title, values in (("PARAMETERS", run.parameters), ("METRICS", run.metrics)):
        if values:
            rows = [[f"  {name}", number(v) if isinstance(v, float) else str(v)] for name, v in values.items()]
            lines += ["", title, table(rows)]
    lines += ["", "OUTPUTS"]
    outputs = [[f"  {s.name}", name, place(value)] for s in run.steps for name, value in s.outputs.items()]
    lines.append(table(outputs) if outputs else "  none")
    commit = run.code.get("commit")
    if commit:
        lines += ["", f"code    {commit[:12]}{' with uncommitted changes' if run.code.get('changed') else ''}"]
    lines.append(f"again   {run.command}")
    if run.remote:
        lines += [f"version {run.remote['version']}", f"page    {run.remote['url']}"]
    else:
        lines.append(f"report  {(run.folder / 'report.html').relative_to(ROOT)}")
    return "\n".join(lines)


def state(step: Step) -> str:
    return "cached" if step.cached else step.status


def place(value: Any) -> str:
    """An output for the eye: an artifact's path, or a parameter's value."""
    return str(value.get("uri")) if isinstance(value, dict) and "uri" in value else str(value)


_STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #cf222e; --idle: #6e7781; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --bad: #ff7b72; --idle: #9198a1; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; } .wide { overflow-x: auto; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.succeeded, .cached { color: var(--good); } .failed, .stopped { color: var(--bad); } .skipped { color: var(--idle); }
iframe { width: 100%; height: 36rem; border: 1px solid var(--line); border-radius: 6px; background: Canvas; }
pre { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; padding: .8rem; max-height: 24rem; }
summary { cursor: pointer; } code { overflow-wrap: anywhere; }
"""


def _html_table(header: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def report(run: Run) -> Path:
    """Write `runs/<id>/report.html`, one page that needs no server and no network, and return its path.

    The steps' own HTML reports are shown in sandboxed frames: what they hold can neither run nor reach the page.
    """
    rows = []
    for step in run.steps:
        mark = f'<span class="{escape(state(step))}">{escape(state(step))}</span>'
        rows.append([escape(step.name), mark, f"{step.seconds:.1f} s", escape(step.reason or "")])
    parts = [
        f"<h1>{escape(run.pipeline)}</h1>",
        f'<p>Run {escape(run.id)}: <strong class="{escape(run.status)}">{escape(run.status)}</strong> in '
        f"{run.seconds:.1f} s on {escape(run.engine)}, started {escape(run.started)}.</p>",
        f"<p>{escape(run.reason)}</p>" if run.reason else "",
        "<h2>Steps</h2>",
        _html_table(["Step", "Status", "Time", ""], rows),
    ]
    if run.metrics:
        found = [[escape(name), f"{escape(number(value))}"] for name, value in run.metrics.items()]
        parts += ["<h2>Metrics</h2>", _html_table(["Metric", "Value"], found)]
    given = [[escape(name), f"<code>{escape(str(value))}</code>"] for name, value in run.parameters.items()]
    parts += ["<h2>Parameters</h2>", _html_table(["Parameter", "Value"], given)]
    for step in run.steps:
        for name, artifact in step.outputs.items():
            if isinstance(artifact, dict) and artifact.get("type") == "system.HTML":
                page = _read(ROOT / artifact["uri"])
                parts.append(f"<h2>{escape(step.name)}: {escape(name)}</h2>")
                parts.append(
                    f'<iframe sandbox title="{escape(step.name)} {escape(name)}" srcdoc="{escape(page)}"></iframe>'
                )
    parts.append("<h2>Logs</h2>")
    for step in run.steps:
        text = tail(run.log(step.name), 200)
        if text:
            parts.append(f"<details><summary>{escape(step.name)}</summary><pre>{escape(text)}</pre></details>")
    images = [[escape(name), f"<code>{escape(image)}</code>"] for name, image in run.images.items()]
    commit = run.code.get("commit", "not under git")
    changed = " with uncommitted changes" if run.code.get("changed") else ""
    parts += [
        "<h2>How it was made</h2>",
        f"<p>Again: <code>{escape(run.command)}</code></p><p>Code: <code>{escape(commit)}</code>{changed}</p>",
        _html_table(["Component", "Image"], images),
    ]
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(run.pipeline)} {escape(run.id)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )
    path = run.folder / "report.html"
    write(path, page)
    return path


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"<p>{escape(path.name)} cannot be read: {escape(error.strerror or '')}</p>"


def tail(path: Path, lines: int) -> str:
    """The last lines of a log, however long it is; empty where there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 64 * 1024))
            return "\n".join(log.read().decode("utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
