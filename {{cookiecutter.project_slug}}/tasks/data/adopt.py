"""`inv data.adopt`: a table of one's own becomes the pipeline's."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import ROOT, write
from ..project.components import COMPONENTS
from ..terminal import fail

if TYPE_CHECKING:
    import pyarrow as pa

Say = Callable[[str], None]


def adopt_table(source: str, target: str, say: Say) -> None:
    """Infer schema.yaml from a table and make it the pipeline's default. Nothing changes where the table is refused."""
    from ruamel.yaml import YAML

    place = _placed(source)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table"
        _gather(place, path)
        columns = _columns(path)
    if target not in columns:
        import difflib

        near = difflib.get_close_matches(target, columns, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise fail(f"the table has no column '{target}'.{hint} Its columns: {', '.join(columns)}.")
    schema = COMPONENTS / "validation" / "schema.yaml"
    kept = ROOT / "build" / "schema.before-adopt.yaml"
    kept.parent.mkdir(exist_ok=True)
    if schema.exists():
        shutil.copy(schema, kept)
    problem_type = columns[target]["problem_type"]
    write(schema, _schema_yaml(columns, place))
    codec = YAML()
    codec.preserve_quotes = True
    codec.width = 4096
    invoke = ROOT / "invoke.yaml"
    document = codec.load(invoke.read_text(encoding="utf-8"))
    if document.get("parameters") is None:
        document["parameters"] = {}
    document["parameters"].update({"source": place, "target": target, "problem_type": problem_type})
    from io import StringIO

    text = StringIO()
    codec.dump(document, text)
    write(invoke, text.getvalue())
    rows = columns[target]["rows"]
    say(f"{rows} rows, {len(columns)} columns; '{target}' is to be predicted: {problem_type}")
    say(f"wrote components/validation/schema.yaml (before: {kept.relative_to(ROOT)}) and parameters in invoke.yaml")
    say("read schema.yaml, then: inv run")


def _placed(source: str) -> str:
    """A source as the steps see it: a local path from the project's folder where it lies inside, else whole."""
    if "://" in source:
        return source
    path = Path(source).expanduser().resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def _gather(source: str, table: Path) -> None:
    """Copy a source to Parquet with the gathering step's own program. Raises `Exit` with its message."""
    from ..engine.host import host_process

    outputs = {"outputFile": str(table.with_name("executor_output.json"))}
    command = ["python", "-m", "gather", "--source", source, "--table", str(table)]
    command, env = host_process("gathering", [*command, "--executor-input", json.dumps({"outputs": outputs})], {})
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, encoding="utf-8")
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise fail(last.removeprefix("error: "))


def _columns(path: Path) -> dict[str, dict[str, Any]]:
    """What is known of each column after one pass: its pandera type, what it holds, and what predicting it would be.

    Memory grows with the distinct values of a column, of which at most 21 are kept, not with the table.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    columns: dict[str, dict[str, Any]] = {
        field.name: {"type": field.type, "missing": 0, "values": set(), "range": None, "rows": file.metadata.num_rows}
        for field in file.schema_arrow
    }
    for batch in file.iter_batches(batch_size=65536):
        for name, column in columns.items():
            values = batch.column(batch.schema.get_field_index(name))
            column["missing"] += values.null_count
            if len(column["values"]) <= 20 and not pa.types.is_nested(values.type):
                column["values"] |= {value for value in pc.unique(values).to_pylist() if value is not None}
            if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
                seen = pc.min_max(values).as_py()
                if seen["min"] is not None:
                    low, high = column["range"] or (seen["min"], seen["max"])
                    column["range"] = (min(low, seen["min"]), max(high, seen["max"]))
    for column in columns.values():
        few = len(column["values"]) <= 20
        column["dtype"] = _dtype(column["type"])
        classes = column["dtype"] in ("str", "boolean", None) or (column["dtype"] == "Int64" and few)
        column["problem_type"] = "classification" if classes else "regression"
        column["categories"] = sorted(column["values"]) if column["dtype"] == "str" and few else None
    return columns


def _dtype(type_: "pa.DataType") -> str | None:
    """The pandera type of an Arrow type, one that can hold missing values; None for what pandera does not check."""
    import pyarrow as pa

    if pa.types.is_boolean(type_):
        return "boolean"
    if pa.types.is_integer(type_):
        return "Int64"
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_) or pa.types.is_null(type_):
        return "float64"
    if pa.types.is_date(type_) or (pa.types.is_timestamp(type_) and type_.tz is None):
        return "datetime64[ns]"
    return "str" if pa.types.is_string(type_) or pa.types.is_large_string(type_) else None


def _schema_yaml(columns: dict[str, dict[str, Any]], source: str) -> str:
    """A pandera schema that the table holds: types, which columns may have missing values, and the categories seen."""
    lines = [
        f"# What a valid table looks like (pandera), inferred from {json.dumps(source, ensure_ascii=False)}.",
        "# Tighten it with what you know: checks such as in_range, isin, str_matches. nullable: missing values may be.",
        "columns:",
    ]
    for name, column in columns.items():
        lines.append(f"  {json.dumps(name, ensure_ascii=False)}:")
        seen = f"  # seen: {column['range'][0]:g} to {column['range'][1]:g}" if column["range"] else ""
        lines.append(f"    dtype: {column['dtype'] or 'null  # not checked'}{seen}")
        if column["missing"]:
            lines.append(f"    nullable: true  # {column['missing']} of {column['rows']} missing")
        if column["categories"]:
            lines.append(f"    checks: {{isin: {json.dumps(column['categories'], ensure_ascii=False)}}}")
    return "\n".join([*lines, "coerce: true", ""])
