"""The page of a run, and of several side by side: one file each, which needs no server and no network.

What comes from data is escaped, and the steps' own reports are in sandboxed frames: what they hold can neither run nor
reach the page.
"""

from html import escape
from pathlib import Path
from typing import Any

from . import runs
from .project import ROOT, write
from .runs import Run, Step

STYLE = Path(__file__).with_name("report.css")
LARGEST = 400_000  # bytes of a step's own report that are shown; a larger one is a link
SIGNS = {"succeeded": "✓", "cached": "≡", "failed": "✗", "stopped": "■", "running": "…", "skipped": "-"}
WIDTH, HEIGHT, GAP = 152, 46, 28  # of a node of the graph, and between two


def write_report(run: Run) -> Path:
    """Write `runs/<id>/report.html` and return its path."""
    path = run.folder / "report.html"
    write(path, page(f"{run.pipeline} {run.id}", report(run)))
    return path


def write_comparison(compared: list[Run]) -> Path:
    """Write `build/compare.html` and return its path."""
    path = ROOT / "build" / "compare.html"
    path.parent.mkdir(exist_ok=True)
    write(path, page(f"{compared[0].pipeline}: {len(compared)} runs", side_by_side(compared)))
    return path


def page(title: str, parts: list[str]) -> str:
    style = STYLE.read_text(encoding="utf-8")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>\n{style}</style></head>\n'
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def table(header: list[str], rows: list[list[str]]) -> str:
    """A table; the cells are HTML already."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def mark(status: str) -> str:
    """A status by sign, word and colour: never by colour alone."""
    return f'<span class="{escape(status)}">{SIGNS.get(status, "")} {escape(status)}</span>'


def report(run: Run) -> list[str]:
    started = runs.local_time(run.started)
    parts = [
        f"<h1>{escape(run.pipeline)}</h1>",
        f"<p>Run {escape(run.id)}: <strong>{mark(run.status)}</strong> in {run.seconds:.1f} s "
        f"on {escape(run.engine)}, started {escape(started)}.</p>",
        f'<p class="reason">{escape(run.reason)}</p>' if run.reason else "",
        f'<p><a href="{escape(run.remote["url"])}">In the Kubeflow Pipelines UI</a></p>' if run.remote else "",
    ]
    if run.metrics:
        found = [[escape(name), escape(runs.number(value))] for name, value in run.metrics.items()]
        parts += ["<h2>Metrics</h2>", table(["Metric", "Value"], found)]
    parts += ["<h2>Steps</h2>", graph(run), timeline(run)]
    rows = [
        [escape(step.name), mark(runs.state(step)), f"{step.seconds:.1f} s", escape(step.reason or "")]
        for step in run.steps
    ]
    parts += [table(["Step", "Status", "Time", ""], rows), "<h2>Parameters</h2>", parameters(run)]
    for step in run.steps:
        for name, artifact in step.outputs.items():
            if isinstance(artifact, dict) and artifact.get("type") == "system.HTML":
                parts += [f"<h2>{escape(step.name)}: {escape(name)}</h2>", frame(f"{step.name} {name}", artifact)]
    parts += ["<h2>Artifacts</h2>", artifacts(run), "<h2>Logs</h2>"]
    for step in run.steps:
        if text := runs.tail(run.log(step.name), 200):
            parts.append(
                f'<details><summary>{escape(step.name)}</summary><pre tabindex="0">{escape(text)}</pre></details>'
            )
    images = [[escape(name), f"<code>{escape(image)}</code>"] for name, image in run.images.items()]
    commit = run.code.get("commit", "not under git")
    changed = " with uncommitted changes" if run.code.get("changed") else ""
    parts += [
        "<h2>How it was made</h2>",
        f"<p>Again: <code>{escape(run.command)}</code></p><p>Code: <code>{escape(commit)}</code>{changed}</p>",
        table(["Component", "Image"], images),
    ]
    return parts


def parameters(run: Run) -> str:
    """The parameters, those that differ from the pipeline's defaults marked."""
    rows = []
    for name, value in run.parameters.items():
        default = run.defaults.get(name, value)
        text = f"<code>{escape(str(value)[:1000])}</code>"
        other = value != default
        note = f"instead of <code>{escape(str(default)[:200])}</code>" if other else ""
        rows.append([f'<span class="changed">{escape(name)}</span>' if other else escape(name), text, note])
    return table(["Parameter", "Value", ""], rows)


def frame(title: str, artifact: dict[str, Any]) -> str:
    """A step's own HTML report, in a frame without rights."""
    path = ROOT / artifact["uri"]
    try:
        if path.stat().st_size > LARGEST:
            return f'<p>It is too large to be shown here: <a href="{escape(path.as_uri())}">{escape(path.name)}</a></p>'
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"<p>{escape(path.name)} cannot be read: {escape(error.strerror or '')}</p>"
    return f'<iframe sandbox title="{escape(title)}" srcdoc="{escape(text)}"></iframe>'


def artifacts(run: Run) -> str:
    """What went into each step and what came out: place, size, and what is known of it."""
    rows = []
    for step in run.steps:
        for way, values in (("in", step.inputs), ("out", step.outputs)):
            for name, value in values.items():
                if not isinstance(value, dict) or "uri" not in value:
                    continue
                metadata = value.get("metadata") or {}
                known = ", ".join(f"{key} {metadata[key]}" for key in ("rows", "columns") if key in metadata)
                path = ROOT / str(value["uri"])
                size = f"{path.stat().st_size:,} bytes" if path.is_file() else ""
                place = f"<code>{escape(str(value['uri'])[:300])}</code>"
                rows.append([escape(step.name), way, escape(name), size, escape(known), place])
    return table(["Step", "", "Artifact", "Size", "", "Place"], rows)


# Drawings


