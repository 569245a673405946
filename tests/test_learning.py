"""The steps that learn, as functions: no row lost, no check without a word, every kind of column, and how good."""

import datetime as dt
import decimal
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import TEMPLATE

COMPONENTS = TEMPLATE / "{{cookiecutter.project_slug}}" / "components"
STEPS = ("validation", "preprocessing", "training", "prediction")
sys.path[:0] = [str(COMPONENTS), *(str(COMPONENTS / step / "src") for step in STEPS)]

import importance  # noqa: E402
import predict  # noqa: E402
import preprocess  # noqa: E402
import train  # noqa: E402
import validate  # noqa: E402
from shared.features import feature  # noqa: E402
from shared.step import StepError  # noqa: E402
from shared.tables import account_for_rows, batches, read  # noqa: E402

ROWS = 60
RANDOM = np.random.default_rng(0)
SIZE = RANDOM.normal(50, 10, ROWS).round(2)
COLOUR = RANDOM.choice(["red", "green", "blue"], ROWS)
BOUGHT = np.where((SIZE > 50) | (COLOUR == "red"), "yes", "no")


def table(path: Path, **columns: Any) -> Path:
    """A Parquet file of 60 rows whose `bought` can be learnt from `size` and `colour`, with `columns` besides."""
    pq.write_table(pa.table({"size": SIZE, "colour": COLOUR, "bought": BOUGHT} | columns), path)
    return path


def validated(path: Path, schema: str) -> Path:
    """The table of the validation step."""
    out = path.with_name("validated")
    path.with_name("schema.yaml").write_text(schema, encoding="utf-8")
    validate.main(path, out, path.with_name("validation.html"), path.with_name("schema.yaml"))
    return out


def learnt(
    path: Path, target: str = "bought", problem_type: Any = "classification", **options: Any
) -> dict[str, float]:
    """Split, train and predict; the metrics of both."""
    folder = path.parent
    preprocess.main(path, target, folder / "train", folder / "test", problem_type)
    names = ("model", "cv", "card.md", "predictions", "metrics", "evaluation", "report.html")
    model, cv, card, predictions, metrics, evaluation, report = (folder / name for name in names)
    train.main(folder / "train", target, model, cv, problem_type, model_card=card, **{"max_iter": 10} | options)
    predict.main(model, folder / "test", target, predictions, metrics, evaluation, report, problem_type)
    lines = (cv.read_text() + metrics.read_text()).splitlines()
    return {name: float(value) for name, value in map(str.split, lines)}


ANY = "columns: {size: {dtype: float64}}\n"

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


# No failure without an entry

