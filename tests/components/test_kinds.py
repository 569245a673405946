"""Every kind of column that a Parquet table can have is learnt from, or left out by name."""

import datetime as dt
import decimal
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import predict
from helpers.steps import ANY, BOUGHT, COLOUR, KINDS, NESTED, ROWS, SIZE, learnt, table, validated
from shared.features import feature
from shared.step import StepError
from shared.tables import read


def test_a_table_with_every_kind_of_column_is_learnt_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path / "table", **{name: make() for name, make in KINDS.items()})
    out = validated(path, ANY)
    learnt(out)
    said = capsys.readouterr().out
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    for name in NESTED:
        assert f"column {name!r} is left out: it holds" in said
        assert re.search(rf"\| {name} \| left out: it holds .* and a model takes single values", card)
    for name in KINDS.keys() - {"null", *NESTED}:
        assert f"| {name} | " in card
    assert "column 'uuid' is left out: it has another value in nearly every row" in said
    assert re.findall(r"^\| (\w+: [\w ]+) \| number", card, re.MULTILINE)[:3] == DATES
    kept = read(tmp_path / "predictions")
    assert kept.num_rows == 12 and set(KINDS) < set(kept.column_names)


DATES = ["date: day of year", "date: weekday", "timestamp: hour"]  # what differs from row to row

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
    "20 digits": ("regression", lambda: pa.array([10**20 + round(x) * 10**3 for x in SIZE], pa.decimal128(38, 0))),
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
