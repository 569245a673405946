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


def adopted(project: Path, cases: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What came of each case, by its name.

    A case has a `source`, a `target` and choices. It gives what was `said`, and either the `error`, or `rows`, `types`,
    `missing` and `values` of the table, the `notes`, the kind of problem with its `reason`, and the written files.
    """
    path = project / "cases.json"
    path.write_text(json.dumps(cases), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(project)}
    command = [sys.executable, __file__, str(path)]
    result = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, result.stdout + result.stderr
    found: dict[str, dict[str, Any]] = json.loads(result.stdout)
    return found


def one(source: str, target: str, folder: Path, **choices: Any) -> dict[str, Any]:
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


def main(path: Path) -> None:
    real, results = sys.stdout, {}
    for name, case in json.loads(path.read_text(encoding="utf-8")).items():
        with contextlib.redirect_stdout(io.StringIO()):
            results[name] = one(folder=path.parent, **case)
    sys.__stdout__ = real  # type: ignore[misc, assignment]
    real.write(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
