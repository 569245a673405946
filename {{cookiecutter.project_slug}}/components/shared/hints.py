"""Hints of leakage: columns that tell of the target what nobody knows before the event."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as is_

ROWS = 20_000  # that are looked at, from all over the table
LEAST = 5  # rows of a value, or of a class, that say anything
ALMOST = 0.99


def leaks(path: Any, target: str, problem_type: str) -> dict[str, str]:
    """What is suspicious of the columns of the Parquet file `path`, by name: one phrase each."""
    return dict(suspicions(sample(path), target, problem_type == "classification"))


def sample(path: Any) -> Any:
    """About ROWS rows from all over the table, with columns of plain values only."""
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        flat = [field.name for field in file.schema_arrow if not is_.is_nested(field.type)]
        groups = np.unique(np.linspace(0, file.num_row_groups - 1, 10).astype(int))
        share = max(1, ROWS // len(groups))
        parts = [next(file.iter_batches(share, row_groups=[group], columns=flat), None) for group in groups]
    return pa.Table.from_batches([part for part in parts if part is not None])


def suspicions(table: Any, target: str, classes: bool) -> Iterator[tuple[str, str]]:
    truth = table.column(target)
    known = pc.invert(pc.is_null(truth, nan_is_null=True))
    table, truth = table.filter(known), truth.filter(known)
    y = texts(truth) if classes else numbers(truth)
    if y is None or len(y) < 4 * LEAST:
        return
    for name in table.column_names:
        if name != target and (found := suspicion(table.column(name), y, classes)):
            yield name, found


def suspicion(column: Any, y: pd.Series, classes: bool) -> str:
    """What is suspicious of a column, given the target of its rows, shape (rows,); empty if nothing."""
    there = ~pc.is_null(column, nan_is_null=True).to_numpy(zero_copy_only=False)
    if classes and (only := where_filled(there, y)):
        return only
    if there.sum() < 4 * LEAST:
        return ""
    truth, column = y[there].reset_index(drop=True), column.filter(pa.array(there))
    x = numbers(column)
    if classes:
        told = alone(texts(column) if x is None or x.nunique() <= 20 else bins(x), truth)
        common = truth.value_counts(normalize=True).iloc[0]
        return "alone predicts the target" if told >= ALMOST and common < 0.95 else ""
    if x is not None and same_order(x, truth):
        return "goes up and down with the target as a copy of it does"
    return "alone predicts the target" if x is None and explained(texts(column), truth) >= ALMOST else ""


def where_filled(there: Any, y: pd.Series) -> str:
    """Whether a column has values in some classes and none in the others."""
    shares = pd.Series(there).groupby(y.to_numpy()).agg(["mean", "size"])
    shares = shares[shares["size"] >= LEAST]
    full, empty = shares.index[shares["mean"] >= ALMOST], shares.index[shares["mean"] <= 1 - ALMOST]
    some = shares.index[shares["mean"] > 1 - ALMOST]
    if len(some) == 1 and len(empty) and there.sum() >= LEAST:
        return f"has values only where the target is {some[0]!r}"
    if len(empty) == 1 and len(full) == len(shares) - 1 and len(full):
        return f"is missing exactly where the target is {empty[0]!r}"
    return ""


def alone(x: pd.Series, y: pd.Series) -> float:
    """The share of rows that the most common class of their value of `x` gets right; 0 where values are too rare."""
    counts = pd.crosstab(x, y)
    counts = counts[counts.sum(axis=1) >= LEAST]
    rows = counts.to_numpy().sum()
    return float(counts.max(axis=1).sum() / rows) if rows >= 0.9 * len(y) else 0.0


def explained(x: pd.Series, y: pd.Series) -> float:
    """The share of the variance of `y` that the values of `x` explain; 0 where values are too rare."""
    groups = y.groupby(x)
    if groups.size().median() < LEAST or not y.var():
        return 0.0
    return float(1 - ((y - groups.transform("mean")) ** 2).mean() / y.var(ddof=0))


def bins(x: pd.Series) -> pd.Series:
    """Numbers in up to 50 bins of about as many rows each, equal ones in the same."""
    count = min(50, max(2, len(x) // (2 * LEAST)))
    return ((x.rank() - 1) * count // len(x)).astype(int)


def same_order(x: pd.Series, y: pd.Series) -> bool:
    """Whether two columns of numbers rank the rows alike, or exactly the other way round, up to a little noise."""
    if y.nunique() < 10 or x.nunique() < 10:
        return False
    return bool(abs(np.corrcoef(x.rank(), y.rank())[0, 1]) >= 0.999)


def numbers(column: Any) -> pd.Series | None:
    """A column of numbers, flags or dates as float64; None for others."""
    type_ = column.type
    if is_.is_date(type_) or is_.is_timestamp(type_):
        column = column.cast(pa.timestamp("s", getattr(type_, "tz", None)), safe=False).cast(pa.int64())
    elif is_.is_time(type_) or is_.is_duration(type_):
        column = column.cast(pa.int32() if type_.bit_width == 32 else pa.int64())
    elif not (is_.is_integer(type_) or is_.is_floating(type_) or is_.is_decimal(type_) or is_.is_boolean(type_)):
        return None
    return pd.Series(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def texts(column: Any) -> pd.Series:
    return pd.Series([str(value) for value in column.to_pylist()], dtype=object)