N = "nullable: true"
BROKEN: dict[str, tuple[str, str]] = {
    "strict": ("strict: true\ncolumns: {size: {}, colour: {}}", r"column_in_schema.*'bought'"),
    "ordered": ("ordered: true\ncolumns: {colour: {}, size: {}, bought: {}}", "column_ordered.*'size'"),
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


# Every kind of column

KINDS: dict[str, Callable[[], Any]] = {
    "date": lambda: pa.array([dt.date(2020, 1, 1) + dt.timedelta(i) for i in range(ROWS)]),
    "far date": lambda: pa.array([dt.date(9999, 12, 31)] * ROWS),
    "timestamp": lambda: pa.array([dt.datetime(2020, 1, 1, i % 24) for i in range(ROWS)], pa.timestamp("us")),
    "timestamp ns": lambda: pa.array(np.arange(ROWS) * 3_600_000_000_001, pa.timestamp("ns")),
    "timestamp with a zone": lambda: pa.array(np.arange(ROWS) * 3600, pa.timestamp("s", "Europe/Berlin")),
    "timestamp with an offset": lambda: pa.array(np.arange(ROWS) * 3600, pa.timestamp("s", "+02:00")),
    "time": lambda: pa.array([dt.time(i % 24, 30) for i in range(ROWS)], pa.time64("us")),
    "time in s": lambda: pa.array([dt.time(i % 24, 30) for i in range(ROWS)], pa.time32("s")),
    "duration": lambda: pa.array([dt.timedelta(hours=i) for i in range(ROWS)], pa.duration("ms")),
    "decimal": lambda: pa.array([decimal.Decimal(i) / 4 for i in range(ROWS)], pa.decimal128(30, 2)),
    "wide decimal": lambda: pa.array([decimal.Decimal(i) for i in range(ROWS)], pa.decimal256(60, 0)),
    "uint64": lambda: pa.array([2**64 - 1 - i for i in range(ROWS)], pa.uint64()),
    "big int": lambda: pa.array([2**63 - 1 - i if i % 2 else None for i in range(ROWS)], pa.int64()),
    "int8": lambda: pa.array([i if i % 2 else None for i in range(ROWS)], pa.int8()),
    "float16": lambda: pa.array(np.arange(ROWS, dtype=np.float16)),
    "float32": lambda: pa.array(np.arange(ROWS, dtype=np.float32)),
    "bool": lambda: pa.array([None if i % 3 == 0 else i % 2 == 0 for i in range(ROWS)]),
    "null": lambda: pa.nulls(ROWS),
    "string view": lambda: pa.array(COLOUR).cast(pa.string_view()),
    "large string": lambda: pa.array(COLOUR).cast(pa.large_string()),
    "binary": lambda: pa.array(COLOUR).cast(pa.binary()),
    "binary view": lambda: pa.array(COLOUR).cast(pa.binary()).cast(pa.binary_view()),
    "category": lambda: pa.array(COLOUR).dictionary_encode(),
    "category of numbers": lambda: pa.array(np.arange(ROWS) % 4).dictionary_encode(),
    "list": lambda: pa.array([[float(i), 1.0] for i in range(ROWS)]),
    "fixed list": lambda: pa.array([[float(i), 1.0] for i in range(ROWS)], pa.list_(pa.float32(), 2)),
    "struct": lambda: pa.array([{"a": i, "b": "x"} for i in range(ROWS)]),
    "map": lambda: pa.array([[("a", i)] for i in range(ROWS)], pa.map_(pa.string(), pa.int64())),
    "infinite": lambda: pa.array([float("inf") if i % 3 == 0 else -float(i) for i in range(ROWS)]),
    "huge": lambda: pa.array([1e300 * (i + 1) for i in range(ROWS)]),
    "uuid": lambda: pa.ExtensionArray.from_storage(
        pa.uuid(), pa.array([bytes([i] * 16) for i in range(ROWS)], pa.binary(16))
    ),
}
NESTED = ("list", "fixed list", "struct", "map")


def test_a_table_with_every_kind_of_column_is_learnt_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path / "table", **{name: make() for name, make in KINDS.items()})
    out = validated(path, ANY)
    learnt(out)
    said = capsys.readouterr().out
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    for name in NESTED:
        assert f"column {name!r} is left out: it holds" in said
        assert re.search(rf"\| {name} \| left out: a model takes no", card)
    for name in KINDS.keys() - {"null", *NESTED}:
        assert f"| {name} | " in card
    for name in ("date", "timestamp"):
        assert f"| {name}: weekday | number" in card
    assert "| timestamp: hour | number" in card and "| date: hour" not in card
    kept = read(tmp_path / "predictions")
    assert kept.num_rows == 12 and set(KINDS) < set(kept.column_names)


TARGETS: dict[str, tuple[str, Callable[[], Any]]] = {
    "category": ("classification", lambda: pa.array(COLOUR).dictionary_encode()),
    "category of numbers": ("classification", lambda: pa.array(np.arange(ROWS) % 3).dictionary_encode()),
    "bool": ("classification", lambda: pa.array(BOUGHT == "yes")),
    "float classes": ("classification", lambda: pa.array([float(i % 2) if i % 5 else None for i in range(ROWS)])),
    "dates as classes": ("classification", lambda: pa.array([dt.date(2020, 1, 1 + i % 2) for i in range(ROWS)])),
    "binary": ("classification", lambda: pa.array(BOUGHT).cast(pa.binary())),
    "string view": ("classification", lambda: pa.array(BOUGHT).cast(pa.string_view())),
    "time": ("classification", lambda: pa.array([dt.time(i % 2) for i in range(ROWS)])),
    "decimal": ("regression", lambda: pa.array([decimal.Decimal(round(x)) / 4 for x in SIZE], pa.decimal128(10, 2))),
    "float16": ("regression", lambda: pa.array(SIZE.astype(np.float16))),
    "uint64": ("regression", lambda: pa.array((SIZE * 1e17).astype(np.uint64))),
    "infinite": ("regression", lambda: pa.array([float("inf") if i % 9 == 0 else SIZE[i] for i in range(ROWS)])),
}


