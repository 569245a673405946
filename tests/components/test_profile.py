"""What is kept of a table, to say later whether another one is like it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from helpers.steps import KINDS, NESTED, ROWS, table
from shared.profile import POINTS, profile_of


def entries(path: Path, **columns: Any) -> dict[str, Any]:
    pq.write_table(pa.table(columns), path)
    found: dict[str, Any] = profile_of(path)["columns"]
    return found


def test_every_kind_of_column_has_a_profile_that_is_json(tmp_path: Path) -> None:
    path = table(tmp_path / "table", **{name: make() for name, make in KINDS.items()})
    profile = profile_of(path, "bought")
    assert json.loads(json.dumps(profile, allow_nan=False)) == profile == profile_of(path, "bought")
    kinds = {name: entry["kind"] for name, entry in profile["columns"].items()}
    assert {kinds[name] for name in NESTED} == {"other"} and kinds["null"] == "empty"
    assert (kinds["size"], kinds["bool"], kinds["string view"], kinds["date"]) == (
        "number",
        "category",
        "category",
        "date",
    )
    assert (profile["rows"], profile["target"]) == (ROWS, "bought")


def test_values_ends_and_categories_are_counted_over_all_batches(tmp_path: Path) -> None:
    rows = 200_000
    number = np.arange(rows, dtype=float)
    number[::100] = np.nan
    found = entries(
        tmp_path / "t",
        number=number,
        text=[f"id {i}" for i in range(rows)],
        same=["x"] * rows,
        category=pa.array(np.arange(rows) % 900).cast(pa.string()),
    )
    values = np.array(found["number"]["values"])
    assert found["number"]["missing"] == rows // 100 and len(values) == POINTS
    assert (found["number"]["least"], found["number"]["greatest"]) == (1, rows - 1)
    assert abs(values - np.linspace(0, rows, POINTS)).max() < 0.01 * rows, "the quantiles are those of the whole table"
    assert found["text"]["kind"] == "text" and not found["text"]["counts"] and found["text"]["others"] == rows
    assert found["same"]["counts"] == {"x": rows}
    assert sum(found["category"]["counts"].values()) == rows and len(found["category"]["counts"]) == 900
    again = profile_of(tmp_path / "t", only=["same", "no such column"])
    assert list(again["columns"]) == ["same"]


def test_of_a_column_of_text_the_texts_of_the_other_are_counted(tmp_path: Path) -> None:
    rows = 150_000
    before = entries(tmp_path / "before", text=[f"id {i}" for i in range(3_000)])
    assert before["text"]["kind"] == "text" and len(before["text"]["counts"]) == 100
    known = list(before["text"]["counts"])
    texts = [known[i % 200] if i % 200 < 100 else f"new {i}" for i in range(rows)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "now")
    found = profile_of(tmp_path / "now", like=before)["columns"]["text"]
    assert found["counts"] == dict.fromkeys(known, rows // 200)
    assert (found["kind"], found["others"], found["missing"]) == ("text", rows // 2, 0)


def test_what_is_kept_does_not_grow_with_the_table(tmp_path: Path) -> None:
    wide = {f"c{i}": np.arange(2_000.0) for i in range(400)}
    assert len(json.dumps(entries(tmp_path / "wide", **wide))) < 12_000_000
    assert not entries(tmp_path / "none", nothing=pa.array([], pa.float64()))["nothing"]["values"]
