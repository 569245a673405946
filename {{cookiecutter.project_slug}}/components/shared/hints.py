"""Hints of leakage: columns that tell of the target what nobody knows before the event."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as is_

from shared.tables import is_number, plain, schema_of

# What is looked at, from all over the table: so many rows, or of a wide one fewer, so that the time is bounded.
ROWS, FEWEST = 20_000, 2_000
CELLS = 4_000_000
LEAST = 5  # rows of a value, or of a class, that say anything
ALMOST = 0.99


def leaks(path: Any, target: str, problem_type: str) -> dict[str, str]:
    """What is suspicious of the columns of the Parquet file `path`, by name: a phrase each."""
    if target not in schema_of(path).names:
        return {}
    found = suspicions(sample(path), target, problem_type == "classification")
    return {name: f"{said}: is it known before the event?" for name, said in found}


def sample(path: Any) -> Any:
    """About ROWS rows from all over the table, with columns of plain values only."""
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        flat = [field.name for field in file.schema_arrow if not is_.is_nested(field.type)]
        groups = np.unique(np.linspace(0, file.num_row_groups - 1, 10).astype(int))
        rows = min(ROWS, max(CELLS // max(len(flat), 1), FEWEST))
        parts = [
            next(file.iter_batches(rows // len(groups), row_groups=[group], columns=flat), None) for group in groups
        ]
    return pa.Table.from_batches([plain(part) for part in parts if part is not None])


def suspicions(table: Any, target: str, classes: bool) -> Iterator[tuple[str, str]]:
    if target not in table.column_names:  # its values are nested
        return
    truth = table.column(target)
    known = pc.invert(pc.is_null(truth, nan_is_null=True))
    table, truth = table.filter(known), truth.filter(known)
    y, names = coded(truth) if classes else (numbers(truth), [])
    if y is None or len(y) < 4 * LEAST:
        return
    for name in table.column_names:
        if name != target and (found := suspicion(table.column(name), y, names, classes)):
            yield name, found


def suspicion(column: Any, y: Any, names: list[str], classes: bool) -> str:
    """What is suspicious of a column, given the target of its rows, shape (rows,); empty if nothing.

    A target of classes is the position of each in `names`.
    """
    known = pc.invert(pc.is_null(column, nan_is_null=True))
    there = array_of(known).astype(bool)
    if classes and not there.all() and (only := where_filled(there, y, names)):
        return only
    if there.sum() < 4 * LEAST:
        return ""
    truth, column = y[there], column.filter(known)
    x = numbers(column)
    if classes:
        common = np.bincount(truth).max() / len(truth)
        told = alone(coded(column)[0] if x is None else bins(x), truth) if common < 0.95 else 0
        return "alone predicts the target" if told >= ALMOST else ""
    if x is not None and same_order(x, truth):
        return "goes up and down with the target as a copy of it does"
    return "alone predicts the target" if x is None and explained(coded(column)[0], truth) >= ALMOST else ""


def where_filled(there: Any, y: Any, names: list[str]) -> str:
    """Whether a column has values in some classes and none in the others."""
    sizes, filled = np.bincount(y, minlength=len(names)), np.bincount(y, there, minlength=len(names))
    enough = np.flatnonzero(sizes >= LEAST)
    shares = filled[enough] / sizes[enough]
    full, some, empty = shares >= ALMOST, shares > 1 - ALMOST, shares <= 1 - ALMOST
    if some.sum() == 1 and empty.any() and there.sum() >= LEAST:
        return f"has values only where the target is {names[enough[some.argmax()]]!r}"
    if empty.sum() == 1 and full.any() and full.sum() == len(shares) - 1:
        return f"is missing exactly where the target is {names[enough[empty.argmax()]]!r}"
    return ""


def alone(x: Any, y: Any) -> float:
    """The share of rows that the most common class of their value of `x` gets right; 0 where values are too rare."""
    rows, width = np.bincount(x), int(y.max()) + 1
    if rows[rows >= LEAST].sum() < 0.9 * len(y):
        return 0.0
    pairs, counts = np.unique(x * width + y, return_counts=True)
    most = np.zeros(len(rows))
    np.maximum.at(most, pairs // width, counts)
    return float(most[rows >= LEAST].sum() / rows[rows >= LEAST].sum())


def explained(x: Any, y: Any) -> float:
    """The share of the variance of `y` that the values of `x` explain; 0 where values are too rare."""
    rows = np.bincount(x)
    if np.median(rows) < LEAST or not y.var():
        return 0.0
    means = np.bincount(x, y) / rows
    with np.errstate(all="ignore"):  # of numbers as large as they come
        return float(1 - ((y - means[x]) ** 2).mean() / y.var())


def bins(x: Any) -> Any:
    """Numbers as positions: up to 20 different ones each its own, and more in up to 50 bins of about as many rows."""
    distinct, codes = np.unique(x, return_inverse=True)
    if len(distinct) <= 20:
        return codes
    count = min(50, max(2, len(x) // (2 * LEAST)))
    return ((ranks(x) - 1) * count // len(x)).astype(int)


def same_order(x: Any, y: Any) -> bool:
    """Whether two columns of numbers rank the rows alike, or exactly the other way round, up to a little noise."""
    if len(np.unique(y)) < 10 or len(np.unique(x)) < 10:
        return False
    return bool(abs(np.corrcoef(ranks(x), ranks(y))[0, 1]) >= 0.999)


def ranks(x: Any) -> Any:
    """Ranks from 1 on, shape (rows,); of equal numbers each has the mean of theirs."""
    _, position, rows = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(rows) - (rows - 1) / 2)[position]


def numbers(column: Any) -> Any:
    """A column of numbers, flags or dates as float64, shape (rows,); None for others."""
    type_ = column.type
    if is_.is_date(type_) or is_.is_timestamp(type_):
        column = column.cast(pa.timestamp("s", getattr(type_, "tz", None)), safe=False).cast(pa.int64())
    elif is_.is_time(type_) or is_.is_duration(type_):
        column = column.cast(pa.int32() if type_.bit_width == 32 else pa.int64())
    elif not (is_number(type_) or is_.is_boolean(type_)):
        return None
    return array_of(column.cast(pa.float64(), safe=False))


def coded(column: Any) -> tuple[Any, list[str]]:
    """Values as their positions in a list of the different ones, as text."""
    whole = column.combine_chunks().dictionary_encode()
    return array_of(whole.indices).astype(np.int64), [str(value) for value in whole.dictionary.to_pylist()]


def array_of(column: Any) -> Any:
    """Values without gaps as an array, shape (rows,). pyarrow's own way imports pandas, which takes half a second."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.from_dlpack(whole.cast(pa.uint8()) if is_.is_boolean(whole.type) else whole)