@pytest.mark.parametrize("what", TARGETS)
def test_every_kind_of_target_is_learnt(tmp_path: Path, what: str) -> None:
    problem_type, make = TARGETS[what]
    scores = learnt(table(tmp_path / "table", target=make()), "target", problem_type)
    assert ("accuracy" if problem_type == "classification" else "r2") in scores


@pytest.mark.parametrize("what", [*NESTED, "date", "time", "duration"])
def test_a_target_that_is_none_is_refused(tmp_path: Path, what: str) -> None:
    with pytest.raises(StepError, match=r"(a model predicts one value|is not a number).*Choose"):
        learnt(table(tmp_path / "table", target=KINDS[what]()), "target", "regression")


def test_times_are_numbers() -> None:
    def first(name: str) -> float:
        return float(feature(KINDS[name]())[1])

    assert first("time") == first("time in s") == 1.5 * 3600
    assert first("duration") == 3600
    assert first("date") == dt.datetime(2020, 1, 2, tzinfo=dt.UTC).timestamp()
    assert first("decimal") == 0.25 and first("uint64") == 2.0**64


def test_what_dates_held_in_training_they_hold_in_prediction(tmp_path: Path) -> None:
    path = table(tmp_path / "table", when=KINDS["date"]())
    learnt(path)
    again = [tmp_path / name for name in ("model", "other", "bought", "p", "m", "e", "r")]
    other = table(tmp_path / "other", when=["soon"] * ROWS)
    with pytest.raises(StepError, match="column 'when' held dates in training, and here it holds string"):
        predict.main(again[0], other, "bought", *again[3:])
    table(tmp_path / "other", when=pa.nulls(ROWS, pa.date32()))
    predict.main(again[0], other, "bought", *again[3:])


def test_calendar_parts_do_not_hide_a_column_of_that_name(tmp_path: Path) -> None:
    learnt(table(tmp_path / "table", when=KINDS["date"](), **{"when: day of year": COLOUR}))
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "| when: day of year | category" in card and "| when: weekday | number" in card


def test_a_weekday_that_decides_is_learnt(tmp_path: Path) -> None:
    days = [dt.date(2020, 1, 1) + dt.timedelta(i) for i in range(400)]
    path = tmp_path / "table"
    pq.write_table(pa.table({"day": days, "sold": [float(day.weekday() >= 5) for day in days]}), path)
    assert learnt(path, "sold", "regression", max_iter=50)["r2"] > 0.9


# Predictions


def test_a_table_keeps_its_own_columns_prediction_and_probability(tmp_path: Path) -> None:
    path = table(tmp_path / "table", prediction=SIZE * 2, probability=["high"] * ROWS)
    learnt(path)
    kept = pq.read_table(tmp_path / "predictions").to_pandas()
    assert (kept["prediction"] == kept["size"] * 2).all() and set(kept["probability"]) == {"high"}
    assert set(kept["model_prediction"]) <= {"yes", "no"} and kept["model_probability"].between(0.5, 1).all()


class Counting:
    """A model that counts what it is asked."""

    cells = 0

    def predict(self, x: Any) -> Any:
        self.cells += x.size
        return x["c0"].to_numpy()


@pytest.mark.parametrize("width", [1, 20, 82, 400, 3000])
def test_the_time_of_the_importance_is_bounded_whatever_the_width(width: int) -> None:
    x = pd.DataFrame(np.random.default_rng(0).normal(size=(1500, width)), columns=[f"c{i}" for i in range(width)])
    model = Counting()
    found = importance.importance(model, x, x["c0"].to_numpy(), list(x))
    assert model.cells < 2.2 * importance.CELLS + 2 * importance.ROWS * width
    assert found.columns[0][0] == "c0" and found.columns[0][1] > 0.5 and len(found.columns) == min(width, 20)
    assert all(mean == 0 for _, mean, _ in found.columns[1:])
    assert ("chosen by one shuffle" in found.words) == (width > 20)
    assert ("not looked at" in found.words) == (width > 1000)


