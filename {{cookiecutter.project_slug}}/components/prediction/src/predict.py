"""Prediction: what the model says of every row, and where the truth is known, how right it is."""

import os
from contextlib import suppress

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait sleep: where cores are shared, spinning costs

from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from typer import Option

from evaluation import Evaluation, evaluate_classes, evaluate_numbers
from importance import Importance, importance
from shared.features import target_values
from shared.fitted import load_model, model_input
from shared.metadata import write_metadata
from shared.plots import bar
from shared.reports import render
from shared.step import run, write_text, writing
from shared.tables import account_for_rows, read

REPORT = Path(__file__).with_name("prediction.html.j2")


def main(
    model: Annotated[Path, Option(help="Model of the training step.")],
    table: Annotated[Path, Option(help="Parquet table to predict: the test rows or any other.")],
    target: Annotated[str, Option(help="Column that was predicted; the table may lack it.")],
    predictions: Annotated[Path, Option(help="Parquet table to write.")],
    metrics: Annotated[Path, Option(help="Metrics to write.")],
    evaluation: Annotated[Path, Option(help="Confusion matrix and ROC curve to write.")],
    report: Annotated[Path, Option(help="HTML report to write.")],
    problem_type: Annotated[Literal["classification", "regression"], Option(help="What it is.")] = "classification",
    executor_input: Annotated[str, Option(help="KFP's description of the task.")] = "",
) -> None:
    fitted, data = load_model(model), read(table)
    x = model_input(fitted, data)
    said = fitted.predict(x)
    chances = fitted.predict_proba(x) if problem_type == "classification" else None
    found, needed, truth = Evaluation(), None, data.column(target) if target in data.column_names else None
    known = with_truth(truth, len(data))
    if truth is not None and known.any():
        true = target_values(truth.filter(pa.array(known)), problem_type)
        if chances is None:
            found = evaluate_numbers(true, said[known])
        else:
            found = evaluate_classes(fitted.classes_, true, said[known], chances[known])
        if len(true) > 1:  # of one row, there is nothing to shuffle
            needed = importance(fitted, x[known], true, data.column_names)
    added = new_columns(data, said, chances, truth if known.any() else None)
    with writing(predictions) as temporary:
        pq.write_table(pa.table({name: data.column(name) for name in data.column_names} | added), temporary)
        account_for_rows(table, temporary)
    write_text(metrics, "".join(f"{name} {value}\n" for name, value in found.scores.items()))
    write_text(evaluation, "")
    write_text(report, page(target, len(said), found, needed))
    shape = {"rows": len(said), "columns": len(data.column_names) + len(added), "prediction_column": next(iter(added))}
    write_metadata(executor_input, {"predictions": shape, "metrics": found.scores, "evaluation": found.curves})
    print(f"{len(said)} rows predicted in column {next(iter(added))!r},", end=" ")
    print(*(f"{name} {value:.4g}" for name, value in found.scores.items()))


def with_truth(truth: Any, rows: int) -> Any:
    """Whether the truth of each row is known, bool, shape (rows,)."""
    column = pa.chunked_array([pa.nulls(rows)]) if truth is None else truth
    return pc.invert(pc.is_null(column, nan_is_null=True)).to_numpy()


def new_columns(data: Any, said: Any, chances: Any, truth: Any) -> dict[str, Any]:
    """The columns `prediction` and, of classes, `probability`; under another name where the table has such a column."""
    added = {"prediction": pa.array(said)}
    if chances is not None:
        with suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):  # a type that no text is turned into
            if truth is not None:
                added["prediction"] = added["prediction"].cast(truth.type)  # classes are text in the model
        added["probability"] = pa.array(chances.max(axis=1))
    return {free_name(name, data.column_names): column for name, column in added.items()}


def free_name(name: str, taken: list[str]) -> str:
    return name if name not in taken else free_name(f"model_{name}", taken)


def page(target: str, rows: int, found: Evaluation, needed: Importance | None) -> str:
    values = {"rows": rows, "found": found, "scores": [(name, f"{value:.4g}") for name, value in found.scores.items()]}
    most = max(needed.columns[0][1], 1e-9) if needed else 1
    lost = [(name, f"{mean:.3f} ± {std:.3f}", bar(mean / most)) for name, mean, std in needed.columns] if needed else []
    return render(REPORT, title=f"Prediction of {target}", importance=needed, lost=lost, **values)


if __name__ == "__main__":
    run(main)
