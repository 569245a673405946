"""Validation: is the table what schema.yaml says? A report either way; the step fails where it is not."""

from collections import Counter
from contextlib import ExitStack, suppress
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
from pandera.io.pandas_io import from_yaml
from pyarrow.parquet import ParquetFile, ParquetWriter
from typer import Option

from shared.plots import histogram
from shared.step import StepError, html_table, page, run, write_metadata, write_text, writing
from shared.tables import batches, feature, schema_of

EXAMPLES = 5
SAMPLE = 10_000  # rows, about so many and by chance, that the distributions of a larger table are drawn from
SCHEMA = Path(__file__).parents[1] / "schema.yaml"
NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}  # types that also hold missing values
Failures = dict[tuple[str, str], tuple[int, list[str]]]  # (column, check): rows that failed it, the first as text


def main(
    table: Annotated[Path, Option(help="Parquet table to check.")],
    validated: Annotated[Path, Option(help="Parquet table to write, with the declared types.")],
    report: Annotated[Path, Option(help="HTML report to write, also where the table is refused.")],
    schema: Annotated[Path, Option(help="The pandera schema.")] = SCHEMA,
    executor_input: Annotated[str, Option(help="KFP's description of the task.")] = "",
) -> None:
    with writing(validated) as temporary:
        rows, missing, failures = validate(table, load_schema(schema), temporary)
        write_text(report, render(table, rows, missing, failures))
        shape = {"rows": rows, "columns": len(missing)}
        counts = {"violations": len(failures), "missing_values": missing.total()}
        write_metadata(executor_input, {"validated": shape, "report": shape | counts})
        gaps = ", ".join(f"{name} {count}" for name, count in missing.items() if count) or "none"
        said = [sentence(*key, *found) for key, found in failures.items()]
        print(f"{rows} rows, {len(missing)} columns; missing values: {gaps}", *said, sep="\n")
        if said:
            more = f"; and {len(said) - 3} more" if len(said) > 3 else ""
            raise StepError(
                f"schema.yaml does not hold: {'; '.join(said[:3])}{more}. Correct the source or schema.yaml."
            )


def load_schema(path: Path) -> pandera.DataFrameSchema:
    try:
        schema: pandera.DataFrameSchema = from_yaml(path)  # type: ignore[no-untyped-call]
    except Exception as problem:  # whatever YAML and pandera make of a wrong file
        raise StepError(f"{path} is not a schema: {type(problem).__name__}: {problem}. Correct it.") from problem
    for column in schema.columns.values():
        if str(column.dtype) == "bool":
            column.dtype = "boolean"  # numpy's bool takes any text for True
    schema.coerce = True  # what comes from CSV has the types that were guessed
    return schema


def validate(table: Path, schema: pandera.DataFrameSchema, target: Path) -> tuple[int, Counter[str], Failures]:
    """Check `table` batch by batch; while nothing fails, write it with the declared types to `target`.

    Returns the number of rows, the missing values of each column, and what failed.
    """
    unique = [name for name, column in schema.columns.items() if column.unique]
    schema = schema.update_columns({name: {"unique": False} for name in unique})  # a batch cannot tell
    rows, missing, failures, writer = 0, Counter[str](), Failures(), None
    with ExitStack() as stack:
        for batch in batches(table):
            frame = batch.to_pandas(types_mapper=NULLABLE.get, date_as_object=False)
            missing.update(frame.isna().sum().to_dict())
            try:
                checked = pa.RecordBatch.from_pandas(schema.validate(frame, lazy=True), preserve_index=False)
                writer = writer or stack.enter_context(ParquetWriter(target, checked.schema))
                writer.write_batch(checked.cast(writer.schema))
            except pandera.errors.SchemaErrors as problem:
                add_failures(problem.failure_cases, rows, failures)
            rows += batch.num_rows
    for name in unique:
        values = pd.concat([batch.to_pandas()[name] for batch in batches(table, [name])], ignore_index=True).dropna()
        if len(again := values[values.duplicated()]):
            first = [f"row {index + 1}: {value!r}" for index, value in again.head(EXAMPLES).items()]
            failures[name, "unique"] = (len(again), first)
    return rows, missing, failures


def add_failures(cases: pd.DataFrame, offset: int, failures: Failures) -> None:
    """Add pandera's failure cases of a batch that begins at row `offset`."""
    for name in cases.loc[cases["check"] == "column_in_dataframe", "failure_case"]:
        failures[name, "the column is missing"] = (0, [])
    cases = cases.dropna(subset=["column", "index"])
    mistyped = cases["check"].str.startswith("coerce_dtype")
    said_twice = cases["column"].isin(cases.loc[mistyped, "column"]) & ~mistyped
    for (column, check), failed in cases[~said_twice].groupby(["column", "check"], sort=False):
        key = (str(column), str(check).replace("coerce_dtype", "type"))
        count, first = failures.get(key, (0, []))
        more = failed[["index", "failure_case"]].head(EXAMPLES - len(first)).values
        first = first + [f"row {offset + index + 1}: {value!r}" for index, value in more]
        failures[key] = (count + len(failed), first)


def sentence(column: str, check: str, count: int, first: list[str]) -> str:
    return f"{column}: {check}" + (f" failed for {count} row{'s' * (count > 1)} (e.g. {first[0]})" if count else "")


def render(table: Path, rows: int, missing: Counter[str], failures: Failures) -> str:
    failed = [(*key, count or "", ", ".join(first)) for key, (count, first) in failures.items()]
    of = f" Distributions are those of about {SAMPLE} of them, drawn by chance." if rows > SAMPLE else ""
    return page(
        f"Validation: {len(failed)} check{'s' * (len(failed) > 1)} failed" if failed else "Validation: the table holds",
        f"<p>{rows} rows, {len(missing)} columns. Rows are counted from 1, without the header.{of}</p>",
        "<h2>What failed</h2>" + html_table(("column", "check", "rows", "examples"), failed) if failed else "",
        "<h2>Columns</h2>",
        html_table(("column", "type", "missing", "distribution", "values"), describe(table, rows, missing)),
    )


def describe(table: Path, rows: int, missing: Counter[str]) -> list[tuple[object, ...]]:
    """A row for each column: name, type, missing values, and how the others are distributed."""
    chance, share = np.random.default_rng(0), min(SAMPLE / max(rows, 1), 1)
    parts = [batch.filter(pa.array(chance.random(batch.num_rows) < share)) for batch in batches(table)]
    sample, extent = pa.Table.from_batches(parts, schema_of(table)), extents(table)
    described: list[tuple[object, ...]] = []
    for field in sample.schema:
        column, gaps = sample.column(field.name), missing[field.name]
        about = (field.name, field.type, f"{gaps} ({gaps / rows:.1%})" if gaps else "")
        values = feature(column)
        if values.dtype == float and field.type != pa.bool_() and len(known := values[~np.isnan(values)]):
            ends = [f"{end:g}" if isinstance(end, float) else str(end) for end in extent.get(field.name, ())]
            described.append((*about, histogram(spread(known)), " to ".join(ends)))
        else:
            common = Counter(map(str, column.drop_null().to_pylist()))
            shares = [f"{value[:50]} {count / common.total():.0%}" for value, count in common.most_common(5)]
            more = [f"{len(common) - 5} more"] * (len(common) > 5)
            counts = [count for _, count in common.most_common(20)]
            described.append((*about, histogram(counts) if counts else "", ", ".join(shares + more)))
    return described


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


if __name__ == "__main__":
    run(main)
