"""What the columns of a gathered table hold: kinds, gaps, ranges, and what a person should look at."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EXACT = 200_000  # rows up to which distinct values are counted one by one
SOON = 50_000  # rows among which a value may come again already
AT_ONCE = 25  # columns that one query counts: its memory, and what it takes to plan it, is that of these
FEW = 20  # values that are listed, and of a text those that training makes columns of
ROWS, LEARNT = 5, 0.8  # of a text, on average, from which training takes its mean target; and the share it sees


@dataclass
class Column:
    """A column of the table. `low` and `high` are of numbers and times, `values` all those of a column with few."""

    name: str
    kind: str  # number, category, text, date, time, left out
    type: Any  # the Arrow type
    rows: int
    missing: int
    distinct: int  # about, where the table is large and they are many
    low: Any = None
    high: Any = None
    values: dict[Any, int] | None = None  # value: rows, most frequent first
    examples: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def columns_of(path: Path) -> list[Column]:
    """The columns of the Parquet file `path`, by one pass over it and a look at those with few values."""
    import duckdb
    from pyarrow.parquet import read_schema

    schema = read_schema(path)
    # Columns go by their number: DuckDB takes names that differ in capitals only for the same.
    numbered = ", ".join(f"c{number}" for number in range(len(schema)))
    table = "read_parquet('" + str(path).replace("'", "''") + f"') AS t({numbered})"
    with duckdb.connect(config={"memory_limit": "600MB", "threads": 4}) as connection:
        columns = _counted(connection, table, schema)
        for number, column in enumerate(columns):
            name, there = f"c{number}", column.rows - column.missing
            if column.distinct <= FEW + 5:
                query = f"SELECT {name}, count(*) FROM {table} WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
                found = connection.execute(query).fetchall()
                column.distinct = len(found)
                column.values = dict(found) if len(found) <= FEW else None
            elif column.rows > EXACT and column.distinct > 0.9 * there and _may_name_rows(column):
                first = f"(SELECT {name} FROM {table} LIMIT {SOON})"
                if again := _first(connection, f"SELECT count({name}) - count(DISTINCT {name}) FROM {first}")[0]:
                    column.distinct = min(column.distinct, there - again)
                else:
                    column.distinct = _first(connection, f"SELECT count(DISTINCT {name}) FROM {table}")[0]
    return columns


def _first(connection: Any, query: str) -> Any:
    return connection.execute(query).fetchone()


def _counted(connection: Any, table: str, schema: Any) -> list[Column]:
    """Missing and distinct values, ends and examples."""
    rows = _first(connection, f"SELECT count(*) FROM {table}")[0]
    different = "count(DISTINCT {0})" if rows <= EXACT else "approx_count_distinct({0})"
    columns = [Column(each.name, _kind(each.type), each.type, 0, 0, 0) for each in schema]
    asked = []
    for number, column in enumerate(columns):
        name = f"c{number}"
        ends = column.kind in ("number", "date", "time")
        asked += [f"count({name})", different.format(name)]
        asked += [f"{end}({name})" if ends else "NULL" for end in ("min", "max")]
        asked.append("NULL" if ends else f"approx_top_k({name}, 3)")
    found = []
    for start in range(0, len(asked), 5 * AT_ONCE):
        found += _first(connection, f"SELECT {', '.join(asked[start : start + 5 * AT_ONCE])} FROM {table}")
    for number, column in enumerate(columns):
        there, distinct, column.low, column.high, most = found[5 * number : 5 * number + 5]
        column.distinct = min(distinct, there)
        column.rows, column.missing = rows, rows - there
        column.examples = [str(value) for value in most or []]
    return columns


def _kind(type_: Any) -> str:
    import pyarrow.types as is_

    if is_.is_boolean(type_):
        return "category"
    if is_.is_integer(type_) or is_.is_floating(type_) or is_.is_decimal(type_) or is_.is_null(type_):
        return "number"
    if is_.is_date(type_) or is_.is_timestamp(type_):
        return "date"
    return "time" if is_.is_time(type_) or is_.is_duration(type_) else "category"


def _may_name_rows(column: Column) -> bool:
    """Whether a value per row would be a name or a number of the row: measurements differ in every row too."""
    import pyarrow.types as is_

    whole = is_.is_integer(column.type) or (is_.is_decimal(column.type) and column.type.scale == 0)
    return column.kind == "category" or bool(whole)


def judge(columns: list[Column], target: Column, classes: bool) -> None:
    """Note of each column what a model makes nothing of, or less than one may think: what training does with it."""
    features = [column for column in columns if column is not target]
    others = [column for column in features if not _passed_over(column)]
    for column in features:
        there = column.rows - column.missing
        if not there:
            column.notes.append("empty: it tells a model nothing")
        elif column.distinct == 1:
            column.notes.append("always the same: it tells a model nothing")
        elif column.kind == "category" and column.distinct > FEW:
            means = not classes or len(target.values or {}) in range(1, FEW + 1)
            column.notes.append(_of_text(column, bool(others), means))
            column.kind = "text"
        elif column.distinct == there and there > FEW and _may_name_rows(column):
            counting = column.kind == "number" and column.high - column.low == there - 1
            what = "counts the rows" if counting else "one value per row"
            keep = "" if counting else ", or keep it"
            column.notes.append(f"{what}: it tells a model nothing, leave it out (--drop){keep}")


def _passed_over(column: Column) -> bool:
    """Whether training leaves the column out where there are others: text that differs in nearly every row."""
    return column.kind == "category" and not column.missing and column.distinct > max(FEW, 0.9 * column.rows)


def _of_text(column: Column, others: bool, means: bool) -> str:
    """What training makes of a column of more texts than it has columns for; `means`: if it takes mean targets."""
    there = column.rows - column.missing
    many = f"{column.distinct:,} values"
    same = "one value per row: " if column.distinct == there else ""
    if _passed_over(column) and others:
        same = same or f"{many} in {there:,} rows: "
        return (
            f"{same}it tells a model nothing, leave it out (--drop), or keep it: training passes it over, as "
            f"only the {FEW} most frequent of {many} could be used"
        )
    if means and column.distinct <= LEARNT * column.rows / ROWS:
        return f"only the {FEW} most frequent of {many} are used by themselves, the others by their mean target alone"
    return f"{same}only the {FEW} most frequent of {many} are used"
