"""Training: one scikit-learn pipeline, from raw columns to predictions, and how good it is by cross-validation."""

import platform
import warnings
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow.parquet as pq
import skops.io
from scipy import stats
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from typer import Option

from shared.sources import fingerprint
from shared.step import StepError, markdown_table, markdown_text, run, write_metadata, write_text, writing
from shared.tables import features, target_values

CARD = Path(__file__).parents[1] / "card.md"

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
    model_card: Annotated[Path | None, Option(help="Model card to write, in Markdown.")] = None,
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
    scores, intervals = cross_validated(pipeline, x, y, problem_type, seed)
    pipeline.fit(x, y)
    with writing(model) as temporary:
        skops.io.dump(pipeline, temporary)
    write_text(metrics, "".join(f"{name} {value}\n" for name, value in scores.items()))
    if model_card:
        card = {"target": markdown_text(target), "problem_type": problem_type, "data": fingerprint(str(train))}
        card["parameters"] = markdown_table(("Parameter", "Value"), (options | {"seed": seed}).items())
        card["metrics"] = markdown_table(("Metric", "Mean", "95 % interval"), intervals)
        card |= described(x, y)
        write_text(model_card, Template(CARD.read_text(encoding="utf-8")).safe_substitute(card))
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


def cross_validated(
    pipeline: Pipeline, x: Any, y: Any, problem_type: str, seed: int
) -> tuple[dict[str, float], list[tuple[str, str, str]]]:
    """Of each metric over at most 5 folds, mean and deviation (`_std`); and name, mean and 95 % interval as text."""
    folds: Any = KFold(5, shuffle=True, random_state=seed)
    if problem_type == "classification":
        smallest = np.unique(y, return_counts=True)[1].min()
        folds = StratifiedKFold(max(2, min(5, smallest)), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a rare category or class is not in every fold: that is how it is
        results = cross_validate(pipeline, x, y, cv=folds, scoring=SCORES[problem_type])
    metrics, intervals = dict[str, float](), []
    for name, scorer in SCORES[problem_type].items():
        sign = -1 if scorer.startswith("neg_") else 1
        values = results[f"test_{name}"] * sign
        mean, half = float(np.mean(values)), half_interval(values)
        low, high = (max(mean - half, 0), mean + half) if sign < 0 else (mean - half, min(mean + half, 1))
        metrics |= {name: mean, f"{name}_std": float(np.std(values))}
        intervals.append((name, f"{mean:.4g}", f"{low:.4g} to {high:.4g}" if np.isfinite(half) else "not known"))
    return metrics, intervals


def half_interval(values: Any) -> float:
    """Half of the 95 % interval of the mean of k folds, shape (k,). The folds share rows, so the variance is Nadeau and
    Bengio's (2003): 1/k + (test rows / train rows) times the folds' own."""
    k = len(values)
    return float(stats.t.ppf(0.975, k - 1) * np.std(values, ddof=1) * np.sqrt(1 / k + 1 / (k - 1)))


def described(x: Any, y: Any) -> dict[str, str]:
    """What the model card says of the rows and of what they were learnt with."""
    kinds = ((name, "number" if x[name].dtype == float else "category", x[name].isna().sum()) for name in x.columns)
    if y.dtype == float:
        target = markdown_table(
            ("Target", "Value"), [("least", f"{y.min():g}"), ("mean", f"{y.mean():.4g}"), ("greatest", f"{y.max():g}")]
        )
    else:
        target = markdown_table(("Class", "Rows"), zip(*np.unique(y, return_counts=True), strict=True))
    packages = ("scikit-learn", "skops", "numpy", "pandas")
    return {
        "rows": str(len(x)),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "target_values": target,
        "features": markdown_table(("Feature", "Kind", "Missing"), kinds),
        "versions": ", ".join(
            [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)]
        ),
    }


if __name__ == "__main__":
    run(main)
