"""What is in each column: how much is missing, how the rest is distributed, and what a model should not learn from."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup
from pyarrow.parquet import ParquetFile

from shared.features import feature
from shared.plots import histogram
from shared.tables import rows_of, schema_of

SAMPLE = 10_000  # rows, about so many and by chance, that the distributions of a larger table are drawn from


class Survey:
    """How many values each column of a table lacks, and about SAMPLE of its rows, each with the same chance."""

    def __init__(self, table: Path) -> None:
        self._schema = schema_of(table)
        self.missing = Counter(dict.fromkeys(self._schema.names, 0))
        self._share = min(SAMPLE / max(rows_of(table), 1), 1)
        self._chance = np.random.default_rng(0)
        self._drawn: list[Any] = []

    def add(self, batch: Any) -> None:
        for name, column in zip(self._schema.names, batch.columns, strict=True):
            self.missing[name] += pc.sum(pc.is_null(column, nan_is_null=True)).as_py() or 0
        self._drawn.append(batch.filter(pa.array(self._chance.random(batch.num_rows) < self._share)))

    def sample(self) -> Any:
        return pa.Table.from_batches(self._drawn, self._schema)


def describe(
    table: Path, sample: Any, missing: Mapping[str, int], hints: Mapping[str, str]
) -> list[tuple[object, ...]]:
    """A row for each column: name, type, missing values, a histogram, the values in words, and what is to be noted.

    `hints` are notes on some columns, by name.
    """
    rows, extent = rows_of(table), extents(table)
    values = {field.name: feature(sample.column(field.name)) for field in sample.schema}
    same = copies(values)
    described: list[tuple[object, ...]] = []
    for field in sample.schema:
        name, gaps = field.name, missing[field.name]
        known = values[name][~pd.isna(values[name])]
        if known.dtype == float and field.type != pa.bool_() and len(known):
            ends = [f"{end:g}" if isinstance(end, float) else str(end) for end in extent.get(name, ())]
            plot: Markup | str = histogram(spread(known))
            words = " to ".join(ends)
        else:
            common = Counter(map(str, sample.column(name).drop_null().to_pylist()))
            shares = [f"{value[:50]} {count / common.total():.0%}" for value, count in common.most_common(5)]
            words = ", ".join(shares + [f"{len(common) - 5} more"] * (len(common) > 5))
            plot = histogram([count for _, count in common.most_common(20)]) if common else ""
        share = f"{gaps} ({gaps / rows:.1%})" if gaps else ""
        counts = is_count(field.type, extent.get(name), rows)
        noted = [*notes(field.type, known, gaps, rows, counts), *same.get(name, []), hints.get(name, "")]
        described.append((name, field.type, share, plot, words, "; ".join(filter(None, noted))))
    return described


def is_count(type_: Any, ends: tuple[Any, Any] | None, rows: int) -> bool:
    """Whether whole numbers, if all are different, are those from the least to the greatest."""
    return bool(ends and pa.types.is_integer(type_) and ends[1] - ends[0] == rows - 1)


def notes(type_: Any, known: Any, gaps: int, rows: int, counts: bool) -> list[str]:
    """What is odd about a column, of which `known` are the values in the sample, without the missing ones."""
    distinct = len(np.unique(known.astype(str))) if known.dtype == object else len(np.unique(known))
    found = ["nearly all missing"] if rows > gaps >= 0.95 * rows else []
    if gaps == rows:
        found.append("no values")
    elif distinct == 1 and len(known) > 1:
        found.append("one value: it tells a model nothing")
    elif distinct == len(known) > 20 and (known.dtype == object or pa.types.is_integer(type_)):
        what = "counts the rows" if counts and not gaps else "another value in each row"
        found.append(f"{what}: a model learns nothing from it")
    return found


def copies(values: dict[str, Any]) -> dict[str, list[str]]:
    """Of each column, those before it that say the same of every row, if in other words ("m" for "male")."""
    first, found = dict[bytes, str](), dict[str, list[str]]()
    for name, array in values.items():
        codes, distinct = pd.factorize(array)
        if len(distinct) < 2:
            continue
        # Where every row has its own value, other words would say the same of any column: only equal values count.
        equal = array.tobytes() if array.dtype == float else "\0".join(map(str, array)).encode()
        key = equal if len(distinct) > len(array) / 2 else codes.tobytes()
        if (other := first.setdefault(key, name)) != name:
            found[name] = [f"says the same as {other!r}"]
    return found


def spread(values: Any) -> list[int]:
    """How many of the values, shape (n,), are in each 20th of their range, however large or small that is."""
    values = values / 4  # so that even the range of the largest numbers is one
    low, width = values.min(), np.ptp(values)
    return np.bincount(((values - low) / width * 19.999).astype(int), minlength=20).tolist() if width else [len(values)]


def extents(table: Path) -> dict[str, tuple[Any, Any]]:
    """The least and the greatest value of each column, as far as the file's own statistics can tell."""
    found = dict[str, tuple[Any, Any]]()
    with ParquetFile(table) as file:
        about = file.metadata
        for group, i in product(range(about.num_row_groups), range(about.num_columns)):
            column = about.row_group(group).column(i)
            with suppress(OverflowError):  # a date that Python has not
                if (known := column.statistics) and known.has_min_max and not isinstance(known.min, str | bytes):
                    low, high = found.get(column.path_in_schema, (known.min, known.max))
                    found[column.path_in_schema] = min(low, known.min), max(high, known.max)
    return found
