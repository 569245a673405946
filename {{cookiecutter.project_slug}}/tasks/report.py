"""The page of a run, and of several side by side: one file each, which needs no server and no network.

What comes from data is escaped. The steps' own reports are in frames that may run nothing, and the page's policy lets
nothing be fetched. A page stays below 1.5 MB: what is left out of it is said, and linked where it lies.
"""

import base64
import hashlib
import html
import itertools
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from . import graph
from .files import ROOT, write
from .graph import Box, Layout
from .runs import loops, record
from .runs.comparison import comparison
from .runs.metrics import Line, number, whole_metrics
from .runs.record import Run, Step

STYLE = Path(__file__).with_name("report.css")
STEP_STYLE = ROOT / "components" / "shared" / "style.css"
# Bytes of all reports, of all logs, of the graph, of the tables of loops, and of each table.
ROOM = {"reports": 500_000, "logs": 150_000, "graph": 200_000, "loops": 100_000, "table": 80_000}
LISTED = 200  # reports and logs, even if each is but a link
SIGNS = {"succeeded": "✓", "cached": "≡", "failed": "✗", "stopped": "■", "running": "…", "pending": "…", "skipped": "-"}
REPORTS = {"system.HTML": "html", "system.Markdown": "md"}
# A frame is as high as what is in it, so that the page has one scroll bar and is printed whole.
SCRIPT = """
for (const frame of document.querySelectorAll("iframe")) {
  const fit = () => {
    const body = frame.contentDocument?.body;
    if (body) frame.style.height = Math.min(body.offsetHeight + 34, 8000) + "px";
  };
  frame.addEventListener("load", fit);
  addEventListener("resize", fit);
  fit();
}
"""
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; script-src "
    f"'sha256-{base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}'"
)
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")  # and what else a terminal would obey


def write_report(run: Run) -> Path:
    """Write `runs/<id>/report.html`, beside it the steps' own reports in `reports/`, and return its path."""
    path = run.folder / "report.html"
    write(path, page(f"{run.pipeline} {run.id}", report(run)))
    return path


def write_comparison(compared: list[Run]) -> Path:
    """Write `build/compare.html` and return its path."""
    path = ROOT / "build" / "compare.html"
    path.parent.mkdir(exist_ok=True)
    write(path, page(f"{compared[0].pipeline}: {len(compared)} runs", side_by_side(compared, path.parent)))
    return path


# HTML


def escape(value: object, most: int = 1000) -> str:
    """Text as HTML, cut to `most` characters; characters that are not seen, or turn others round, are written out."""
    text = COLOURS.sub("", str(value)).replace("\r\n", "\n")
    text = text if len(text) <= most else f"{text[:most]}…"
    text = UNSEEN.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return html.escape(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def page(title: str, parts: list[str]) -> str:
    meta = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY)}">'
    meta += '<meta name="viewport" content="width=device-width, initial-scale=1">'
    style = "".join(path.read_text(encoding="utf-8") for path in (STEP_STYLE, STYLE) if path.exists())
    head = f'<meta charset="utf-8">{meta}<title>{escape(title)}</title><style>\n{style}</style>'
    body = "\n".join(part for part in parts if part)
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n'
        f"<body><main>\n{body}\n</main><script>{SCRIPT}</script></body></html>\n"
    )


def table(title: str, header: list[str], rows: list[list[str]]) -> str:
    """A table; the cells are HTML already."""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in header)
    lines = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows]
    ends = itertools.accumulate(len(line.encode()) for line in lines)
    fit = sum(end <= ROOM["table"] for end in ends)
    rest = f"<p>{len(rows) - fit} more are in run.json.</p>" if fit < len(rows) else ""
    return wide(title, f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines[:fit])}</tbody></table>") + rest


def starred(title: str, header: Iterable[str], lines: list[Line]) -> str:
    """A table with the best of each metric marked; the header is HTML already."""
    rows = [
        [
            f'<strong class="best">{escape(cell, 300)} ★</strong>' if i in best else escape(cell, 300)
            for i, cell in enumerate(cells)
        ]
        for cells, best in lines
    ]
    legend = "<p>★ the best of them</p>" if any(best for _, best in lines) else ""
    return table(title, list(header), rows) + legend


