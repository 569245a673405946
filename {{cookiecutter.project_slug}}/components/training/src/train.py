"""Training: one scikit-learn pipeline, from raw columns to predictions, and how good it is by cross-validation."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait sleep: where cores are shared, spinning costs

import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import skops.io
from typer import Option

from card import PACKAGES, fill_card
from judgement import judge, split
from model import baselines, make_model
from shared.features import feature_names, features, target_values
from shared.metadata import write_metadata, write_metrics
from shared.sources import fingerprint
from shared.step import StepError, run, write_text, writing
from shared.tables import read, rows_of


def main(
    train: Annotated[Path, Option(help="Parquet table of train rows.")],
    target: Annotated[str, Option(help="Column to predict.")],
    model: Annotated[Path, Option(help="Model to write, in skops format.")],
    metrics: Annotated[Path, Option(help="Cross-validation metrics to write.")],
    problem_type: Annotated[Literal["classification", "regression"], Option(help="What it is.")] = "classification",
    learning_rate: Annotated[float, Option(help="How much each tree counts, above 0.")] = 0.1,
    max_iter: Annotated[int, Option(help="Number of boosting rounds, at least 1.")] = 100,
    max_leaf_nodes: Annotated[int, Option(help="Leaves of a tree at most, at least 2.")] = 31,
    early_stopping: Annotated[int, Option(help="Rounds without progress after which to stop; 0 is never.")] = 0,
    folds: Annotated[int, Option(help="Of cross-validation; 0 is 5, and 3 of more than 100,000 rows.")] = 0,
    seed: Annotated[int, Option(help="The same seed gives the same model.")] = 0,
    model_card: Annotated[Path | None, Option(help="Model card to write, in Markdown.")] = None,
    executor_input: Annotated[str, Option(help="KFP's description of the task.")] = "",
) -> None:
    options = {"learning_rate": learning_rate, "max_iter": max_iter, "max_leaf_nodes": max_leaf_nodes}
    refuse_options(options, early_stopping, folds)
    x, y, left_out = learnable(train, target, problem_type)
    if early_stopping and problem_type == "classification":
        refuse_rare_classes(y)
    chosen = make_model(x, y, problem_type, early_stopping, seed, **options)
    judgement = judge(chosen, baselines(x, problem_type), x, y, problem_type, split(y, problem_type, folds, seed))
    start = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class with few rows, as in the folds
        chosen.fit(x, y)
    print(f"the model, from all {len(x)} rows: {time.monotonic() - start:.1f} s", judgement.verdict(), flush=True)
    with writing(model) as temporary:
        skops.io.dump(chosen, temporary)
    scores = judgement.metrics
    write_metrics(metrics, scores)
    parameters = options | {"early_stopping": early_stopping, "seed": seed}
    if model_card:
        about = {"target": target, "problem_type": problem_type, "data": fingerprint(str(train))}
        write_text(model_card, fill_card(about | {"parameters": parameters}, judgement, x, y, left_out))
    described = {"framework": "scikit-learn", "features": list(x.columns), "target": target, "rows": len(x)}
    described |= {"parameters": parameters, "packages": {name: version(name) for name in PACKAGES}}
    write_metadata(executor_input, {"model": described, "metrics": scores})
    print(f"{len(x)} rows, {x.shape[1]} features:", *(f"{name} {value:.4g}" for name, value in scores.items()))


def refuse_options(options: dict[str, float], early_stopping: int, folds: int) -> None:
    """Raise StepError for a number that nothing can be learnt with."""
    for name, least in {"learning_rate": 1e-9, "max_iter": 1, "max_leaf_nodes": 2}.items():
        if not least <= options[name] < float("inf"):
            raise StepError(f"{name} is {options[name]}. Give a number from {least:g} on.")
    if early_stopping < 0:
        raise StepError(f"early_stopping is {early_stopping}. Give a number of rounds, or 0 to never stop early.")
    if folds < 0 or folds == 1:
        raise StepError(f"folds is {folds}. Give a number from 2 on, or 0 for one that suits the table.")


def refuse_rare_classes(y: Any) -> None:
    """Raise StepError if the tenth of the rows that says when to stop could lack a class, in some fold."""
    counts = np.unique(y, return_counts=True)[1]
    if counts.min() < 4 or len(counts) > len(y) / 20:
        raise StepError("a class has too few rows to be in the tenth that says when to stop. Give early_stopping 0.")


def learnable(train: Path, target: str, problem_type: str) -> tuple[Any, Any, dict[str, str]]:
    """The features of every row, shape (rows, features), their targets, and the columns that a model cannot take."""
    table = read(train)
    names, left_out = feature_names(table, target)
    x, y = features(table, names), target_values(table.column(target), problem_type)
    nothing = telling_nothing(x)
    for name in nothing if len(nothing) < x.shape[1] else []:  # a table of nothing else is learnt from as it is
        left_out[name] = "it has another value in nearly every row, which says nothing of other rows"
    x = x[[name for name in names if name not in left_out]]
    for name, why in left_out.items():
        print(f"column {name!r} is left out: {why}")
    if x.empty:
        raise StepError(f"the table has no column to learn from besides the target {target!r}. Give one with features.")
    if not len(x) == len(y) == rows_of(train):
        raise StepError(f"{rows_of(train)} rows were there, and {len(x)} read. This is a mistake in the step.")
    return x, y, left_out


def telling_nothing(x: Any) -> list[str]:
    """The features of text without gaps in which at most one row in ten holds a value that an earlier one has."""
    text = [name for name in x if x[name].dtype == object and x[name].notna().all()]
    return [name for name in text if x[name].nunique() > 0.9 * len(x)]


if __name__ == "__main__":
    run(main)
