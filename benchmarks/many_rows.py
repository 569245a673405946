"""Tables of many rows: memory that does not grow with them, and all five steps on a million."""

import subprocess
import sys
import tempfile
from pathlib import Path

from figures import Figure, compared, counted, taken
from made_tables import table
from measuring import Usage, in_turn, usage
from projects import INVOKE, generate, inv, script_of

MILLION, MANY, ADOPTED = 1_000_000, 12_000_000, 3_000_000
STEPS = ("gather", "validate", "preprocess", "train", "predict")
IN_ARROW = "import sys; from pyarrow.parquet import read_table; print(read_table(sys.argv[1]).nbytes)"
ONE_PASS = """\
import sys, duckdb
table = duckdb.read_csv(sys.argv[1], all_varchar=True)
table.aggregate(", ".join(f'max("{name}")' for name in table.columns)).fetchall()
"""


def adopted(folder: Path, source: Path) -> Path:
    """A project for a table whose target is `label`."""
    project = generate(folder)
    inv(project, "data.adopt", str(source), "--target", "label")
    return project


def steps(folder: Path, rows: int, count: int) -> tuple[dict[str, Usage], Path]:
    """What the first `count` programs take on a table of so many rows, and where their tables are."""
    source = table(rows)
    project = adopted(Path(tempfile.mkdtemp(dir=folder)), source)
    out = Path(tempfile.mkdtemp(dir=folder))
    script = script_of(project, out)[:count]
    commands = zip(STEPS, script, strict=False)
    return {name: usage(command, project, PYTHONPATH=path) for name, (path, *command) in commands}, out


def memory(folder: Path) -> list[Figure]:
    (few, many), load = in_turn(1, lambda: steps(folder, MILLION, 3), lambda: steps(folder, MANY, 3))
    (small, _), (found, out) = few[0], many[0]
    asked = subprocess.check_output([sys.executable, "-c", IN_ARROW, str(out / "validated.parquet")], text=True)
    whole = int(asked) / 2**20
    took = {name: f"in {found[name].clock:.0f} s, 1 million in {small[name].clock:.0f} s" for name in found}
    figures = []
    for name in ("gather", "validate"):
        figures.append(taken(f"{name}-memory", [found[name].memory], load, took[name]))
        figures.append(counted(f"{name}-growth", found[name].memory / small[name].memory))
    split = f"{found['preprocess'].memory:.0f} MiB against {whole:.0f} MiB; {took['preprocess']}"
    return [*figures, taken("preprocess-memory", [found["preprocess"].memory / whole], load, split)]


def million(folder: Path) -> list[Figure]:
    (found,), load = in_turn(2, lambda: steps(folder, MILLION, 5)[0])
    clocks = [sum(step.clock for step in once.values()) for once in found]
    parts = ", ".join(f"{name} {step.clock:.0f}" for name, step in found[0].items())
    worked = sum(step.processor for step in found[0].values())
    peaks = [max(step.memory for step in once.values()) for once in found]
    return [
        taken("million", clocks, load, f"{parts}; {worked:.0f} s of the processor"),
        taken("million-memory", peaks, load),
    ]


def adopting(folder: Path) -> list[Figure]:
    """Adopting a table, against gathering it and one pass of DuckDB, which reads it as text."""
    source = table(ADOPTED)
    project = generate(folder / "adopting")
    path, *gather = [str(source) if part == "sample://penguins" else part for part in script_of(project, folder)[0]]

    def adopt() -> Usage:
        return usage([*INVOKE, "data.adopt", str(source), "--target", "label"], project)

    def both() -> Usage:
        first = usage(gather, project, PYTHONPATH=path)
        then = usage([sys.executable, "-c", ONE_PASS, str(source)], project)
        return Usage(first.clock + then.clock, first.processor + then.processor, max(first.memory, then.memory))

    (ours, theirs), load = in_turn(3, adopt, both)
    return [
        compared("adopt", [one.clock for one in ours], [one.clock for one in theirs], load),
        compared("adopt-processor", [one.processor for one in ours], [one.processor for one in theirs], load),
    ]


def scoring(folder: Path) -> list[Figure]:
    """New rows through the champion, against one plain script: pandas' read_csv, predict_proba, to_parquet."""
    project = adopted(folder / "scoring", table(50_000))
    inv(project, "run")
    new, model = table(MILLION, target=False), champion(project)
    to = folder / "ours.parquet"
    ours = [*INVOKE, "run", "scoring", "--no-cache", "-p", f"source={new}", "-p", f"destination={to}"]
    script = Path(__file__).with_name("plain_scoring.py")
    plain = [sys.executable, str(script), str(model), str(new), str(folder / "plain.parquet")]
    (mine, theirs), load = in_turn(
        3, lambda: usage([*ours, "-p", "overwrite=true"], project), lambda: usage(plain, project)
    )
    return [
        compared("score", [one.clock for one in mine], [one.clock for one in theirs], load),
        compared("score-processor", [one.processor for one in mine], [one.processor for one in theirs], load),
        taken("score-memory", [one.memory for one in mine], load, f"the script {theirs[0].memory:.0f} MiB"),
    ]


def champion(project: Path) -> Path:
    (model,) = project.glob("models/files/*/*.skops")
    return model
