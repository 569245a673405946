"""An artifact of a record as what it holds: a table, a model, metrics, a text; else its path. Nothing is written."""

import copy
from pathlib import Path
from typing import Any

from ..files import ROOT
from ..project.components import component_path
from ..runs.record import Run, in_runs, is_artifact, kept_at
from ..terminal import harmless
from .trouble import Trouble

METRICS = {"system.Metrics", "system.ClassificationMetrics", "system.SlicedClassificationMetrics"}
TEXTS = {"system.HTML", "system.Markdown"}


def kind(value: Any) -> str:
    """What an output is, in a word: Dataset, Model, ...; of a parameter, the type of its value."""
    if isinstance(value, list) and value and all(map(is_artifact, value)):
        return f"{kind(value[0])}, {len(value)} of them"
    return str(value["type"]).removeprefix("system.") if is_artifact(value) else type(value).__name__


def loaded(run: Run, name: str, value: Any) -> Any:
    """An output of a run's record as what it holds. `name` is what it is called in a sentence. Raises `Trouble`."""
    if isinstance(value, list) and value and all(map(is_artifact, value)):
        return [loaded(run, name, each) for each in value]
    if not is_artifact(value):
        return copy.deepcopy(value)
    if value["type"] in METRICS:
        return copy.deepcopy(value["metadata"])
    path = place(run, name, value)
    if value["type"] == "system.Dataset" and path.is_file():
        return _table(name, path)
    if value["type"] == "system.Model" and path.is_file():
        return _model(name, path)
    if value["type"] in TEXTS and path.is_file():
        return path.read_text(encoding="utf-8", errors="replace")
    return path


def place(run: Run, name: str, artifact: dict[str, Any]) -> Path:
    """Where an artifact lies in `runs/`. Raises `Trouble` where it is not there, or not here."""
    where = harmless(kept_at(artifact))
    if "://" in where:
        fetch = f": inv runs.fetch {run.id} brings it here" if run.remote else ""
        raise Trouble(f"{name} is not on this machine, it is at {where}{fetch}.")
    try:
        path = (ROOT / where).resolve()
        inside, there = in_runs(path), path.is_file() or path.is_dir()
    except (OSError, ValueError, RuntimeError):
        raise Trouble(f"{name} has no place that can be: {where[:200]!r}. Run it again: inv run") from None
    if not inside:
        raise Trouble(f"{name} is not in runs/, and is not opened for a record: open {where} yourself if you trust it.")
    if not there:
        raise Trouble(f"{name} is gone: {where} is not there any more. Run it again: inv run --no-cache")
    return path


def _table(name: str, path: Path) -> Any:
    """A table as pandas has it: Parquet as the steps read it, else CSV."""
    import pandas as pd
    import pyarrow as pa

    with component_path():
        from shared.tables import read

    with path.open("rb") as file:
        begins = file.read(4)
    try:
        return read(path).to_pandas() if begins == b"PAR1" else pd.read_csv(path)
    except (ValueError, OSError, pa.ArrowException) as problem:  # pandas' own are ValueErrors
        why = harmless(" ".join(str(problem).split())[:200])
        raise Trouble(f"{name} is no Parquet or CSV that can be read ({why}): its file is {path}.") from None


def _model(name: str, path: Path) -> Any:
    """A model as prediction loads it: of trusted types alone."""
    with component_path():
        from shared.fitted import load_model
        from shared.step import StepError

        try:
            return load_model(path)
        except StepError as problem:
            raise Trouble(f"{name}: {harmless(str(problem))} Its file is {path}.") from None