def graph(run: Run) -> str:
    """The tasks of the pipeline and what each comes after, from left to right."""
    if not run.graph or len(run.graph) > 60:
        return ""
    names = {node["name"] for node in run.graph}
    after = {node["name"]: [each for each in node["after"] if each in names] for node in run.graph}
    depth: dict[str, int] = {}
    for node in run.graph:  # in topological order
        depth[node["name"]] = max((depth[each] + 1 for each in after[node["name"]] if each in depth), default=0)
    across = 6  # columns; a longer pipeline goes on below, as text does
    slots: dict[tuple[int, int], int] = {}
    place, tops, top = dict[str, tuple[int, int]](), dict[int, int](), 0
    for band in range(max(depth.values()) // across + 1):
        tops[band] = top
        members = [name for name in depth if depth[name] // across == band]
        for name in members:
            column = depth[name] % across
            row = slots.get((band, column), 0)
            slots[band, column] = row + 1
            place[name] = (column * (WIDTH + GAP) + 2, top + row * (HEIGHT + 18) + 2)
        top += max((slots.get((band, column), 0) for column in range(across)), default=1) * (HEIGHT + 18) + 14
    shapes = []
    for name, (x, y) in place.items():
        for each in after[name]:
            from_x, from_y = place[each][0] + WIDTH, place[each][1] + HEIGHT / 2
            to_y = y + HEIGHT / 2
            bend = GAP / 2 if x > from_x else GAP
            shapes.append(f'<path d="M{from_x} {from_y} C{from_x + bend} {from_y} {x - bend} {to_y} {x} {to_y}"/>')
    for node in run.graph:
        x, y = place[node["name"]]
        status, seconds = _status(run, node["name"])
        inside = f", {node['inside'][-1]}" if node["inside"] else ""
        below = f"{SIGNS.get(status, '')} {_short(f'{status} {seconds}{inside}', 24)}"
        shapes.append(
            f'<g class="{escape(status)}"><title>{escape(node["name"])}</title>'
            f'<rect class="node" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="8"/>'
            f'<text x="{x + 10}" y="{y + 19}">{escape(_short(node["name"], 19))}</text>'
            f'<text class="small" x="{x + 10}" y="{y + 36}">{escape(below)}</text></g>'
        )
    width = max(x for x, _ in place.values()) + WIDTH + 4
    return drawing(f"The graph of the pipeline: {', '.join(names)}"[:300], width, top, shapes)


def drawing(label: str, width: int, height: int, shapes: list[str]) -> str:
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    picture = f'<svg role="img" aria-label="{escape(label)}" {size}>{"".join(shapes)}</svg>'
    return f'<div class="wide" tabindex="0">{picture}</div>'


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _status(run: Run, name: str) -> tuple[str, str]:
    """The status of a task, and its seconds; of a loop's task, that of all its iterations."""
    own = [step for step in run.steps if step.name.rsplit("/", 1)[-1].split(" (")[0] == name]
    if not own:
        return "skipped", ""
    states = [runs.state(step) for step in own]
    worst = next((each for each in ("failed", "stopped", "running") if each in states), states[0])
    return worst, f"{sum(step.seconds for step in own):.1f} s" + (f" of {len(own)}" if len(own) > 1 else "")


def timeline(run: Run) -> str:
    """When each step ran, as bars on one scale."""
    timed = [(step, runs.moment(step.started)) for step in run.steps if step.started]
    shown = [(step, start) for step, start in timed if start is not None][:100]
    if len(shown) < 2:
        return ""
    first = min(start for _, start in shown)
    whole = max(max(start - first + step.seconds for step, start in shown), 0.1)
    left, wide, tall = 200, 560, 22
    rows = []
    for number, (step, start) in enumerate(shown):
        x, width, y = left + (start - first) / whole * wide, max(step.seconds / whole * wide, 2), number * tall
        beside = min(x + width + 5, left + wide + 8)
        rows.append(
            f'<g class="{escape(runs.state(step))}"><text x="0" y="{y + 15}">{escape(_short(_label(step), 26))}</text>'
            f'<rect class="bar" x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="{tall - 8}" rx="3"/>'
            f'<text class="small" x="{beside:.1f}" y="{y + 15}">{step.seconds:.1f} s</text></g>'
        )
    return "<h3>When they ran</h3>" + drawing("When each step ran", left + wide + 70, len(shown) * tall, rows)


def _label(step: Step) -> str:
    return step.name.rsplit("/", 1)[-1]


def side_by_side(compared: list[Run]) -> list[str]:
    """What differs, what came of it with the best marked, and the steps' reports beside each other."""
    parts = [f"<h1>{escape(compared[0].pipeline)}: {len(compared)} runs</h1>"]
    for title, rows in runs.comparison(compared).items():
        cells = []
        for name, values, top in rows:
            shown = [
                f'<span class="best">{escape(value[:300])} ★</span>' if position == top else escape(value[:300])
                for position, value in enumerate(values)
            ]
            cells.append([escape(name), *shown])
        parts += [f"<h2>{title.capitalize()}</h2>", table(["", *(run.id for run in compared)], cells)]
    parts.append("<p>★ the best of them</p>")
    reports: dict[str, list[str]] = {}
    for run in compared:
        for step in run.steps:
            for name, artifact in step.outputs.items():
                if isinstance(artifact, dict) and artifact.get("type") == "system.HTML":
                    inner = frame(f"{run.id} {step.name} {name}", artifact)
                    section = f"<section><h3>{escape(run.id)}</h3>{inner}</section>"
                    reports.setdefault(f"{step.name}: {name}", []).append(section)
    for title, frames in reports.items():
        parts += [f"<h2>{escape(title)}</h2>", f'<div class="side">{"".join(frames)}</div>']
    return parts
