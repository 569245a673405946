"""The record of a run: what it was, kept in `runs/<id>/run.json`, and how it is found again."""

import contextlib
import functools
import hashlib
import json
import math
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..files import ROOT, write
from ..masking import masked_values
from ..terminal import fail
from .reading import Unreadable, check_parts, checked, values_in
from .saving import Saver

RUNS = ROOT / "runs"
YOUNG = 60  # seconds in which a folder may be without a record because its run is just starting


@dataclass
class Step:
    """One task of a run. `status`: waiting, pending (its pod does not run yet), running, succeeded, failed, stopped or
    skipped.

    `place` are the groups that it is in, the outermost first: the `group`, its `kind` (loop, condition, pipeline, ...),
    and of a loop the `iteration`, which counts from 0, and its `item`. Records of earlier versions have none.
    `origin` is the run from which a step on a cluster was served by the cache, where that run is known here.
    """

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
    origin: str = ""


@dataclass
class Run:
    """A run's record. `status`: running, succeeded, failed or stopped; `started`: ISO 8601, UTC; `seconds`: in all.

    `pipeline` is what it is called on servers, `function` its name in pipeline.py, which older records do not say.
    `environment` is the file of environments/ that acted, empty where none did or the record is older.
    `order` is `started`, or later where the clock went back: by it runs are put in their order.

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
    order: str = ""
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
    function: str = "pipeline"
    environment: str = ""

    def __post_init__(self) -> None:
        self._saver = Saver(self._write)

    @property
    def folder(self) -> Path:
        return RUNS / self.id

    @property
    def shown(self) -> dict[str, Any]:
        """The parameters that say something: without `code`, which the record says of itself."""
        return {name: value for name, value in self.parameters.items() if name != "code"}

    def log(self, step: str) -> Path:
        name = step.replace("/", ".")
        if len(name.encode()) > 200:  # file systems take 255 bytes
            name = f"{name[:40]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
        return self.folder / "logs" / f"{name}.log"

    def end_steps(self) -> None:
        """The run is over: steps that ran are stopped, and those that waited are skipped."""
        for step in self.steps:
            if step.status in ("running", "waiting", "pending"):
                step.status = "stopped" if step.status == "running" else "skipped"

    def save(self) -> None:
        """Write `run.json` whole or not at all: at once, or within a moment where it has just been written.

        A run that is over is written at once. Inputs, outputs and metrics are replaced, never changed: another thread
        may be writing them. Credentials are masked.
        """
        if self.status == "running":
            self._saver.soon()
        else:
            self._saver.now()

    def _write(self) -> None:
        large = self.status == "running" and len(self.steps) > 50  # on one line while it goes on: five times as fast
        kept = masked_values(_fields(self) | {"steps": [_fields(step) for step in list(self.steps)]})
        text = json.dumps(kept, indent=None if large else 2, ensure_ascii=False)
        write(self.folder / "run.json", text + "\n")


def _fields(part: Run | Step) -> dict[str, Any]:
    return {name: value for name, value in vars(part).items() if not name.startswith("_")}


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
    _tidy()
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    order = _order()
    name, count = stamp, 1
    while True:
        try:
            (RUNS / name / "logs").mkdir(parents=True)
            break
        except FileExistsError:
            count += 1
            name = f"{stamp}-{count}"
    return Run(id=name, started=now(), order=order, pid=os.getpid(), code=code_version(), **values)


def _tidy() -> None:
    """Remove what runs left that were killed before their first record: a folder with nothing but an empty one."""
    for folder in folders():
        with contextlib.suppress(OSError):
            if [path.name for path in folder.iterdir()] == ["logs"] and time.time() - folder.stat().st_mtime > YOUNG:
                (folder / "logs").rmdir()  # which fails where there is anything in it, or where it is a link
                folder.rmdir()


def _order() -> str:
    """A time for a new run that is after that of the run before it, whatever the clock says."""
    file, order = RUNS / ".order", now()
    with contextlib.suppress(OSError, ValueError):
        before = datetime.fromisoformat(file.read_text(encoding="utf-8")) + timedelta(milliseconds=1)
        order = max(order, before.astimezone(UTC).isoformat(timespec="milliseconds"))
    RUNS.mkdir(exist_ok=True)
    write(file, order)
    return order


def begin(run: Run) -> None:
    """Write a new run's record; where that fails, there is no folder of it either."""
    try:
        run.save()
    except OSError:
        shutil.rmtree(run.folder, ignore_errors=True)
        raise


