"""Validation: is the table what schema.yaml says? A report either way; the step fails where it is not."""

import shutil
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
from typer import Option

from description import SAMPLE, Survey, describe
from schema_yaml import load_schema
from shared.features import is_date
from shared.hints import leaks
from shared.metadata import write_metadata
from shared.reports import render
from shared.step import StepError, given, run, write_text, writing
from shared.tables import account_for_rows, batches, is_plain, parquet_writer, rows_of, schema_of

EXAMPLES = 5
SCHEMA = Path(__file__).parents[1] / "schema.yaml"
REPORT = Path(__file__).with_name("validation.html.j2")
INTEGERS = {pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype()}
INTEGERS |= {pa.int64(): pd.Int64Dtype(), pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype()}
INTEGERS |= {pa.uint32(): pd.UInt32Dtype(), pa.uint64(): pd.UInt64Dtype()}
NULLABLE = {**INTEGERS, pa.bool_(): pd.BooleanDtype()}  # types that also hold missing values
Failures = dict[tuple[str, str], tuple[int, list[str]]]  # (column, check): rows that failed it, the first as text


def main(
    table: Annotated[Path, Option(help="Parquet table to check.")],
    validated: Annotated[Path, Option(help="Parquet table to write, with the declared types.")],
    report: Annotated[Path, Option(help="HTML report to write, also where the table is refused.")],
    schema: Annotated[Path | None, Option(help="The pandera schema of a model; without, schema.yaml is it.")] = None,
    held: Annotated[Path | None, Option(help="Copy of the schema that the table was held against, to write.")] = None,
    target: Annotated[str, Option(help="Column to predict: what tells too much of it is noted.")] = "",
    problem_type: Annotated[Literal["classification", "regression"], Option(help="What it is.")] = "classification",
    executor_input: Annotated[str, Option(help="KFP's description of the task.")] = "",
) -> None:
    declared_by = given(schema) or SCHEMA
    rules = load_schema(declared_by)
    if declared_by != SCHEMA and target in rules.columns:  # of a model, which is to say what the target is
        rules = rules.update_column(target, required=False, nullable=True)
    if held:
        write_text(held, declared_by.read_text(encoding="utf-8"))
    with writing(validated) as temporary:
        survey = Survey(table)
        failures = validate(table, rules, temporary, survey)
        rows, missing, hints = rows_of(table), survey.missing, leaks(table, target, problem_type)
        write_report(report, describe(table, survey.sample(), missing, hints), rows, failures)
        shape = {"rows": rows, "columns": len(missing)}
        counts = {"violations": len(failures), "missing_values": missing.total()}
        write_metadata(executor_input, {"validated": shape, "report": shape | counts})
        gaps = ", ".join(f"{name} {count}" for name, count in missing.items() if count) or "none"
        said = [sentence(*key, *found) for key, found in failures.items()]
        suspicious = [f"column {name!r} {hint}" for name, hint in hints.items()]
        print(f"{rows} rows, {len(missing)} columns; missing values: {gaps}", *suspicious, *said, sep="\n")
        if said:
            more = f"; and {len(said) - 3} more" if len(said) > 3 else ""
            which, what = "schema.yaml", "the source or schema.yaml"
            if declared_by != SCHEMA:
                which, what = "the champion's schema", "the source, or train anew with another schema.yaml"
            raise StepError(f"{which} does not hold: {'; '.join(said[:3])}{more}. Correct {what}.")
        account_for_rows(table, temporary)


def validate(table: Path, schema: pandera.DataFrameSchema, target: Path, survey: Survey) -> Failures:
    """Check `table` batch by batch, and write it with the declared types to `target`; return what failed.

    A table that has them already is copied as it lies. Where something failed, `target` is not whole.
    """
    names, failures, rows, writer = schema_of(table).names, Failures(), 0, None
    unique = uniques(schema)
    schema, as_it_lies = by_batches(schema, table), is_plain(table)
    with ExitStack() as stack:
        for number, batch in enumerate(batches(table)):
            survey.add(batch)
            try:
                frame = batch.to_pandas(types_mapper=NULLABLE.get, date_as_object=False)
                frame.index = pd.RangeIndex(rows, rows + len(frame))
                checked = declared(schema.validate(frame, lazy=True), frame, batch)
                if not failures and not writer and not (checked is batch and as_it_lies):
                    writer = stack.enter_context(parquet_writer(target, checked.schema, batch))
                    for before in islice(batches(table), number):  # which are as declared
                        writer.write_batch(before.cast(writer.schema))
                if not failures and writer:
                    writer.write_batch(checked.cast(writer.schema))
            except pandera.errors.SchemaErrors as problem:
                add_failures(problem, failures)
            except Exception as problem:  # what a check or a conversion may do with a value that it cannot take
                said = f"cannot be checked: {type(problem).__name__}: {' '.join(str(problem).split())[:200]}"
                failures[f"rows {rows + 1} to {rows + batch.num_rows}", said] = (0, [])
            rows += batch.num_rows
    if rows != rows_of(table):
        raise StepError(f"{rows_of(table)} rows were there, and {rows} were checked. This is a mistake in the step.")
    if not failures and not writer:
        shutil.copyfile(table, target)
    for columns in unique:
        if lacking := [name for name in columns if name not in names]:
            failures[", ".join(lacking), "the column is missing, and must be unique"] = (0, [])
        elif (again := repeated(table, columns))[0]:
            failures[", ".join(columns), "unique"] = again
    return failures


