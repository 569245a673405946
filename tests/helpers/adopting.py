"""Tables adopted one after the other in one process of a project: what `inv data.adopt` and the gathering step do."""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TABLES = Path(__file__).parents[1] / "data" / "tables"
QUICK = {"max_iter": 3, "folds": 2}


def adopted(project: Path, cases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What came of each case, by its name.

    A case has a `source`, a `target` and choices, and `steps` if all five are run: the options of training. It gives
    what was `said`, and either the `error`, or `rows`, `types`, `missing` and `values` of the table, the `notes`, the
    kind of problem with its `reason`, and the written files.
    """
    path = project / "cases.json"
    path.write_text(json.dumps(cases), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(project)}
    command = [sys.executable, __file__, str(path)]
    result = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, result.stdout + result.stderr
    found: dict[str, dict[str, Any]] = json.loads(result.stdout)
    return found


def one(source: str, target: str, folder: Path, steps: dict[str, Any] | None = None, **choices: Any) -> dict[str, Any]:
    import pyarrow.parquet as pq
    from invoke.exceptions import Exit

    from tasks.data import adopt
    from tasks.data.gathering import Choices, gathered, placed

    said = io.StringIO()
    sys.__stdout__ = said  # type: ignore[misc, assignment]
    try:
        table = adopt.adopt_table(source, target, Choices(**choices), False, lambda text: print(text, file=said))
        gathered(placed(source), folder / "table", Choices(**choices))
    except Exit as problem:
        return {"said": said.getvalue(), "error": str(problem)}
    whole = pq.read_table(folder / "table")
    return {
        "run": {} if steps is None else run(folder / "run", steps),
        "said": said.getvalue(),
        "rows": whole.num_rows,
        "types": {name: str(type_) for name, type_ in zip(whole.schema.names, whole.schema.types, strict=True)},
        "missing": {name: whole.column(name).null_count for name in whole.schema.names},
        "values": {name: [str(value) for value in whole.column(name)[:3].to_pylist()] for name in whole.schema.names},
        "notes": {column.name: "; ".join(column.notes) for column in [*table.columns, *table.left_out]},
        "kinds": {column.name: column.kind for column in [*table.columns, *table.left_out]},
        "problem": table.problem_type,
        "reason": table.reason,
        "reading": json.loads(str(table.found.reading)),
        "schema": adopt.SCHEMA.read_text(encoding="utf-8"),
        "invoke": (adopt.ROOT / "invoke.yaml").read_text(encoding="utf-8"),
    }


def run(folder: Path, options: dict[str, Any]) -> dict[str, Any]:
    """What the five steps make of the table that was adopted, read as invoke.yaml says: rows, metrics or a refusal."""
    import pyarrow.parquet as pq
    import yaml

    parts = ("", *(f"{step}/src" for step in ("gathering", "validation", "preprocessing", "training", "prediction")))
    sys.path += [str(Path.cwd() / "components" / part) for part in parts]
    import gather  # type: ignore[import-not-found]
    import predict
    import preprocess
    import train
    import validate
    from shared.step import StepError

    told = yaml.safe_load(Path("invoke.yaml").read_text(encoding="utf-8"))["parameters"]
    goal, reading = (told["target"], told["problem_type"]), json.dumps(told.get("reading", {}))
    names = ("table", "validated", "train", "test", "model", "cv", "predictions", "metrics", "evaluation", "report")
    at = {name: folder / name for name in names}
    for file in at.values():
        file.unlink(missing_ok=True)
    found: dict[str, Any] = {}
    try:
        gather.main(told["source"], at["table"], reading)
        validate.main(at["table"], at["validated"], at["report"], target=goal[0], problem_type=goal[1])
        preprocess.main(at["validated"], goal[0], at["train"], at["test"], goal[1])
        train.main(at["train"], goal[0], at["model"], at["cv"], goal[1], **options)
        results = (at[name] for name in ("predictions", "metrics", "evaluation", "report"))
        predict.main(at["model"], at["test"], goal[0], *results, goal[1])
        lines = (at["cv"].read_text(encoding="utf-8") + at["metrics"].read_text(encoding="utf-8")).splitlines()
        found["metrics"] = {name: float(value) for name, value in map(str.split, lines)}
    except StepError as problem:
        found["refused"] = str(problem)
    rows = (name for name in ("table", "validated", "train", "test", "predictions") if at[name].exists())
    return found | {"rows": {name: pq.read_metadata(at[name]).num_rows for name in rows}}


def main(path: Path) -> None:
    real, results = sys.stdout, {}
    for name, case in json.loads(path.read_text(encoding="utf-8")).items():
        with contextlib.redirect_stdout(io.StringIO()):
            results[name] = one(folder=path.parent, **case)
    sys.__stdout__ = real  # type: ignore[misc, assignment]
    real.write(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