@functools.cache
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


def read(folder: Path, with_steps: bool = True) -> Run:
    """The record in a run's folder; a run is called as its folder is. Raises `Unreadable` where there is none to use.

    Without its steps, most of a record need not be checked. A run that says "running" while its process is gone was
    stopped without a chance to say so.
    """
    values = checked(Run, values_in(folder))
    try:
        found = values["steps"] if with_steps else []
        steps = [Step(**checked(Step, step)) for step in found]
        check_parts(values, found)
        run = Run(**{**values, "id": folder.name, "steps": steps})
    except (TypeError, KeyError) as error:
        raise Unreadable(f"its run.json lacks {error}") from None
    if run.status == "running" and run.pid and not _goes_on(run.pid, run.started):
        run.status, run.reason = "stopped", "its process ended without finishing the run"
        run.end_steps()
    return run


def _goes_on(pid: int, since: str) -> bool:
    """Whether the process is there, and not a later one with the same number."""
    import psutil

    try:
        return bool(psutil.Process(pid).create_time() <= (moment(since) or math.inf) + 1)
    except (psutil.Error, OverflowError, ValueError):
        return False


def load(folder: Path, with_steps: bool = True) -> Run | None:
    """The record in a run's folder, or None where there is none that can be read."""
    try:
        return read(folder, with_steps)
    except Unreadable:
        return None


def folders() -> list[Path]:
    """The folders of all runs, with a record or without."""
    return [path for path in RUNS.glob("[!.]*") if path.is_dir()]


def all_runs() -> tuple[list[Run], dict[str, str]]:
    """All runs that have a record which can be read, the newest first; and the names of the other folders, and why."""
    found, unreadable = [], {}
    for folder in sorted(folders()):
        try:
            found.append(read(folder))
        except Unreadable as why:
            unreadable[folder.name] = str(why)
    return sorted(found, key=lambda run: (run.order or run.started, run.id), reverse=True), unreadable


def newest_first() -> list[Run]:
    """All runs that have a record which can be read."""
    return all_runs()[0]


def find(wanted: str | None) -> Run:
    """The run with this id, or whose id starts like it; the newest for None, and of a pipeline for its name.

    Raises `Exit` where there is none.
    """
    runs, unreadable = all_runs()
    if wanted in unreadable:
        raise fail(f"run {wanted} cannot be read: {unreadable[wanted]}.")
    if not runs:
        raise fail("there is no run yet; start one with: inv run")
    if wanted is None:
        return runs[0]
    exactly = [run for run in runs if run.id == wanted] or [run for run in runs if run.function == wanted][:1]
    matches = exactly or [run for run in runs if run.id.startswith(wanted)]
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


def state(step: Step) -> str:
    return "cached" if step.cached else step.status


def is_artifact(value: Any) -> bool:
    """Whether an input or output of a step is an artifact, and not a parameter's value."""
    return isinstance(value, dict) and "uri" in value


def kept_at(artifact: dict[str, Any]) -> str:
    """Where a copy of an artifact lies on this machine, as a record has it; its address where there is none."""
    return str(artifact.get("path") or artifact.get("uri", ""))


def in_runs(path: Path) -> bool:
    """Whether a path lies in `runs/`, whatever links are on the way: a record may be anybody's."""
    return path.resolve().is_relative_to(RUNS.resolve())


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
