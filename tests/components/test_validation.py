"""Validation: no row is lost, no check fails without a word, no slip in schema.yaml is passed over."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from markupsafe import escape

import preprocess
import validate
from helpers.steps import ANY, BOUGHT, COLOUR, KINDS, RANDOM, ROWS, SIZE, learnt, table, validated
from shared import hints
from shared.step import StepError
from shared.tables import account_for_rows, batches, read

# Rows in, rows out


def test_rows_that_are_lost_or_made_up_fail_the_step(tmp_path: Path) -> None:
    whole, part = table(tmp_path / "whole"), tmp_path / "part"
    pq.write_table(pq.read_table(whole).slice(0, 50), part)
    account_for_rows(whole, part, left_out=10)
    for dropped in (0, 9, 11):
        with pytest.raises(StepError, match=rf"60 rows were read, 50 written and {dropped} left out"):
            account_for_rows(whole, part, left_out=dropped)


@pytest.mark.parametrize(("step", "module"), [("validation", validate), ("preprocessing", preprocess)])
def test_a_batch_that_is_not_written_fails_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, module: Any
) -> None:
    path = tmp_path / "table"
    rows = 70_000
    pq.write_table(pa.table({"size": np.arange(float(rows)), "bought": np.arange(rows) % 2}), path)

    def without_the_last(*arguments: Any) -> Iterator[Any]:
        yield from list(batches(*arguments))[:1]

    monkeypatch.setattr(module, "batches", without_the_last)
    with pytest.raises((StepError, IndexError), match=r"rows were (read|there)|boolean index"):
        validated(path, ANY) if step == "validation" else learnt(path)
    assert not (tmp_path / "validated").exists() and not (tmp_path / "train").exists()


@pytest.mark.parametrize("dtype", ["datetime64[ns]", "datetime64[us]", "null"])
@pytest.mark.parametrize("type_", [pa.date32(), pa.timestamp("s"), pa.timestamp("us", "UTC")])
def test_a_last_date_of_the_year_9999_loses_no_row(tmp_path: Path, dtype: str, type_: Any) -> None:
    rows = 70_000
    until = pa.array([dt.datetime(2026, 5, 1)] * (rows - 1) + [dt.datetime(9999, 12, 31)], pa.timestamp("s"))
    path = tmp_path / "table"
    pq.write_table(pa.table({"valid_until": until.cast(type_), "n": np.arange(rows)}), path)
    out = validated(
        path, f"columns: {{valid_until: {{dtype: '{dtype}'}}, n: {{dtype: Int64}}}}".replace("'null'", "null")
    )
    assert pq.read_table(out).equals(pq.read_table(path))


def test_what_the_schema_says_nothing_of_is_written_as_it_came(tmp_path: Path) -> None:
    columns = {name: make() for name, make in KINDS.items()}
    path = table(tmp_path / "table", **columns)
    assert read(validated(path, ANY)).equals(read(path))


def test_a_table_that_is_as_declared_is_copied_as_it_lies(tmp_path: Path) -> None:
    path = table(tmp_path / "table")
    schema = "columns: {size: {dtype: float64}, colour: {dtype: str}}"
    assert validated(path, schema).read_bytes() == path.read_bytes()
    said = pq.read_table(path).replace_schema_metadata({"pandas": "an index"})
    pq.write_table(said.cast(pa.schema([pa.field(f.name, f.type) for f in said.schema], said.schema.metadata)), path)
    assert pq.read_schema(validated(path, schema)).metadata is None, "of what only pandas knows nothing is kept"


def test_what_changes_in_a_later_batch_alone_loses_no_row(tmp_path: Path) -> None:
    size = np.arange(150_000.0)
    size[140_000] = np.nan
    path = tmp_path / "table"
    pq.write_table(pa.table({"size": size, "n": np.arange(150_000)}), path)
    out = validated(path, "columns: {size: {dtype: float64, default: -1.0}, n: {dtype: Int64}}")
    size[140_000] = -1
    assert read(out).to_pydict() == {"size": size.tolist(), "n": list(range(150_000))}


# No failure without an entry

N = "nullable: true"
BROKEN: dict[str, tuple[str, str]] = {
    "strict": ("strict: true\ncolumns: {size: {}, colour: {}}", r"column_in_schema.*'bought'"),
    "ordered": ("ordered: true\ncolumns: {colour: {}, size: {}, bought: {}}", "column_ordered.*'size'"),
    "a number": (
        "columns: {size: {checks: {gt: 1000}}}",
        r"greater_than\(1000\) failed for 60 rows \(e\.g\. row 1: [\d.]+\)",
    ),
    "a check that throws": ("columns: {colour: {checks: {gt: 3}}}", r"colour: greater_than\(3\) failed.*TypeError"),
    "a coercion of a whole column": ("columns: {when: {dtype: 'datetime64[ns]'}}", r"when: type\('datetime64\[ns\]'\)"),
    "a coercion of some rows": ("columns: {colour: {dtype: Int64}}", "colour: type.*60 rows.*row 1: "),
    "unique": ("columns: {colour: {unique: true}}", r"colour: unique failed for 57 rows \(e.g. row"),
    "unique together": (
        "unique: [colour, bought]\ncolumns: {colour: {}}",
        r"colour, bought: unique failed for 5\d rows",
    ),
    "unique and not there": ("unique: [colour, shape]\ncolumns: {colour: {}}", "shape: the column is missing"),
    "no column of that pattern": ("columns: {'x_.*': {regex: true}}", "no_regex_column_match"),
    "a column that is missing": ("columns: {shape: {}}", "shape: the column is missing"),
    "the index": ("index: [{checks: {lt: 2}}]\ncolumns: {size: {}}", r"less_than\(2\) failed for 58 rows"),
    "a missing value": ("columns: {half: {}}", r"half: not_nullable failed for 30 rows \(e.g. row 2"),
    "a distribution": ("columns: {size: {checks: {unique_values_eq: {values: [1]}}}}", "size: unique_values_eq"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_check_that_fails_is_said_and_reported(tmp_path: Path, what: str) -> None:
    schema, says = BROKEN[what]
    half = pa.array([i if i % 2 == 0 else None for i in range(ROWS)])
    path = table(tmp_path / "table", half=half, when=["9999-12-31"] * ROWS)
    if what in ("strict", "ordered"):
        path = table(tmp_path / "table")
    with pytest.raises(StepError, match=says):
        validated(path, schema)
    assert not (tmp_path / "validated").exists()
    page = (tmp_path / "validation.html").read_text(encoding="utf-8")
    assert "1 check failed" in page or "2 checks failed" in page


def test_what_is_unique_is_so_over_all_batches(tmp_path: Path) -> None:
    rows = 70_000
    path = tmp_path / "table"
    ids = np.arange(rows)
    ids[-1] = 3
    pq.write_table(pa.table({"a": ids, "b": np.zeros(rows)}), path)
    for schema in ("columns: {a: {unique: true}}", "unique: [a, b]\ncolumns: {a: {}}", "unique: a\ncolumns: {a: {}}"):
        with pytest.raises(StepError, match=r"unique failed for 1 row \(e.g. row 70000"):
            validated(path, schema)


MISSPELT = {
    "columns: {size: {dtyp: float64}}": "column 'size' cannot have 'dtyp'. Did you mean 'dtype'?",
    "columns: {size: {nulable: true}}": "column 'size' cannot have 'nulable'. Did you mean 'nullable'?",
    "colums: {size: {}}": "the schema cannot have 'colums'. Did you mean 'columns'?",
    "strickt: true\ncolumns: {size: {}}": "the schema cannot have 'strickt'. Did you mean 'strict'?",
    "columns: {size: {checks: {in_rang: {min_value: 1, max_value: 2}}}}": "'in_rang'. Did you mean 'in_range'?",
    "columns: {size: {checks: {in_range: {min_valu: 1, max_value: 2}}}}": "is not a schema: TypeError",
    "columns: {size: {checks: {gt: 1}, isin: [2]}}": "column 'size' cannot have 'isin'",
    "columns: {size: {checks: {gt: {value: 1, options: {ignore: true}}}}}": "options of gt cannot have 'ignore'",
    "drop_invalid_rows: true\ncolumns: {size: {}}": "the schema cannot have 'drop_invalid_rows'",
    "index: [{dtyp: int64}]\ncolumns: {size: {}}": "cannot have 'dtyp'",
    "columns: [size]": "is not a schema",
    "columns: 3": "is not a schema",
    "- size": "is not a schema",
    "columns: {size: {dtype: flaot}}": "is not a schema",
    "columns: {size": "is not a schema: ParserError",
}


@pytest.mark.parametrize("schema", MISSPELT)
def test_a_slip_in_the_schema_is_refused_by_name(tmp_path: Path, schema: str) -> None:
    with pytest.raises(StepError, match=re.escape(MISSPELT[schema])):
        validated(table(tmp_path / "table"), schema)


def test_checks_may_stand_beside_the_other_keys_of_a_column(tmp_path: Path) -> None:
    validated(
        table(tmp_path / "table"), "columns: {size: {dtype: float64, gt: 0, in_range: {min_value: 0, max_value: 99}}}"
    )


# What is odd about a column


def test_the_validation_report_notes_what_tells_a_model_nothing_or_too_much(tmp_path: Path) -> None:
    odd = {
        "same": ["x"] * ROWS,
        "id": [f"C{i:05}" for i in range(ROWS)],
        "number": np.arange(ROWS),
        "rare": pa.array([1.5, 2.5] + [None] * (ROWS - 2)),
        "none": pa.nulls(ROWS),
        "size in mm": SIZE,
        "Farbe": [{"red": "rot", "green": "grün", "blue": "blau"}[colour] for colour in COLOUR],
    }
    validated(table(tmp_path / "table", **odd), ANY)
    page = (tmp_path / "validation.html").read_text(encoding="utf-8")
    notes = dict(re.findall(r"<tr><td>([^<]+)</td>.*<td>([^<]*)</td></tr>", page))
    assert notes == {
        "size": "",
        "colour": "",
        "bought": "",
        "same": "one value: it tells a model nothing",
        "id": "another value in each row: a model learns nothing from it",
        "number": "counts the rows: a model learns nothing from it",
        "rare": "nearly all missing",
        "none": "no values",
        "size in mm": "says the same as &#39;size&#39;",
        "Farbe": "says the same as &#39;colour&#39;",
    }


def test_hints_of_leakage_are_in_the_report_and_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    knows = {
        "outcome": np.where(BOUGHT == "yes", "A", "B"),
        "paid": pa.array([float(i) if bought == "yes" else None for i, bought in enumerate(BOUGHT)]),
        "refused": pa.array([None if bought == "yes" else "r" for bought in BOUGHT]),
        "list": [[1]] * ROWS,
    }
    validated(table(tmp_path / "table", **knows), ANY, target="bought")
    page, said = (tmp_path / "validation.html").read_text(encoding="utf-8"), capsys.readouterr().out
    for name, what in {
        "outcome": "alone predicts the target",
        "paid": "has values only where the target is 'yes'",
        "refused": "has values only where the target is 'no'",
    }.items():
        assert f"column {name!r} {what}: is it known before the event?" in said
        assert re.search(rf"<tr><td>{name}</td>.*{re.escape(str(escape(what)))}: is it known", page)
    assert said.count("known before the event") == 3


def test_a_near_copy_of_a_quantity_is_a_hint_of_leakage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path / "table", **{"in mm": -10 * SIZE + 0.001 * RANDOM.normal(size=ROWS)})
    validated(path, ANY, target="size", problem_type="regression")
    assert "column 'in mm' goes up and down with the target as a copy of it does" in capsys.readouterr().out
    for nothing in ("", "nosuch", "list"):
        validated(table(tmp_path / "table", list=[[1]] * ROWS), ANY, target=nothing)
    assert "known before" not in capsys.readouterr().out


@pytest.mark.parametrize(("rows", "width"), [(300_000, 3), (5_000, 1_500), (30, 5_000)])
def test_what_is_looked_at_for_hints_is_bounded(tmp_path: Path, rows: int, width: int) -> None:
    names = [f"c{n}" for n in range(width)]
    pq.write_table(pa.table([pa.array(np.arange(rows) % 7)] * width, names), tmp_path / "table", row_group_size=50_000)
    looked_at = hints.sample(tmp_path / "table")
    assert looked_at.num_rows <= hints.ROWS
    assert looked_at.num_rows * width <= hints.CELLS or looked_at.num_rows <= hints.FEWEST
    assert looked_at.num_rows >= min(rows, hints.FEWEST) * 0.9


def test_what_comes_from_data_is_text_in_every_report(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    path = table(tmp_path / "table", **{evil: [f"{evil}{i % 3}" for i in range(ROWS)]})
    out = validated(path, ANY)
    learnt(out, evil)
    for name in ("validation.html", "report.html"):
        page = (tmp_path / name).read_text(encoding="utf-8")
        assert "<script" not in page and "&lt;script&gt;alert(1)" in page
