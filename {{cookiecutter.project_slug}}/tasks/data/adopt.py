"""`inv data.adopt`: a table of one's own becomes the pipeline's."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import ROOT, write
from ..masking import masked
from ..project.components import COMPONENTS, component_path
from ..project.settings_files import documents
from ..terminal import fail
from .gathering import Choices, gathered, placed
from .schema_yaml import schema_yaml
from .shown import show
from .target import known, obstacle, problem_of
from .understanding import Column, columns_of, judge

if TYPE_CHECKING:
    from reading import Gathered

Say = Callable[[str], None]
SCHEMA = COMPONENTS / "validation" / "schema.yaml"


@dataclass
class Understood:
    """A table, its columns and what is to be predicted."""

    place: str  # the source as the steps see it
    found: "Gathered"
    columns: list[Column]
    left_out: list[Column]
    target: Column
    problem_type: str
    reason: str


def adopt_table(source: str, target: str, choices: Choices, dry_run: bool, say: Say) -> Understood:
    """Understand a table, tell how, and make it the pipeline's. Nothing changes where it is refused, or only tried."""
    table = understand(source, target, choices)
    for line in table.found.told:
        say(line)
    show([*table.columns, *table.left_out], target)
    kind = f"{table.problem_type} ({table.reason})"
    say(f"{table.found.rows:,} rows, {len(table.columns)} columns; '{target}' is to be predicted: {kind}")
    if problem := obstacle(table.target, table.problem_type):
        say(f"as it is, a run will be refused: {problem}")
    if dry_run:
        say("nothing was written (--dry-run)")
        return table
    place = masked(table.place) if "://" in table.place else table.place
    kept = _write_schema(table.columns, place)
    parameters = {"source": place, "target": target, "problem_type": table.problem_type}
    parameters["reading"] = json.loads(str(table.found.reading))
    _set_parameters(parameters)
    say(f"wrote components/validation/schema.yaml (before: {kept.relative_to(ROOT)}) and parameters in invoke.yaml")
    for line in _above(parameters):
        say(line)
    if place != table.place:
        say(f"its credentials are in neither, where {place} stands; give the whole address to each run, in the")
        say("variable INVOKE_PARAMETERS_SOURCE, or with -p source=...")
    say("read schema.yaml, then: inv run")
    return table


def understand(source: str, target: str, choices: Choices) -> Understood:
    """Gather a table, and look at its columns and at what predicting the target would be. Raises `Exit`."""
    if target in choices.drop:
        raise fail(f"'{target}' is to be predicted and left out (--drop). Choose one of both.")
    if both := [name for name in choices.text if name in choices.drop]:
        raise fail(f"'{both[0]}' is to be left out (--drop) and read as text (--text). Choose one of both.")
    place = placed(source)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table"
        found = gathered(place, path, choices)
        for name in (target, *choices.drop, *choices.text):
            known(name, found.names)
        columns = columns_of(path)
        goal = next((column for column in columns if column.name == target), None)
        if not goal:
            raise fail(f"'{target}' cannot be predicted: {found.notes[target]}. Choose another target.")
        if len(columns) == 1:
            gone = ", ".join(f"{name!r} ({note})" for name, note in found.notes.items() if name != target)
            less = f"; left out: {gone}" if gone else ""
            raise fail(f"there is no column besides '{target}' to learn from{less}. Give a table with features.")
        problem_type, reason = problem_of(goal, choices.problem_type)
        hints = _leaks(path, target, problem_type)
    for column in columns:
        _note(column, found, "" if column is goal else hints.get(column.name, ""))
    judge(columns, goal, problem_type == "classification")
    if goal.missing:
        goal.notes.append(f"{goal.missing:,} rows without it are not learnt from")
    return Understood(place, found, columns, _left_out(found, columns), goal, problem_type, reason)


def _leaks(table: Path, target: str, problem_type: str) -> dict[str, str]:
    with component_path():
        from shared.hints import leaks

        return leaks(table, target, problem_type)


def _note(column: Column, found: "Gathered", leak: str) -> None:
    """Put with a column what the gathering step and the hints of leakage say of it."""
    if leak:
        column.notes.append(leak)
    if column.name in found.notes:
        column.notes.append(found.notes[column.name] + _otherwise(column, found))


def _otherwise(column: Column, found: "Gathered") -> str:
    """How a person decides otherwise, where something was decided of a column."""
    if column.kind in ("category", "text"):
        return " (--missing '' keeps such words)" if "taken as missing" in found.notes[column.name] else ""
    kept_as_text = column.name in found.reading.columns or found.reading.decimal
    return f" (or --text '{column.name}')" if kept_as_text else ""


def _left_out(found: "Gathered", columns: list[Column]) -> list[Column]:
    """The columns of the source that are not in the gathered table."""
    kept = {column.name for column in columns}
    gone = [Column(name, "left out", None, found.rows, 0, 0) for name in found.names if name not in kept]
    for column in gone:
        note = found.notes.get(column.name, "--drop" if column.name in found.reading.drop else "")
        column.notes.append(note.removeprefix("left out: "))
    return gone


def _write_schema(columns: list[Column], place: str) -> Path:
    """Write schema.yaml, and return where the one that was there is kept."""
    kept = ROOT / "build" / "schema.before-adopt.yaml"
    kept.parent.mkdir(exist_ok=True)
    if SCHEMA.exists():
        shutil.copy(SCHEMA, kept)
    write(SCHEMA, schema_yaml(columns, place))
    return kept


def _above(parameters: dict[str, Any]) -> Iterator[str]:
    """What goes above the parameters in invoke.yaml and says otherwise: a line for each file or variable."""
    for file, document in documents().items():
        own = document.get("parameters") if file != "invoke.yaml" else None
        own = own if isinstance(own, dict) else {}
        if names := [name for name, value in parameters.items() if own.get(name, value) != value]:
            those = f"its own {' and '.join(names)}"
            yield f"{file} goes above invoke.yaml and has {those}: change that there, or take it out"
    for name, value in parameters.items():
        variable = f"INVOKE_PARAMETERS_{name.upper()}"
        if os.environ.get(variable, value) != value:
            yield f"the variable {variable} goes above {name}, and says otherwise: unset it"


def _set_parameters(parameters: dict[str, Any]) -> None:
    """Set the pipeline's parameters in invoke.yaml, whose comments stay. One that is empty goes."""
    from ruamel.yaml import YAML

    codec = YAML()
    codec.preserve_quotes = True
    codec.width = 4096
    invoke = ROOT / "invoke.yaml"
    document = codec.load(invoke.read_text(encoding="utf-8"))
    if document.get("parameters") is None:
        document["parameters"] = {}
    for name, value in parameters.items():
        if value == {}:
            document["parameters"].pop(name, None)
        else:
            document["parameters"][name] = value
    text = StringIO()
    codec.dump(document, text)
    write(invoke, text.getvalue())
