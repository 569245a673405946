"""What a step says to the outside: errors, outputs, KFP metadata and HTML reports. Imports nothing heavy."""

import html
import json
import math
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

STYLE = Path(__file__).with_name("style.css")


class StepError(Exception):
    """A mistake in the data or the parameters. The message says what is wrong and what to do, on one line."""


def command(main: Callable[..., None]) -> typer.Typer:
    """The command-line program whose options are the parameters of `main`."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(main)
    return app


def run(main: Callable[..., None]) -> None:
    """Run `main` as a program. A StepError ends it with exit code 1 and one line, a bug with its traceback."""
    # A stopped pod gets SIGTERM: leave through the `finally` blocks, so that nothing half-written stays.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        command(main)()
    except StepError as problem:
        sys.exit(f"error: {' '.join(str(problem).split())}")


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it on success and removed on any exception."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_metadata(executor_input: str, metadata: Mapping[str, Mapping[str, Any]]) -> None:
    """Tell KFP the metadata of output artifacts, by name. `executor_input` is its `{executorInput: null}`, or empty."""
    if not executor_input:
        return
    outputs, artifacts = json.loads(executor_input)["outputs"], {}
    for name, declared in outputs.get("artifacts", {}).items():
        # Values that are not finite have no place in JSON.
        given = {k: v for k, v in metadata.get(name, {}).items() if not isinstance(v, float) or math.isfinite(v)}
        artifacts[name] = {"artifacts": [{"name": name, "uri": declared["artifacts"][0]["uri"], "metadata": given}]}
    write_text(Path(outputs["outputFile"]), json.dumps({"artifacts": artifacts}, allow_nan=False))


def confusion_matrix_metadata(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Metadata of a ClassificationMetrics artifact: rows are the true labels, columns the predicted ones."""
    specs = [{"displayName": label} for label in labels]
    return {"confusionMatrix": {"annotationSpecs": specs, "rows": [{"row": list(row)} for row in matrix]}}


def roc_metadata(fpr: Sequence[float], tpr: Sequence[float], thresholds: Sequence[float]) -> dict[str, Any]:
    """Metadata of a ClassificationMetrics artifact: the ROC curve in about 100 points, which is enough to draw it."""
    points = []
    for i in [*range(0, len(fpr) - 1, math.ceil(len(fpr) / 100)), len(fpr) - 1]:
        threshold = min(float(thresholds[i]), 1.0)  # scikit-learn's first is infinite: nothing is predicted positive
        points.append({"confidenceThreshold": threshold, "recall": float(tpr[i]), "falsePositiveRate": float(fpr[i])})
    return {"confidenceMetrics": points}


def page(title: str, *sections: str) -> str:
    """One self-contained HTML page. `sections` are HTML already: what comes from data must be escaped."""
    title, meta = html.escape(title), '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head = f"<head>{meta}<title>{title}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head>"
    body = "\n".join([f"<body><main><h1>{title}</h1>", *sections, "</main></body>"])
    return f'<!doctype html>\n<html lang="en">{head}\n{body}</html>\n'


class Html(str):
    """Text that is HTML already: `html_table` takes it as it is."""


def html_table(header: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """A table whose cells are text, whatever is in them (`<script>` is a fine column name), or `Html`."""

    def inside(cell: object) -> str:
        return cell if isinstance(cell, Html) else html.escape(str(cell))

    head = "".join(f'<th scope="col">{inside(cell)}</th>' for cell in header)
    body = "\n".join("<tr>" + "".join(f"<td>{inside(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def markdown_text(value: object) -> str:
    """A value as text in Markdown, on one line: nothing in it is markup."""
    return re.sub(r"([\\`*\[\]<>|#~&$]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", " ".join(str(value).split()))


def markdown_table(header: Sequence[object], rows: Iterable[Iterable[object]], most: int = 200) -> str:
    """A table in Markdown of text; of more than `most` rows, it says how many are not in it."""
    lines = [f"| {' | '.join(map(markdown_text, row))} |" for row in [header, *rows]]
    lines[most + 1 :] = [f"\nand {len(lines) - most - 1} more"] if len(lines) > most + 1 else []
    return "\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]])
