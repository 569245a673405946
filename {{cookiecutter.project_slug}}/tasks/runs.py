"""Run records: what a run was, kept in `runs/<id>/run.json`, listed, shown and compared."""

import json
import math
import os
import re
import subprocess
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .files import ROOT, write
from .terminal import Row, fail

RUNS = ROOT / "runs"
Line = tuple[list[str], set[int]]  # of a table: its cells, and which of them are the best of a metric
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
    place: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Run:
    """A run's record. `status`: running, succeeded, failed or stopped; `started`: ISO 8601, UTC; `seconds`: in all.

    `defaults` are the parameters of a run that is given none; `graph` has the pipeline's tasks: `name`, what it comes
    `after`, and the loops and conditions that it is `inside`; `groups` says what those are for.
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
    defaults: dict[str, Any] = field(default_factory=dict)
    graph: list[dict[str, Any]] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=dict)

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


def moment(text: str | None) -> float | None:
    """An ISO 8601 time in seconds since 1970; None where it is none."""
    try:
        return datetime.fromisoformat(text or "").timestamp()
    except ValueError:
        return None


def local_time(text: str) -> str:
    """An ISO 8601 time for people, in this machine's time zone."""
    found = moment(text)
    return text if found is None else datetime.fromtimestamp(found).strftime("%Y-%m-%d %H:%M:%S")


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
    """All scalar metrics of a run, flat. A name is led by its step's where several steps give it, and in loops."""
    found: list[tuple[str, str, float]] = []
    for step in steps:
        for artifact in step.outputs.values():
            if isinstance(artifact, dict) and artifact.get("type") == "system.Metrics":
                found += [(step.name, name, value) for name, value in numbers(artifact["metadata"]).items()]
    names = [name for step, name, _ in found if "/" not in step]
    plain = {name for name in names if names.count(name) == 1}
    return {name if name in plain and "/" not in step else f"{step}.{name}": value for step, name, value in found}


