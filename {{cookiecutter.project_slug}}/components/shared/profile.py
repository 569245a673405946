"""The profile of a table: of each column what is needed to say later whether another table's is distributed alike.

It is JSON. Columns are read batch by batch, and what is kept of each is bounded, however many rows there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as is_

from shared.features import feature, is_date
from shared.tables import batches, is_number, is_text, rows_of, schema_of

VERSION = 1
# Rows that quantiles are taken of, drawn by chance from all of the table; of a wide table fewer.
ROWS, FEWEST, CELLS = 100_000, 2_000, 4_000_000
# Quantiles of a column that are kept, where it has more values than that; of a wide table fewer.
POINTS, FEWEST_POINTS, ALL_POINTS = 1_000, 50, 400_000
CATEGORIES = 1_000  # different texts of a column that has categories; with more of them it is text
COUNTED, KEPT = 20_000, 100  # different texts that are counted at most, and those of a column of text that are kept
LETTERS = 200  # of a text that tell it from another
TIED = 5  # rows that hold the least value, or the greatest, where others beyond it are not to be expected


@dataclass
class Column:
    """What has been seen of a column so far. Numbers, dates (as seconds since 1970) and lengths of texts are values."""

    kind: str
    type_: str
    rows: int = 0
    known: int = 0
    least: float = np.inf
    greatest: float = -np.inf
    ends: list[int] = field(default_factory=lambda: [0, 0])  # rows that hold the least, and the greatest
    values: list[Any] = field(default_factory=list)  # of the rows that were drawn
    counts: dict[str, int] = field(default_factory=dict)
    others: int = 0  # rows with a text that is not in `counts`


def profile_of(
    table: Path, target: str = "", only: Sequence[str] = (), like: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """The profile of the Parquet file `table`, or of its columns `only`.

    With `like`, the columns of another profile, the categories of that one are counted, however rare they are here.
    """
    schema, rows = schema_of(table), rows_of(table)
    chosen = [field.name for field in schema if not only or field.name in only]
    before = {name: (like or {}).get(name, {}) for name in chosen}
    columns = {name: Column(kind_of(schema.field(name).type), str(schema.field(name).type)) for name in chosen}
    for name, column in columns.items():
        column.counts = dict.fromkeys(before[name].get("counts", {}), 0)
    sample = max(min(ROWS, CELLS // max(len(chosen), 1)), FEWEST)
    chance = np.random.default_rng(0)
    for batch in batches(table, chosen):
        drawn = chance.random(batch.num_rows) < sample / rows if rows > sample else slice(None)
        for name, values in zip(chosen, batch.columns, strict=True):
            add(columns[name], values, drawn, before[name].get("kind", "") if like else None)
    points = max(min(POINTS, ALL_POINTS // max(len(chosen), 1)), FEWEST_POINTS)
    entries = {name: entry(column, points, before[name]) for name, column in columns.items()}
    return {"version": VERSION, "rows": rows, "target": target, "columns": entries}


def kind_of(type_: Any) -> str:
    """number, date, text, empty for a type without values, or other for what is not compared."""
    if is_date(type_):
        return "date"
    if is_number(type_) or is_.is_time(type_) or is_.is_duration(type_):
        return "number"
    if is_text(type_) or is_.is_boolean(type_):
        return "text"
    return "empty" if is_.is_null(type_) else "other"


def add(column: Column, values: Any, drawn: Any, like: str | None) -> None:
    """Add a batch of values to a column, which is compared with one of the kind `like`, or with none."""
    column.rows += len(values)
    if column.kind in ("other", "empty"):
        column.known += len(values) - values.null_count
        return
    if column.kind == "text":
        texts = values.cast(pa.string()) if is_.is_boolean(values.type) else values
        count(column, texts.drop_null(), like)
        values = pc.utf8_length(texts)
    numbers = feature(values)
    there = numbers[~np.isnan(numbers)]
    column.known += len(there)
    if len(there):
        extend(column, float(there.min()), float(there.max()), there)
        some = numbers[drawn]
        column.values.append(some[~np.isnan(some)])


def count(column: Column, texts: Any, like: str | None) -> None:
    """Count the texts, in a column that is compared with another one of text only those that were found in that.

    Where they are too many for categories, they are not counted on, unless it is to be compared with categories.
    """
    if like == "text" and not column.counts:
        return
    if column.others and like is None:
        column.others += len(texts)
        return
    texts = pc.utf8_slice_codeunits(texts, 0, LETTERS)
    if like == "text":
        texts = texts.filter(pc.is_in(texts, pa.array(list(column.counts), pa.string())))
    found = texts.value_counts()
    for text, rows in zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True):
        if text in column.counts or len(column.counts) < COUNTED:
            column.counts[text] = column.counts.get(text, 0) + rows
        else:
            column.others += rows


def extend(column: Column, least: float, greatest: float, there: Any) -> None:
    """Take the ends of a batch's values, shape (rows,), into those of the column."""
    for i, (end, further) in enumerate(((least, least < column.least), (greatest, greatest > column.greatest))):
        if further:
            column.ends[i] = 0
        if further or end == (column.least, column.greatest)[i]:
            column.ends[i] += int((there == end).sum())
    column.least, column.greatest = min(least, column.least), max(greatest, column.greatest)


def entry(column: Column, points: int, like: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a column: numbers, and where it has categories, those; or as in `like`, the entry of another."""
    found: dict[str, Any] = {"kind": column.kind, "type": column.type_, "rows": column.rows}
    found["missing"] = column.rows - column.known
    if column.kind in ("other", "empty"):
        return found
    if column.kind == "text":
        found |= texts(column, like)
    if found["kind"] != "category":
        values = np.sort(np.concatenate([*column.values, np.empty(0)]))
        places = ((np.arange(points) + 0.5) * len(values) / points).astype(int) if len(values) > points else slice(None)
        found |= {"sampled": len(values), "values": values[places].tolist()}
    if column.kind != "text":
        least, greatest = (column.least, column.greatest) if column.known else (None, None)
        found |= {"least": least, "greatest": greatest, "open": sum(rows < TIED for rows in column.ends)}
    return found


def texts(column: Column, like: Mapping[str, Any]) -> dict[str, Any]:
    """The kind of a column of texts, and how many rows hold each: of categories all, of text the most frequent."""
    most = sorted(column.counts.items(), key=lambda each: (-each[1], each[0]))
    kind = like.get("kind", "")
    if kind not in ("category", "text"):
        kind = "text" if column.others or len(most) > CATEGORIES else "category"
        if kind == "text":
            most = [] if column.others else most[:KEPT]
    else:
        new = [each for each in most if each[0] not in like["counts"]]
        most = [each for each in most if each[0] in like["counts"]] + (new[:KEPT] if kind == "category" else [])
    single = sum(rows == 1 for _, rows in most)
    counts = dict(most)
    return {"kind": kind, "counts": counts, "others": column.known - sum(counts.values()), "single": single}