# Training says what it does, and how good it is


def test_training_says_which_fold_it_is_at_and_how_long_it_took(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learnt(table(tmp_path / "table"), folds=3)
    said = capsys.readouterr().out
    assert re.findall(r"fold (\d) of 3: cv_accuracy of model .*, guess .*, linear .*; [\d.]+ s", said) == [
        "1",
        "2",
        "3",
    ]
    assert re.search(r"the model, from all 48 rows: [\d.]+ s", said)


def test_many_rows_are_judged_by_three_folds() -> None:
    from judgement import split

    for rows, number in ((100_000, 5), (100_001, 3)):
        assert split(np.arange(float(rows)), "regression", 0, 0).get_n_splits() == number
        assert split(np.array(["a", "b"] * (rows // 2 + 1)), "classification", 0, 0).get_n_splits() in (number, 3)


def test_early_stopping_is_an_option(tmp_path: Path) -> None:
    import skops.io

    from fitted import TRUSTED

    rows = 400
    x = np.random.default_rng(0).normal(size=rows)
    path = tmp_path / "table"
    pq.write_table(pa.table({"x": x, "y": np.where(x > 0, "a", "b")}), path)
    learnt(path, "y", early_stopping=3, max_iter=500)
    assert skops.io.load(tmp_path / "model", trusted=TRUSTED).named_steps["estimator"].n_iter_ < 500
    assert "| early_stopping | 3 |" in (tmp_path / "card.md").read_text()
    with pytest.raises(StepError, match=r"a class has too few rows.*Give early_stopping 0"):
        learnt(table(tmp_path / "few", rare=["a"] * 57 + ["b"] * 3), "rare", early_stopping=3)


@pytest.mark.parametrize(("option", "value"), [("early_stopping", -1), ("folds", 1), ("folds", -2), ("folds", 40)])
def test_a_number_that_means_nothing_is_refused(tmp_path: Path, option: str, value: int) -> None:
    with pytest.raises(StepError, match=f"{option} is {value}"):
        learnt(table(tmp_path / "table"), **{option: value})


def test_the_card_says_where_a_linear_model_does_better(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sklearn.datasets import load_diabetes

    path = tmp_path / "table"
    pq.write_table(pa.Table.from_pandas(load_diabetes(as_frame=True).frame), path)
    scores = learnt(path, "target", "regression", max_iter=100)
    assert scores["cv_r2_guess"] < 0.05 < scores["cv_r2"] < scores["cv_r2_linear"]
    verdict = r"By cross-validation, a linear model does better here: cv_r2 0\.\d+, against 0\.\d+ of the model"
    assert re.search(verdict, capsys.readouterr().out)
    card = (tmp_path / "card.md").read_text()
    assert re.search(verdict.replace("_", r"\\?_"), card)
    assert re.search(r"\| a linear model \| 0\.\d+ \| \d", card)


def test_numbers_that_a_linear_model_cannot_take_cost_the_comparison_alone(tmp_path: Path) -> None:
    scores = learnt(table(tmp_path / "table", huge=np.where(np.arange(ROWS) % 2, 1.7e308, -1.7e308)))
    assert "cv_accuracy" in scores and "cv_accuracy_linear" not in scores


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
        "number": "another value in each row: a model learns nothing from it",
        "rare": "nearly all missing",
        "none": "no values",
        "size in mm": "says the same as &#39;size&#39;",
        "Farbe": "says the same as &#39;colour&#39;",
    }


def test_what_comes_from_data_is_text_in_every_report(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    path = table(tmp_path / "table", **{evil: [f"{evil}{i % 3}" for i in range(ROWS)]})
    out = validated(path, ANY)
    learnt(out, evil)
    for name in ("validation.html", "report.html"):
        page = (tmp_path / name).read_text(encoding="utf-8")
        assert "<script" not in page and "&lt;script&gt;alert(1)" in page