def table(rows: list[list[str]]) -> str:
    """Rows of text in aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def sorted_by(runs: list[Run], name: str) -> list[Run]:
    """Runs by a metric or `seconds`, the best first, those without it last. Raises `Exit` for a name that none has."""
    known = {metric for run in runs for metric in run.metrics} | {"seconds"}
    if name not in known:
        shown = sorted(metric for metric in known if not _iteration(metric))
        raise fail(f"no run has a metric '{name}'; there are: {', '.join(shown)}.")
    value = {run.id: run.seconds if name == "seconds" else run.metrics.get(name) for run in runs}
    sign = 1 if lower_is_better(name) else -1
    return sorted(runs, key=lambda run: (value[run.id] is None, sign * (value[run.id] or 0)))


def lower_is_better(metric: str) -> bool:
    words = ("rmse", "mae", "mse", "loss", "error", "std", "seconds")
    return any(word in metric.lower().split(".")[-1].split("_") for word in words)


def best(metric: str, values: list[float | None]) -> set[int]:
    """The positions of the best of several values; none where all are the same."""
    found = [value for value in values if value is not None]
    if len(set(found)) < 2:
        return set()
    top = min(found) if lower_is_better(metric) else max(found)
    return {position for position, value in enumerate(values) if value == top}


def comparison(compared: list[Run]) -> dict[str, list[Line]]:
    """What differs between runs, and what came of it: sections of a name and a value for each run."""

    def differing(values: list[dict[str, Any]]) -> list[Line]:
        names = dict.fromkeys(name for each in values for name in each)
        rows = [[name, *(str(each.get(name, "")) for each in values)] for name in names]
        return [(row, set()) for row in rows if len(set(row[1:])) > 1]

    about = [
        {
            "engine": run.engine,
            "status": run.status,
            "code": run.code.get("commit", "")[:12] + (" changed" if run.code.get("changed") else ""),
            "template": run.template_version,
        }
        for run in compared
    ]
    tags = [{name: image.rsplit(":", 1)[-1] for name, image in run.images.items()} for run in compared]
    measured: list[Line] = []
    for name in dict.fromkeys([*(name for run in compared for name in run.metrics), "seconds"]):
        values = [run.seconds if name == "seconds" else run.metrics.get(name) for run in compared]
        if _iteration(name) and sum(value is not None for value in values) < 2:
            continue  # a loop that only one of them went through has its table in that run's page
        top = {position + 1 for position in best(name, values)}
        measured.append(([name, *("" if value is None else number(value) for value in values)], top))
    sections = {
        "ABOUT": differing(about),
        "PARAMETERS": differing([run.parameters for run in compared]),
        "IMAGES": differing(tags),
        "METRICS": measured,
    }
    return {title: lines for title, lines in sections.items() if lines}


def _iteration(name: str) -> str:
    """Which iteration a step in a loop, or a metric of it, is of: `0`, or `0/2` in a loop in a loop. Else empty."""
    return "/".join(re.findall(r"-iteration-(\d+)(?=/)", name))


def _loops(steps: Iterable[Step]) -> list[list[Step]]:
    """The iterations of each task that is in a loop, in their order."""
    tasks: dict[str, list[Step]] = {}
    for step in steps:
        if _iteration(step.name):
            tasks.setdefault(re.sub(r"-iteration-\d+(?=/)", "", step.name), []).append(step)
    return [
        sorted(loop, key=lambda step: [int(i) for i in _iteration(step.name).split("/")]) for loop in tasks.values()
    ]


def iterations(steps: Iterable[Step]) -> dict[str, str]:
    """What each step in a loop was given that others of its iterations were not."""
    return {
        step.name: ", ".join(f"{name}={value}" for name, value in given.items())
        for loop in _loops(steps)
        for step, given in zip(loop, _varied(loop), strict=True)
    }


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
            cells = [f"iteration {_iteration(step.name)}", *(given[i].get(name, "") for name in known)]
            stars = {len(cells) + column for column, positions in enumerate(top) if i in positions}
            lines.append(([*cells, *(number(found[i][name]) if name in found[i] else "" for name in measured)], stars))
        tables.append(([loop[0].name.rpartition("/")[2], *known, *measured], lines))
    return tables


def whole_metrics(run: Run) -> dict[str, float]:
    """The metrics that are not of an iteration of a loop."""
    return {name: value for name, value in run.metrics.items() if not _iteration(name)}


def starred(header: list[str], lines: list[Line]) -> str:
    """A table, with a star at the best of each metric."""
    cells = [[f"{cell} *" if i in best else cell for i, cell in enumerate(row)] for row, best in lines]
    return table([header, *([f"  {first}", *rest] for first, *rest in cells)])


def compared_text(compared: list[Run]) -> str:
    """The table of `inv runs.compare`, the best of each metric marked."""
    lines = []
    for title, rows in comparison(compared).items():
        lines += [starred([title, *(run.id for run in compared)], rows), ""]
    return "\n".join([*lines, "* the best of them"])


def listing(runs: list[Run], first: str = "") -> str:
    """The table of `inv runs`, with the metric `first` before those of the last step."""
    rows = [["RUN", "ENGINE", "STATUS", "SECONDS", "CACHED", "METRICS"]]
    for run in runs:
        cached = f"{sum(step.cached for step in run.steps)}/{len(run.steps)}"
        values = {name: run.metrics[name] for name in [first] if name in run.metrics} | headline(run)
        shown = run.reason or " ".join(f"{name}={number(value)}" for name, value in values.items())
        rows.append([run.id, run.engine, run.status, f"{run.seconds:.1f}", cached, shown])
    return table(rows)


def headline(run: Run) -> dict[str, float]:
    """The metrics of the last step that gave any: what the run came to."""
    for step in reversed([step for step in run.steps if "/" not in step.name]):
        if found := metrics([step]):
            return found
    return {}


def details(run: Run) -> str:
    """The page of `inv runs.show`."""
    lines = [f"run {run.id}  {run.status}  {run.seconds:.1f} s on {run.engine}"]
    if run.reason:
        lines.append(f"  {run.reason}")
    given = iterations(run.steps)
    steps = [[f"  {s.name}", state(s), f"{s.seconds:.1f} s", s.reason or given.get(s.name, "")] for s in run.steps]
    lines += ["", "STEPS", table(steps)]
    for title, values in (("PARAMETERS", run.parameters), ("METRICS", whole_metrics(run))):
        if values:
            rows = [[f"  {name}", number(v) if isinstance(v, float) else str(v)] for name, v in values.items()]
            lines += ["", title, table(rows)]
    for header, rows_of in sweeps(run):
        lines += ["", starred(header, rows_of)]
    lines += ["", "OUTPUTS"]
    outputs = [[f"  {s.name}", name, place(value)] for s in run.steps for name, value in s.outputs.items()]
    lines.append(table(outputs) if outputs else "  none")
    commit = run.code.get("commit")
    if commit:
        lines += ["", f"code    {commit[:12]}{' with uncommitted changes' if run.code.get('changed') else ''}"]
    lines.append(f"again   {run.command}")
    if run.remote:
        lines += [f"version {run.remote.get('version', '')}", f"page    {run.remote.get('url', '')}"]
        lines += [f"note    {run.remote['note']}"] if "note" in run.remote else []
    lines.append(f"report  {(run.folder / 'report.html').relative_to(ROOT)}")
    return "\n".join(lines)


def rows(run: Run) -> list[Row]:
    """The steps as a terminal shows them while they run."""
    found, steps = [], list(run.steps)
    given = iterations(steps)
    for step in steps:
        running = step.status == "running"  # a step counts as cached until it is known that it is not
        spent = elapsed(step.started) if running and step.started else step.seconds
        shown = step.status if running else state(step)
        found.append(Row(step.name, shown, spent if step.started else None, step.reason or given.get(step.name, "")))
    return found


def state(step: Step) -> str:
    return "cached" if step.cached else step.status


def is_artifact(value: Any) -> bool:
    """Whether an input or output of a step is an artifact, and not a parameter's value."""
    return isinstance(value, dict) and "uri" in value


def place(value: Any) -> str:
    """An output for the eye: an artifact's path, or a parameter's value."""
    return str(value["uri"] if is_artifact(value) else value)


def tail(path: Path, lines: int) -> str:
    """The last lines of a log, however long it is; empty where there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 64 * 1024))
            return "\n".join(log.read().decode("utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
