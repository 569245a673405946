"""Training: one scikit-learn pipeline, from raw columns to predictions, and how good it is by cross-validation."""

import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow.parquet as pq
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from typer import Option

from shared.step import StepError, run, write_metadata, write_text, writing
from shared.tables import features, target_values

SCORES = {  # metric: scikit-learn's scorer; a "neg_" one is turned round again
    "classification": {"cv_accuracy": "accuracy", "cv_f1_macro": "f1_macro"},
    "regression": {"cv_r2": "r2", "cv_rmse": "neg_root_mean_squared_error", "cv_mae": "neg_mean_absolute_error"},
}


def main(
    train: Annotated[Path, Option(help="Parquet table of train rows.")],
    target: Annotated[str, Option(help="Column to predict.")],
    model: Annotated[Path, Option(help="Model to write, in skops format.")],
    metrics: Annotated[Path, Option(help="Cross-validation metrics to write.")],
    problem_type: Annotated[Literal["classification", "regression"], Option(help="What it is.")] = "classification",
    learning_rate: Annotated[float, Option(help="How much each tree counts, above 0.")] = 0.1,
    max_iter: Annotated[int, Option(help="Number of boosting rounds, at least 1.")] = 100,
    max_leaf_nodes: Annotated[int, Option(help="Leaves of a tree at most, at least 2.")] = 31,
    seed: Annotated[int, Option(help="The same seed gives the same model.")] = 0,
    executor_input: Annotated[str, Option(help="KFP's description of the task.")] = "",
) -> None:
    options = {"learning_rate": learning_rate, "max_iter": max_iter, "max_leaf_nodes": max_leaf_nodes}
    for name, least in {"learning_rate": 1e-9, "max_iter": 1, "max_leaf_nodes": 2}.items():
        if not least <= options[name] < float("inf"):
            raise StepError(f"{name} is {options[name]}. Give a number from {least:g} on.")
    table = pq.read_table(train)
    names = [name for name in table.column_names if name != target]
    if not names:
        raise StepError(f"the table has no column besides the target {target!r}. Give a table with features.")
    x, y = features(table, names), target_values(table.column(target), problem_type)
    pipeline = make_pipeline(x, problem_type, random_state=seed, **options)
    scores = cross_validated(pipeline, x, y, problem_type, seed)
    pipeline.fit(x, y)
    with writing(model) as temporary:
        skops.io.dump(pipeline, temporary)
    write_text(metrics, "".join(f"{name} {value}\n" for name, value in scores.items()))
    about = {"framework": "scikit-learn", "features": names, "target": target, "rows": len(x)}
    write_metadata(executor_input, {"model": about, "metrics": scores})
    print(f"{len(x)} rows, {len(names)} features:", *(f"{name} {value:.4g}" for name, value in scores.items()))


def make_pipeline(x: Any, problem_type: str, **options: Any) -> Pipeline:
    """Missing numbers are filled in and marked; categories become columns, the rare ones one together."""
    categories = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=20, sparse_output=False)
    # The trees could take missing numbers as they are, but not a column that has no number in some fold.
    filled = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    numbers = [name for name in x.columns if x[name].dtype == float]
    text = [name for name in x.columns if x[name].dtype == object]
    preparation = ColumnTransformer([("numbers", filled, numbers), ("text", categories, text)])
    trees = HistGradientBoostingClassifier if problem_type == "classification" else HistGradientBoostingRegressor
    # Without early stopping: the number of rounds is the one asked for, and no second split is hidden in it.
    return Pipeline([("preparation", preparation), ("estimator", trees(early_stopping=False, **options))])


def cross_validated(pipeline: Pipeline, x: Any, y: Any, problem_type: str, seed: int) -> dict[str, float]:
    """Mean and standard deviation (`_std`) over at most 5 folds of each metric."""
    folds: Any = KFold(5, shuffle=True, random_state=seed)
    if problem_type == "classification":
        smallest = np.unique(y, return_counts=True)[1].min()
        folds = StratifiedKFold(max(2, min(5, smallest)), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a rare category or class is not in every fold: that is how it is
        results = cross_validate(pipeline, x, y, cv=folds, scoring=SCORES[problem_type])
    metrics = dict[str, float]()
    for name, scorer in SCORES[problem_type].items():
        values = results[f"test_{name}"] * (-1 if scorer.startswith("neg_") else 1)
        metrics |= {name: float(np.mean(values)), f"{name}_std": float(np.std(values))}
    return metrics


if __name__ == "__main__":
    run(main)
