"""The reports that steps write, of HTML or Markdown: kept with the run, and shown in frames that may run nothing."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup, escape

from ..files import ROOT
from ..runs.record import Run, in_runs, kept_at
from ..terminal import cut
from .links import Link, bytes_of, link
from .markdown import html
from .room import LINKS, LISTED, Room
from .templates import rendered
from .text import size

REPORTS = {"system.HTML": "html", "system.Markdown": "md"}


@dataclass
class Report:
    """A step's report: `source`, the attribute of a frame, where there is room for it, and a link to its file.

    Where it cannot be read, `problem` says why.
    """

    title: str
    label: str
    alone: Link
    source: Markup | None = None
    problem: str = ""


def step_reports(run: Run, base: Path, room: Room) -> tuple[list[Report], bool]:
    """The reports of a run for a page in `base`, and whether there are more. `room` is lessened by what they take."""
    found: list[Report] = []
    for step, name, kind, artifact in _written(run):
        file = run.folder / "reports" / f"{step}.{name}.{REPORTS[kind]}".replace("/", ".")
        title, label = cut(f"{step}: {name}", 200), cut(f"{run.id} {step} {name}", 200)
        report = Report(title, label, link(file, base, "On a page of its own"))
        if len(found) == LISTED or not room.take(size(title) + size(label) + size(report.alone.target) + 300):
            return found, True
        found.append(report)
        try:
            _keep(artifact, file)
            source = _source(file) if bytes_of(file) <= room.left else None
        except (OSError, ValueError) as error:
            report.problem = str(error.strerror if isinstance(error, OSError) else error)
            continue
        if source is not None and room.take(len(source.encode()), keep=LINKS):
            report.source = source
    return found, False


def _written(run: Run) -> Iterator[tuple[str, str, str, Path]]:
    """The step, the name, the type and the file of each output that is a report."""
    for step in run.steps:
        for name, artifact in step.outputs.items():
            if isinstance(artifact, dict) and artifact.get("type") in REPORTS:
                yield step.name, name, artifact["type"], ROOT / kept_at(artifact)


def _keep(artifact: Path, file: Path) -> None:
    """Keep a report with the run, under a name that a browser knows what to do with."""
    if not artifact.is_file() and file.is_file():
        return  # the step was served from another run, which is gone
    if not in_runs(artifact):
        raise ValueError("its file is not in runs/")
    file.parent.mkdir(exist_ok=True)
    partial = file.with_name(f"{file.name}.partial")
    shutil.copyfile(artifact, partial)
    partial.replace(file)


def _source(file: Path) -> Markup:
    """A report as the attribute of a frame; Markdown as a page, in which HTML is shown as text."""
    text = file.read_text(encoding="utf-8", errors="replace")
    if file.suffix == ".md":
        text = rendered("markdown.html.j2", content=Markup(html(text)))
    return escape(text.replace("\0", ""))
