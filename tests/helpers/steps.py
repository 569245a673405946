"""The steps of the project as functions, on small tables that are made here."""

import datetime as dt
import decimal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import predict
import preprocess
import train
import validate

ROWS = 60
RANDOM = np.random.default_rng(0)
SIZE = RANDOM.normal(50, 10, ROWS).round(2)
COLOUR = RANDOM.choice(["red", "green", "blue"], ROWS)
BOUGHT = np.where((SIZE > 50) | (COLOUR == "red"), "yes", "no")


def table(path: Path, **columns: Any) -> Path:
    """A Parquet file of 60 rows whose `bought` can be learnt from `size` and `colour`, with `columns` besides."""
    pq.write_table(pa.table({"size": SIZE, "colour": COLOUR, "bought": BOUGHT} | columns), path)
    return path


def validated(path: Path, schema: str, **options: Any) -> Path:
    """The table of the validation step."""
    out = path.with_name("validated")
    path.with_name("schema.yaml").write_text(schema, encoding="utf-8")
    validate.main(path, out, path.with_name("validation.html"), path.with_name("schema.yaml"), **options)
    return out


def learnt(
    path: Path, target: str = "bought", problem_type: Any = "classification", **options: int
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
