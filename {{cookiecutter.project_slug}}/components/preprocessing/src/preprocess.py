"""Preprocessing: split the table into train and test rows. Nothing is learnt here, so nothing from test rows."""

from collections import Counter
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.model_selection import train_test_split
from typer import Option

from shared.metadata import write_metadata
from shared.step import StepError, run, writing
from shared.tables import account_for_rows, batches, is_number, parquet_writer, schema_of


def main(
    table: Annotated[Path, Option(help="Parquet table to split.")],
    target: Annotated[str, Option(help="Column to predict.")],
    train: Annotated[Path, Option(help="Parquet table of train rows to write.")],
    test: Annotated[Path, Option(help="Parquet table of test rows to write.")],
    problem_type: Annotated[Literal["classification", "regression"], Option(help="What it is.")] = "classification",
    test_size: Annotated[float, Option(help="Share of the rows for the test, between 0 and 1.")] = 0.2,
    seed: Annotated[int, Option(help="The same seed gives the same split.")] = 0,
    executor_input: Annotated[str, Option(help="KFP's description of the task.")] = "",
) -> None:
    if not 0 < test_size < 1:
        raise StepError(f"test_size is {test_size}. Give a share between 0 and 1, such as 0.2.")
    # A chunk of the table is in memory, and these: a position, a mark and the target for each row.
    values = read_target(table, target)
    known = has_target(values, problem_type)
    refuse_unfit(values.filter(pa.array(known)), target, problem_type, test_size)
    in_test = choose_test_rows(values, known, problem_type, test_size, seed)
    dropped = int((~known).sum())
    print(f"{dropped} rows without {target!r} dropped")
    about = {}
    with writing(train) as train_part, writing(test) as test_part:
        for name, path, rows in (("train", train_part, known & ~in_test), ("test", test_part, in_test)):
            missing = write_rows(table, path, rows)
            shape = {"rows": int(rows.sum()), "columns": len(schema_of(table))}
            about[name] = shape | {"rows_with_missing": missing, "rows_dropped": dropped}
            print(f"{name}: {rows.sum()} rows, {missing} of them with missing values (kept: training deals with them)")
        account_for_rows(table, train_part, test_part, left_out=dropped)
    write_metadata(executor_input, about)


def read_target(table: Path, target: str) -> Any:
    names = schema_of(table).names
    if target not in names:
        close = get_close_matches(target, names, n=3, cutoff=0.5) or names[:10]
        raise StepError(f"target {target!r} is not a column. Did you mean {' or '.join(map(repr, close))}?")
    return pa.Table.from_batches(batches(table, [target])).column(0)


def has_target(values: Any, problem_type: str) -> Any:
    """Whether each row can be learnt from, bool, shape (rows,): it has a target, and as a quantity a finite one."""
    known = pc.invert(pc.is_null(values, nan_is_null=True)).to_numpy()
    if problem_type == "regression" and pa.types.is_floating(values.type):
        known &= np.isfinite(values.to_numpy())
    return known


def choose_test_rows(values: Any, known: Any, problem_type: str, test_size: float, seed: int) -> Any:
    """Which of the rows with a target are for the test, bool, shape (rows,): of each class the same share."""
    stratify = None
    if problem_type == "classification":
        stratify = values.dictionary_encode().combine_chunks().indices.to_numpy(zero_copy_only=False)[known]
    _, chosen = train_test_split(np.flatnonzero(known), test_size=test_size, random_state=seed, stratify=stratify)
    in_test = np.zeros(len(known), dtype=bool)
    in_test[chosen] = True
    return in_test


def refuse_unfit(values: Any, target: str, problem_type: str, test_size: float) -> None:
    """Raise StepError if a model of this kind cannot be learnt and tested with these targets, shape (rows,)."""
    rows = len(values)
    if pa.types.is_nested(values.type):
        raise StepError(f"target {target!r} holds {values.type}: a model predicts one value. Choose another target.")
    if rows < 10:
        raise StepError(f"{rows} rows have a target {target!r}, 10 are the least. Give more data.")
    counts = {entry["values"]: entry["counts"] for entry in pc.value_counts(values).to_pylist()}
    if len(counts) < 2:
        raise StepError(f"target {target!r} has the one value {next(iter(counts))!r}. Choose another target.")
    if problem_type == "regression":
        if not is_number(values.type):
            raise StepError(f"target {target!r} is not a number ({values.type}). Choose problem_type classification.")
        return
    rarest, count = Counter(counts).most_common()[-1]
    if count < 2:
        kinds = f"{len(counts)} classes in {rows} rows"
        remedy = "Give more rows of it, or choose problem_type regression if the target is a quantity."
        raise StepError(f"class {rarest!r} of target {target!r} has a single row ({kinds}). {remedy}")
    if not len(counts) <= rows * test_size <= rows - len(counts):
        raise StepError(f"test_size {test_size} of {rows} rows leaves a class out; there are {len(counts)}. Change it.")


def write_rows(table: Path, target: Path, rows: Any) -> int:
    """Write the rows marked in `rows` (bool, shape (rows,)), and return in how many of them a value is missing."""
    missing = offset = 0
    schema = schema_of(table)
    with parquet_writer(target, schema, next(batches(table), None)) as writer:
        for batch in batches(table):
            part = batch.filter(pa.array(rows[offset : offset + batch.num_rows]))
            offset += batch.num_rows
            writer.write_batch(part)
            gaps = [pc.is_null(column, nan_is_null=True).to_numpy(zero_copy_only=False) for column in part.columns]
            missing += int(np.logical_or.reduce(gaps).sum())
    return missing


if __name__ == "__main__":
    run(main)
