"""What a model takes of a table: numbers, and text for categories. Dates give numbers that trees can split."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as is_

from shared.tables import is_number, is_text

SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}  # what a number of a time's unit is divided by
# Of a date: what tells a part of it, and what must differ from row to row for it to tell anything. The first of each
# January has a weekday too, but one that says no more than the year.
PARTS = {
    "day of year": (pc.day_of_year, pc.month),
    "weekday": (pc.day_of_week, pc.day),
    "hour": (pc.hour, pc.hour),
}


def feature_names(table: Any, target: str) -> tuple[list[str], dict[str, str]]:
    """The features that a table has, and of the columns that are none, why.

    A column is a feature by its own name. Of dates, "name: weekday" and its like are features too, if they differ.
    """
    names, left_out = list[str](), dict[str, str]()
    for name in table.column_names:
        type_ = table.column(name).type
        if name == target:
            continue
        if is_.is_nested(type_):
            left_out[name] = f"it holds {type_}, and a model takes single values"
            continue
        names.append(name)
        if is_date(type_):
            names += [f"{name}: {part}" for part in parts_that_differ(table.column(name))]
    return list(dict.fromkeys(names)), left_out


def parts_that_differ(column: Any) -> list[str]:
    """The PARTS that tell something of these dates; a day alone has no hour."""
    local = as_local(column)
    known = [part for part in PARTS if part != "hour" or is_.is_timestamp(column.type)]
    return [part for part in known if pc.count_distinct(PARTS[part][1](local)).as_py() > 1]


def column_of(feature: str, columns: Collection[str]) -> str:
    """The column that a feature is made of; "" if it is none of `columns`."""
    if feature in columns:
        return feature
    column, _, part = feature.rpartition(": ")
    return column if part in PARTS and column in columns else ""


def features(table: Any, names: Sequence[str]) -> Any:
    """The features `names` of a table, shape (rows, features): float64 with NaN, or text with None, where missing."""
    arrays, columns = {}, set(table.column_names)
    for name in names:
        column = table.column(column_of(name, columns))
        arrays[name] = feature(column) if name in columns else part(column, name.rpartition(": ")[2])
    # Each with its dtype: pandas would turn text into its own string type, which skops cannot store.
    return pd.DataFrame({name: pd.Series(array, dtype=array.dtype) for name, array in arrays.items()})


def feature(column: Any) -> Any:
    """A column as an array, shape (rows,): text, or float64 for all that is a number.

    Dates are seconds since 1970, times of day since midnight, durations seconds.
    """
    type_, divisor = column.type, 1
    if is_date(type_):
        column = column.cast(pa.timestamp("s", getattr(type_, "tz", None)), safe=False).cast(pa.int64())
    elif is_.is_time(type_) or is_.is_duration(type_):
        column, divisor = column.cast(pa.int32() if type_.bit_width == 32 else pa.int64()), SECOND[type_.unit]
    elif is_text(type_):
        return column.to_numpy(zero_copy_only=False)
    elif not (is_number(type_) or is_.is_boolean(type_) or is_.is_null(type_)):
        return np.array([None if value is None else str(value) for value in column.to_pylist()], dtype=object)
    return finite(column) if divisor == 1 else finite(column) / divisor


def part(column: Any, name: str) -> Any:
    """A part of each date, shape (rows,): the day of the year from 1, the weekday from 0 for Monday, or the hour."""
    return finite(PARTS[name][0](as_local(column)))


def as_local(column: Any) -> Any:
    """Dates as the clocks of their time zone show them."""
    return pc.local_timestamp(column) if getattr(column.type, "tz", None) else column


def finite(column: Any) -> Any:
    """Numbers as float64, shape (rows,): models take missing values as NaN, but no infinite ones."""
    numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    infinite = np.isinf(numbers)
    return np.where(infinite, np.nan, numbers) if infinite.any() else numbers


def is_date(type_: Any) -> bool:
    return bool(is_.is_date(type_) or is_.is_timestamp(type_))


def target_values(column: Any, problem_type: str) -> Any:
    """A target without missing values as an array, shape (rows,): text for classes, float64 for quantities."""
    if problem_type == "classification":
        return np.array([str(value) for value in column.to_pylist()])
    return feature(column)