def uniques(schema: pandera.DataFrameSchema) -> list[list[str]]:
    """The columns, and sets of columns, in which no two rows may be the same."""
    single = [[name] for name, column in schema.columns.items() if column.unique]
    several = schema.unique or []
    return single + ([list(several)] if several else [])


def by_batches(schema: pandera.DataFrameSchema, table: Path) -> pandera.DataFrameSchema:
    """The schema without what a batch cannot tell (unique), and without a type for what is a date already."""
    dates = {field.name for field in schema_of(table) if is_date(field.type)}
    changed: dict[str, dict[str, Any]] = {
        name: {"unique": False} | ({"dtype": None} if is_date_type(column.dtype) and name in dates else {})
        for name, column in schema.columns.items()
    }
    schema = schema.update_columns(changed)
    schema.unique = None
    return schema


def is_date_type(dtype: object) -> bool:
    """Whether it is a date's. pandera's are in ns, which end in the year 2262; those of a table may go further."""
    return str(dtype).startswith("datetime64")


def declared(checked: pd.DataFrame, frame: pd.DataFrame, batch: Any) -> Any:
    """The batch with the types and values of `checked`; what the check left as it was, is as it came."""
    arrays, changed = {}, list(checked) != batch.schema.names
    for name, column in checked.items():
        kept = name in frame and column.dtype == frame[name].dtype and column.equals(frame[name])
        arrays[name] = batch.column(name) if kept else pa.array(column, from_pandas=True)
        changed = changed or not kept
    return pa.RecordBatch.from_pydict(arrays) if changed else batch


def add_failures(problem: pandera.errors.SchemaErrors, failures: Failures) -> None:
    """Add what pandera found in a batch, whose index counts the rows of the table."""
    cases = problem.failure_cases
    absent = cases["check"] == "column_in_dataframe"
    for name in cases.loc[absent, "failure_case"]:
        failures[name, "the column is missing"] = (0, [])
    cases = cases[~absent].fillna({"column": "the table"})
    mistyped = cases["check"].str.startswith("coerce_dtype")
    said_twice = cases["column"].isin(cases.loc[mistyped, "column"]) & ~mistyped
    for (column, check), failed in cases[~said_twice].groupby(["column", "check"], sort=False):
        key = (str(column), str(check).replace("coerce_dtype", "type"))
        count, first = failures.get(key, (0, []))
        for index, found in failed[["index", "failure_case"]].head(EXAMPLES - len(first)).values:
            value = found.item() if isinstance(found, np.generic) else found  # numpy's repr is np.float64(1.5)
            # Without a row it is the column, or the table, as a whole.
            first = [*first, repr(value) if pd.isna(index) else f"row {int(index) + 1}: {value!r}"]
        failures[key] = (count + len(failed), first)
    if not failures:
        failures["the table", " ".join(str(problem).split())[:200]] = (0, [])


def repeated(table: Path, columns: list[str]) -> tuple[int, list[str]]:
    """How many rows repeat what an earlier one holds in `columns`, and the first. A row without a value is not one."""
    frame = pd.concat([batch.to_pandas()[columns] for batch in batches(table, columns)], ignore_index=True).dropna()
    again = frame[frame.duplicated()]
    values = again[columns[0]] if len(columns) == 1 else again.apply(tuple, axis=1)
    return len(again), [f"row {index + 1}: {value!r}" for index, value in values.head(EXAMPLES).items()]


def sentence(column: str, check: str, count: int, first: list[str]) -> str:
    if not count:
        return f"{column}: {check}"
    example = f" (e.g. {first[0]})" if first else ""
    if first and not first[0].startswith("row "):
        return f"{column}: {check} failed{example}"
    return f"{column}: {check} failed for {count} row{'s' * (count > 1)}{example}"


def write_report(report: Path, columns: list[tuple[object, ...]], rows: int, failures: Failures) -> None:
    failed = [(*key, count or "", ", ".join(first)) for key, (count, first) in failures.items()]
    title = f"{len(failed)} check{'s' * (len(failed) > 1)} failed" if failed else "the table holds"
    values = {"rows": rows, "sample": SAMPLE, "failed": failed, "columns": columns}
    write_text(report, render(REPORT, title=f"Validation: {title}", **values))


if __name__ == "__main__":
    run(main)
