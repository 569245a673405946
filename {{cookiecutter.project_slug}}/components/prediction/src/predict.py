"""Prediction: what the model says of every row, batch by batch, and where the truth is known, how right it is."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait sleep: where cores are shared, spinning costs

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits
from typer import Option

from evaluation import Evaluation, evaluate_classes, evaluate_numbers
from importance import Importance, importance
from judged import chosen
from shared.fitted import load_model, model_input
from shared.metadata import write_metadata, write_metrics
from shared.plots import bar
from shared.reports import render
from shared.step import StepError, run, write_text, writing
from shared.tables import IDENTITY, account_for_rows, batches, free_name, parquet_writer, rows_of, schema_of

REPORT = Path(__file__).with_name("prediction.html.j2")
# Rows times columns of a batch, and batches that are predicted side by side, at most: memory is that of so many.
CELLS, AT_ONCE = 2_000_000, 4


def main(
    model: Annotated[Path, Option(help="Model of the training step.")],
    table: Annotated[Path, Option(help="Parquet table to predict: the test rows or any other.")],
    target: Annotated[str, Option(help="Column that was predicted; the table may lack it.")],
    predictions: Annotated[Path, Option(help="Parquet table to write.")],
    metrics: Annotated[Path, Option(help="Metrics to write.")],
    evaluation: Annotated[Path, Option(help="Confusion matrix and ROC curve to write.")],
    report: Annotated[Path, Option(help="HTML report to write.")],
    problem_type: Annotated[Literal["classification", "regression"], Option(help="What it is.")] = "classification",
    version: Annotated[int, Option(help="The model's version: with one, rows carry it and their number.")] = 0,
    executor_input: Annotated[str, Option(help="KFP's description of the task.")] = "",
) -> None:
    fitted, schema = load_model(model), schema_of(table)
    if not rows_of(table):
        raise StepError("the table has no rows to predict. Give one that has.")
    rows = chosen(table, target if target in schema.names else "")
    classes = fitted.classes_ if problem_type == "classification" else None
    kind = prediction_type(classes, schema.field(target).type if len(rows.judged) else None)
    types = {"prediction": kind} if classes is None else {"prediction": kind, "probability": pa.float64()}
    names = [free_name(name, schema.names, "model_") for name in types]
    identity = [free_name(name, schema.names, "scored_") for name in IDENTITY] if version else []
    written = [*identity, *schema.names, *names]
    found, needed = Evaluation(), None
    with writing(predictions) as temporary:
        with ExitStack() as stack:
            writer = None
            parts = batches(table, rows=max(1_000, min(65_536, CELLS // len(schema))))
            for batch, x, said, chances in side_by_side(partial(tell, fitted, classes), parts):
                added = [pa.array(said).cast(kind), *([] if chances is None else [pa.array(chances.max(axis=1))])]
                front = identified(rows.kept, len(x), version) if version else []
                scored = pa.RecordBatch.from_arrays([*front, *batch.columns, *added], written)
                writer = writer or stack.enter_context(parquet_writer(temporary, scored.schema, scored))
                writer.write_batch(scored)
                rows.keep(batch, target, problem_type, x, said, chances)
        account_for_rows(table, temporary)
    if len(rows.judged):
        true = rows.truth()
        if classes is None:
            found = evaluate_numbers(true, np.concatenate(rows.said))
        else:
            found = evaluate_classes(classes, true, np.concatenate(rows.said), np.concatenate(rows.chances))
        if len(rows.judged) > 1:  # of one row, there is nothing to shuffle
            needed = importance(fitted, *rows.drawn(), schema.names)
    write_metrics(metrics, found.scores)
    write_text(evaluation, "")
    write_text(report, page(target, rows.count, len(rows.judged), found, needed))
    shape = {"rows": rows.count, "columns": len(written), "prediction_column": names[0]}
    write_metadata(executor_input, {"predictions": shape, "metrics": found.scores, "evaluation": found.curves})
    print(f"{rows.count} rows predicted in column {names[0]!r},", end=" ")
    print(*(f"{name} {value:.4g}" for name, value in found.scores.items()))


def tell(model: Any, classes: Any, batch: Any) -> tuple[Any, Any, Any, Any]:
    """A batch, its features, what the model says of its rows, and of classes the chances."""
    x = model_input(model, pa.Table.from_batches([batch]))
    if classes is None:
        return batch, x, model.predict(x), None
    chances = model.predict_proba(x)
    # As each classifier of scikit-learn does that computes probabilities, but for support vectors.
    return batch, x, classes[chances.argmax(axis=1)], chances


def identified(before: int, rows: int, version: int) -> list[Any]:
    """The columns IDENTITY of so many rows: the row's number, from 1 on, and the model's version."""
    return [pa.array(np.arange(before + 1, before + rows + 1)), pa.array(np.full(rows, version))]


def side_by_side(work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """What `work` makes of each item, in their order, in several threads that share the cores."""
    cores = os.cpu_count() or 1
    threads, waiting = min(cores, AT_ONCE), deque[Future[Any]]()
    with ThreadPoolExecutor(threads, initializer=lambda: threadpool_limits(cores // threads)) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def prediction_type(classes: Any, of_truth: Any) -> Any:
    """The type of predictions: of classes, which are text in the model, that of the truth where they can have it."""
    if classes is None:
        return pa.float64()
    with suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
        if of_truth is not None:
            pa.array(classes).cast(of_truth)
            return of_truth
    return pa.string()


def page(target: str, rows: int, judged: int, found: Evaluation, needed: Importance | None) -> str:
    values = {
        "rows": rows,
        "judged": judged,
        "found": found,
        "scores": [(name, f"{value:.4g}") for name, value in found.scores.items()],
    }
    most = max(needed.columns[0][1], 1e-9) if needed else 1
    lost = [(name, f"{mean:.3f} ± {std:.3f}", bar(mean / most)) for name, mean, std in needed.columns] if needed else []
    return render(REPORT, title=f"Prediction of {target}", importance=needed, lost=lost, **values)


if __name__ == "__main__":
    run(main)