def spare(header: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Without the last column, where that says nothing."""
    return (header, rows) if any(row[-1] for row in rows) else (header[:-1], [row[:-1] for row in rows])


def wide(title: str, content: str, name: str = "scroll") -> str:
    """What may be wider than the page: it scrolls alone, by keyboard too."""
    return f'<div class="{name}" role="region" aria-label="{escape(title)}" tabindex="0">{content}</div>'


def link(path: Path, base: Path, text: str) -> str:
    """A link to a file, from a page in the folder `base`: it holds as long as the project is moved as a whole."""
    try:
        target = quote(Path(os.path.relpath(path, base)).as_posix())
    except ValueError:  # on another drive of Windows
        target = path.as_uri()
    return f'<a href="{target}">{escape(text)}</a>'


def mark(status: str) -> str:
    """A status by sign, word and colour: never by colour alone."""
    return f'<span class="{escape(status)}">{SIGNS.get(status, "")} {escape(status)}</span>'


def seconds(step: Step) -> str:
    return f"{step.seconds:,.1f} s" if step.started else ""


def code(value: object, most: int = 1000) -> str:
    return f"<code>{escape(value, most)}</code>"


# The page of a run


def report(run: Run) -> list[str]:
    url = str(run.remote.get("url", ""))
    given = loops.iterations(run.steps)
    rows = [
        [
            logged(run, step, number),
            mark(record.state(step)),
            seconds(step),
            escape(step.reason or given.get(step.name, "")),
        ]
        for number, step in enumerate(run.steps)
    ]
    steps = table("Steps", *spare(["Step", "Status", "Time", "Note"], rows))
    own = reports(run, run.folder, [ROOM["reports"]])
    sections = [
        ("Metrics", metrics(run)),
        ("Steps", f'<div class="beside">{drawn(run)}{steps}</div>'),
        ("Timeline", timeline(run)),
        ("Parameters", parameters(run)),
        ("Reports", "".join(f"<h3>{title}</h3>{content}" for title, content in own)),
        ("Data", artifacts(run)),
        ("Logs", logs(run)),
        ("How it was made", origin(run)),
    ]
    sections = [(title, content) for title, content in sections if content]
    ids = {title: title.split()[0].lower() for title, _ in sections}
    listed = "".join(f'<a href="#{ids[title]}">{title}</a>' for title, _ in sections)
    return [
        f"<h1>{escape(run.pipeline)}</h1>",
        f"<p>Run {escape(run.id)}: <strong>{mark(run.status)}</strong> in {run.seconds:,.1f} s "
        f"on {escape(run.engine)}, started {escape(record.local_time(run.started))}.</p>",
        f'<p class="reason">{escape(run.reason)}</p>' if run.reason else "",
        f'<p><a href="{escape(url)}">In the Kubeflow Pipelines UI</a></p>' if re.match("https?://", url) else "",
        f'<nav aria-label="Sections">{listed}</nav>',
        *(f'<section><h2 id="{ids[title]}">{title}</h2>{content}</section>' for title, content in sections),
    ]


def metrics(run: Run) -> str:
    """The metrics, and a table for each task in a loop, the best of each metric marked."""
    rows = [[escape(name), escape(number(value))] for name, value in whole_metrics(run).items()]
    parts, left = [table("Metrics", ["Metric", "Value"], rows)] if rows else [], ROOM["loops"]
    for header, lines in loops.sweeps(run):
        found = starred(header[0], map(escape, header), lines)
        left -= len(found.encode())
        if left < 0:
            parts.append("<p>Those of more loops are in run.json.</p>")
            break
        parts.append(found)
    return "".join(parts)


def logged(run: Run, step: Step, number: int) -> str:
    """The name of a step, as a link to its log where there is one."""
    name = f"<bdi>{escape(step.name)}</bdi>"
    return f'<a href="#log-{number}">{name}</a>' if _size(run.log(step.name)) else name


def parameters(run: Run) -> str:
    """The parameters, those that differ from the pipeline's defaults marked."""
    rows = []
    for name, value in run.parameters.items():
        default = run.defaults.get(name, value)
        other = value != default
        note = f"instead of {code(default, 200)}" if other else ""
        rows.append([f"<strong>{escape(name)}</strong>" if other else escape(name), code(value), note])
    return table("Parameters", *spare(["Parameter", "Value", "Default"], rows)) if rows else ""


def artifacts(run: Run) -> str:
    """What went into each step and what came out: its size, and where it is."""
    rows = []
    for step in run.steps:
        for way, values in (("in", step.inputs), ("out", step.outputs)):
            for name, value in values.items():
                if not record.is_artifact(value):
                    continue
                metadata, uri = value.get("metadata") or {}, str(value["uri"])
                counted = [metadata.get(key) for key in ("rows", "columns")]
                counts = [
                    f"{n:,.0f}" if isinstance(n, int | float) else "" for n in counted
                ]  # KFP makes floats of them
                kept = str(value.get("path") or uri)
                here = "://" not in kept and _size(ROOT / kept)
                place = link(ROOT / kept, run.folder, kept) if here else code(uri, 300)
                size = f"{here:,}" if here else ""
                rows.append([f"<bdi>{escape(step.name)}</bdi>", way, escape(name), *counts, size, place])
    header = ["Step", "In or out", "Artifact", "Rows", "Columns", "Bytes", "Place"]
    return table("Data in and out", header, rows) if rows else ""


def _size(path: Path) -> int:
    """Bytes of a file, or of all in a folder; 0 where there is none, or its name is none."""
    try:
        files = path.rglob("*") if path.is_dir() else [path]
        return sum(each.stat().st_size for each in files if each.is_file())
    except (OSError, ValueError):
        return 0


def logs(run: Run) -> str:
    """The last lines of each log, folded but for those of failed steps, which have the most room."""
    found = [(at, step) for at, step in enumerate(run.steps) if _size(run.log(step.name))]
    found.sort(key=lambda each: each[1].status != "failed")
    left, parts = ROOM["logs"], {}
    for place, (at, step) in enumerate(found[:LISTED]):
        room = left // 2 if step.status == "failed" else left // (len(found) - place)
        path = run.log(step.name)
        said = record.tail(path, 201)
        shown = _last("\n".join(said.splitlines()[-200:]), room)
        left -= len(escape(shown, len(shown)).encode())
        cut = len(shown) < len(said) or _size(path) > 64 * 1024
        whole = f"<p>Its end; {link(path, run.folder, 'the whole log')}</p>" if cut else ""
        content = wide(f"Log of {step.name}", f"<pre>{escape(shown, len(shown))}</pre>", "log")
        summary = f"<summary><bdi>{escape(step.name)}</bdi></summary>"
        opened = " open" if step.status == "failed" else ""
        parts[at] = f'<details{opened}>{summary}<div id="log-{at}">{whole}{content}</div></details>'
    rest = f"<p>{len(found) - LISTED} more are in logs/.</p>" if len(found) > LISTED else ""
    return "".join(parts[at] for at in sorted(parts)) + rest


def _last(text: str, room: int) -> str:
    """The end of a text, whole lines where that is possible, that is at most `room` bytes of HTML."""
    shown = text
    while (size := len(escape(shown, len(shown)).encode())) > room:
        shown = shown[-int(len(shown) * room / size * 0.9) or len(shown) :]
    return shown if len(shown) == len(text) else shown.partition("\n")[2] or shown


def origin(run: Run) -> str:
    """What it takes to make the run again."""
    commit = run.code.get("commit", "not under git")
    changed = " with uncommitted changes" if run.code.get("changed") else ""
    images = [[escape(name), code(image)] for name, image in run.images.items()]
    template = f"<p>Template: {code(run.template_version)}</p>" if run.template_version else ""
    return (
        f"<p>Again: {code(run.command, 4000)}</p><p>Code: {code(commit)}{changed}</p>{template}"
        f"{table('Images', ['Component', 'Image'], images) if images else ''}"
    )


# The steps' own reports


def reports(run: Run, base: Path, room: list[int]) -> list[tuple[str, str]]:
    """The title and content of each HTML and Markdown artifact of a run, for a page in `base`.

    `room` holds the bytes that are left for them, and is lessened: what does not fit becomes a link.
    """
    found: list[tuple[str, str]] = []
    for step in run.steps:
        for name, artifact in step.outputs.items():
            if not isinstance(artifact, dict) or artifact.get("type") not in REPORTS:
                continue
            if len(found) == LISTED:
                return [*found, ("More", "<p>There are more in reports/ and steps/.</p>")]
            title = escape(f"{step.name}: {name}", 200)
            ending = REPORTS[artifact["type"]]
            file = run.folder / "reports" / f"{step.name}.{name}.{ending}".replace("/", ".")
            try:
                _keep(ROOT / str(artifact.get("path") or artifact.get("uri", "")), file)
                text = file.read_text(encoding="utf-8", errors="replace") if _size(file) <= room[0] else None
            except (OSError, ValueError) as error:
                problem = error.strerror if isinstance(error, OSError) else error
                found.append((title, f"<p>It cannot be read: {escape(problem)}.</p>"))
                continue
            alone = f"<p>{link(file, base, 'On a page of its own')}</p>"
            if text is not None and ending == "md":
                text = rendered(text)
            source = html.escape(text.replace("\0", "") if text else "")
            if text is None or len(source.encode()) > room[0]:
                found.append((title, f"<p>It is too large to be shown here.</p>{alone}"))
                continue
            room[0] -= len(source.encode())
            label = escape(f"{run.id} {step.name} {name}")
            frame = f'<iframe sandbox="allow-same-origin" title="{label}" srcdoc="{source}"></iframe>'
            found.append((title, frame + alone))
    return found


def _keep(artifact: Path, file: Path) -> None:
    """Keep a report with the run, under a name that a browser knows what to do with."""
    if not artifact.is_file() and file.is_file():
        return  # the step was served from another run, which is gone
    file.parent.mkdir(exist_ok=True)
    partial = file.with_name(f"{file.name}.partial")
    shutil.copyfile(artifact, partial)
    partial.replace(file)


def rendered(markdown: str) -> str:
    """Markdown as a page; HTML in it is shown as text."""
    from markdown_it import MarkdownIt

    style = STEP_STYLE.read_text(encoding="utf-8") if STEP_STYLE.exists() else ""
    content = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    head = f"<head><title>Markdown</title><style>{style}</style></head>"
    return f'<!doctype html><html lang="en">{head}<body><main>{content}</main></body></html>'


# Drawings


def drawn(run: Run) -> str:
    """The graph of the pipeline, with the status and time of each task."""
    if not run.graph:
        return ""
    made = graph.layout(run.graph, run.groups)
    if made is None:
        return f"<p>The graph of {len(run.graph)} tasks is too large to be drawn.</p>"
    shapes = _shapes(run, made, [])
    if len(shapes.encode()) > ROOM["graph"]:
        return f"<p>The graph of {len(run.graph)} tasks is too large to be drawn.</p>"
    label = f"The graph of the pipeline: {', '.join(node['name'] for node in run.graph)}"
    return wide("Graph of the pipeline", drawing(label, made.width + 4, made.height + 4, shapes, "2 2"), "graph")


def drawing(label: str, width: float, height: float, shapes: str, shift: str = "0 0") -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return (
        f'<svg role="img" aria-label="{escape(label, 300)}" {size}><g transform="translate({shift})">{shapes}</g></svg>'
    )


def _shapes(run: Run, made: Layout, inside: list[str]) -> str:
    """The edges and boxes of a layout, which is inside of these groups."""
    shapes = [_curve(points) for points in made.edges]
    for box in made.boxes:
        shapes.append(_group(run, box, [*inside, *box.names]) if box.inner else _task(run, box, inside))
    return "".join(shapes)


def _curve(points: list[tuple[float, float]]) -> str:
    (x, y), *rest = points
    path = f"M{x:.1f} {y:.1f}"
    for next_x, next_y in rest:
        if next_x == x:
            path += f" V{next_y:.1f}"
        else:
            middle = (y + next_y) / 2
            path += f" C{x:.1f} {middle:.1f} {next_x:.1f} {middle:.1f} {next_x:.1f} {next_y:.1f}"
        x, y = next_x, next_y
    return (
        f'<path d="{path}"/><path class="tip" d="M{x - 4:.1f} {y - 6:.1f} L{x:.1f} {y:.1f} L{x + 4:.1f} {y - 6:.1f}"/>'
    )


def _group(run: Run, box: Box, inside: list[str]) -> str:
    assert box.inner
    label = run.groups.get(box.names[0], box.names[0])
    x, y = box.x + (box.width - box.inner.width) / 2, box.y + graph.HEAD
    shown = _short(label, int(box.width / graph.LETTER) - 2)
    return (
        f"<g><title>{escape(label)}</title>{_rectangle(box, 'group')}"
        f'<text class="small" x="{box.x + 10:.1f}" y="{box.y + 16:.1f}">{shown}</text>'
        f'<g transform="translate({x:.1f} {y:.1f})">{_shapes(run, box.inner, inside)}</g></g>'
    )


def _task(run: Run, box: Box, inside: list[str]) -> str:
    name, many = box.names[0], len(box.names)
    status, time = _status(run, box.names, inside)
    title = name if many == 1 else f"{name} and {many - 1} more"
    below = f"{SIGNS.get(status, '')} {status} {time}"
    stack = _rectangle(Box([], x=box.x + 4, y=box.y + 4), "node") if many > 1 else ""
    return (
        f'<g class="{escape(status)}"><title>{escape(", ".join(box.names), 200)}</title>{stack}'
        f"{_rectangle(box, 'node')}"
        f'<text x="{box.x + 10:.1f}" y="{box.y + 19:.1f}">{_short(title, 21)}</text>'
        f'<text class="small" x="{box.x + 10:.1f}" y="{box.y + 36:.1f}">{_short(below, 26)}</text></g>'
    )


def _rectangle(box: Box, name: str) -> str:
    size = f'width="{box.width:.1f}" height="{box.height:.1f}"'
    return f'<rect class="{name}" x="{box.x:.1f}" y="{box.y:.1f}" {size} rx="8"/>'


def _short(text: str, most: int) -> str:
    return escape(text if len(text) <= most else text[: most - 1] + "…", 1000)


def _status(run: Run, names: list[str], inside: list[str]) -> tuple[str, str]:
    """The status of tasks, the worst of them first, and their seconds; those of all iterations in a loop."""
    own = []
    for step in run.steps:
        *scope, name = step.name.split("/")
        if name.split(" (")[0] in names and {re.sub("-iteration-[0-9]+$", "", each) for each in scope} <= set(inside):
            own.append(step)
    if not own:
        return "skipped" if run.status in ("succeeded", "failed", "stopped") else "waiting", ""
    states = [record.state(step) for step in own]
    worst = next((each for each in ("failed", "stopped", "running") if each in states), states[0])
    of = f", {len(own)}x" if len(own) > len(names) else ""
    return worst, f"{sum(step.seconds for step in own):,.1f} s{of}" if any(step.started for step in own) else ""


def timeline(run: Run) -> str:
    """When each step ran, as bars on one scale."""
    timed = [(step, record.moment(step.started)) for step in run.steps if step.started]
    known = sorted(((step, start) for step, start in timed if start is not None), key=lambda each: each[1])
    shown, rest = known[:100], len(known) - 100
    if len(shown) < 2:
        return ""
    first, given = shown[0][1], loops.iterations(run.steps)
    whole = max(max(start - first + step.seconds for step, start in shown), 0.1)
    rows = []
    for at, (step, start) in enumerate(shown):
        x, width, y = (start - first) / whole * 100, max(step.seconds / whole * 100, 0.4), at * 34
        name = f"{step.name.rsplit('/', 1)[-1]} {given.get(step.name, '')}".rstrip()
        rows.append(
            f'<g class="{escape(record.state(step))}"><title>{escape(step.name)}</title>'
            f'<text x="0" y="{y + 12}">{_short(name, 40)}: {seconds(step)}</text>'
            f'<rect class="bar" x="{min(x, 99.6):.2f}%" y="{y + 17}" width="{width:.2f}%" height="9" rx="3"/></g>'
        )
    picture = f'<svg role="img" aria-label="When each step ran" width="100%" height="{len(shown) * 34}">'
    rest_said = f"<p>The first 100; {rest} more steps ran after them.</p>" if rest > 0 else ""
    return f"{picture}{''.join(rows)}</svg>{rest_said}"


# Several runs


def side_by_side(compared: list[Run], base: Path) -> list[str]:
    """What differs, what came of it with the best marked, and the steps' reports beside each other."""
    parts = [f"<h1>{escape(compared[0].pipeline)}: {len(compared)} runs</h1>"]
    names = [link(run.folder / "report.html", base, run.id) for run in compared]
    for title, lines in comparison(compared).items():
        parts += [f"<h2>{title.capitalize()}</h2>", starred(title.capitalize(), ["Name", *names], lines)]
    beside: dict[str, list[str]] = {}
    room = [ROOM["reports"]]
    for run in compared:
        for title, content in reports(run, base, room):
            beside.setdefault(title, []).append(f"<section><h3>{escape(run.id)}</h3>{content}</section>")
    for title, found in beside.items():
        parts += [f"<h2>{title}</h2>", f'<div class="side">{"".join(found)}</div>']
    return parts
