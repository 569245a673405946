"""Prediction: what the model says of every row, and where the truth is known, how right it is."""

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import skops.io
from sklearn import metrics as score
from sklearn.inspection import permutation_importance
from typer import Option

from shared import plots, step
from shared.step import StepError
from shared.tables import features, target_values

# A skops file may hold any class; besides scikit-learn's plain ones, only these are loaded.
TRUSTED = ["numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]


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
    fitted, data = load_model(model), pq.read_table(table)
    x = model_input(fitted, data)
    said = fitted.predict(x)
    scores, curves, parts = dict[str, float](), dict[str, Any](), list[str]()
    added = {"prediction": pa.array(said)}
    chances = fitted.predict_proba(x) if problem_type == "classification" else None
    if chances is not None:
        added["probability"] = pa.array(chances.max(axis=1))
    column = data.column(target) if target in data.column_names else pa.chunked_array([], pa.null())
    known = pc.invert(pc.is_null(column, nan_is_null=True)).to_numpy()
    if known.any():
        truth = target_values(column.filter(pa.array(known)), problem_type)
        if chances is None:
            scores, parts = evaluate_numbers(truth, said[known])
        else:
            scores, curves, parts = evaluate_classes(fitted.classes_, truth, said[known], chances[known])
            added["prediction"] = added["prediction"].cast(column.type)  # classes are text in the model
        if len(truth) > 1:  # of one row, there is nothing to shuffle
            parts.append(importance(fitted, x[known], truth))
    kept = {name: data.column(name) for name in data.column_names if name not in added}
    with step.writing(predictions) as temporary:
        pq.write_table(pa.table(kept | added), temporary)
    step.write_text(metrics, "".join(f"{name} {value}\n" for name, value in scores.items()))
    step.write_text(evaluation, "")
    values = step.html_table(("metric", "value"), [(name, f"{value:.4g}") for name, value in scores.items()])
    found = values if scores else "<p>The truth is not in the table: there are no metrics.</p>"
    step.write_text(report, step.page(f"Prediction of {target}", f"<p>{len(said)} rows predicted.</p>", found, *parts))
    shape = {"rows": len(said), "columns": len(kept | added)}
    step.write_metadata(executor_input, {"predictions": shape, "metrics": scores, "evaluation": curves})
    print(f"{len(said)} rows predicted,", *(f"{name} {value:.4g}" for name, value in scores.items()))


def load_model(path: Path) -> Any:
    try:
        unknown = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
        if unknown:
            raise StepError(f"the model holds types that are not trusted: {', '.join(unknown)}. Train it anew.")
        return skops.io.load(path, trusted=TRUSTED)
    except (ValueError, KeyError, OSError) as problem:
        raise StepError(f"{path.name!r} is not a readable skops model: {problem}. Train it anew.") from problem


def model_input(model: Any, data: pa.Table) -> Any:
    """The columns that the model learnt from, shape (rows, features), each of the kind that it learnt."""
    if missing := [name for name in model.feature_names_in_ if name not in data.column_names]:
        raise StepError(f"the table lacks columns of the model: {', '.join(missing)}. Add them, or train anew.")
    x = features(data, model.feature_names_in_)
    for kind, _, names in model.named_steps["preparation"].transformers:
        for name in names:
            if x[name].isna().all():  # without a value, a column has no kind of its own
                x[name] = np.full(len(x), np.nan if kind == "numbers" else None)
            if (x[name].dtype == float) != (kind == "numbers"):
                raise StepError(f"column {name!r} held {kind} in training, and does not here. Correct the table.")
    return x


def evaluate_classes(classes: Any, truth: Any, said: Any, chances: Any) -> tuple[dict[str, float], Any, list[str]]:
    """Metrics, KFP's ClassificationMetrics and plots. A class that the model never saw counts as wrong."""
    names = [*classes, *sorted(set(truth) - set(classes))]
    matrix = score.confusion_matrix(truth, said, labels=names)
    scores = {"accuracy": score.accuracy_score(truth, said)}
    scores["f1_macro"] = score.f1_score(truth, said, average="macro", zero_division=0)
    curves = step.confusion_matrix_metadata(names, matrix.tolist())
    parts = [plots.matrix("Confusion matrix", names, matrix.tolist())] if len(names) <= 30 else []
    first = 1 if len(classes) == 2 else 0  # of two classes, the second against the first; else each against the rest
    is_class, chances = truth[:, None] == classes[first:], chances[:, first:]
    both = (is_class.any(axis=0)) & (~is_class).any(axis=0)  # without rows of both kinds there is no curve
    if both.any():
        scores["roc_auc"] = score.roc_auc_score(is_class[:, both], chances[:, both])
        scores["average_precision"] = score.average_precision_score(is_class[:, both], chances[:, both])
        fpr, tpr, thresholds = score.roc_curve(is_class.ravel(), chances.ravel())
        curves |= step.roc_metadata(fpr, tpr, thresholds)
        precision, recall, _ = score.precision_recall_curve(is_class.ravel(), chances.ravel())
        share = is_class.mean()  # what chance alone is right in
        roc = plots.line("ROC curve", "false positive rate", "true positive rate", (fpr, tpr), [(0, 0), (1, 1)])
        right = plots.line("Precision and recall", "recall", "precision", (recall, precision), [(0, share), (1, share)])
        parts.append(plots.beside(roc, right))
    return {name: float(value) for name, value in scores.items()}, curves, parts


def evaluate_numbers(truth: Any, said: Any) -> tuple[dict[str, float], list[str]]:
    scores = {"rmse": float(score.root_mean_squared_error(truth, said))}
    scores["mae"] = float(score.mean_absolute_error(truth, said))
    scores["r2"] = float(score.r2_score(truth, said)) if len(truth) > 1 else float("nan")
    some = np.random.default_rng(0).permutation(len(truth))[:1000]
    true, predicted = truth[some], said[some]
    if max(abs(true).max(), abs(predicted).max()) > 1e100:  # pygal computes with squares of these
        return scores, ["<p>The numbers are too large to be drawn.</p>"]
    ends = [(end, end) for end in (true.min(), true.max())]
    level = [(end, 0) for end in (predicted.min(), predicted.max())]
    agreement = plots.dots("Predicted against true", "true", "predicted", (true, predicted), ends)
    residuals = plots.dots("Residuals", "predicted", "true minus predicted", (predicted, true - predicted), level)
    return scores, [plots.beside(agreement, residuals)]


def importance(model: Any, x: Any, truth: Any) -> str:
    """How much worse the model gets when the values of one column are shuffled: scikit-learn's permutation importance,
    of accuracy or R2, on at most 1,000 rows."""
    some = np.random.default_rng(0).permutation(len(truth))[:1000]
    found = permutation_importance(model, x.iloc[some], truth[some], random_state=0)
    order = found.importances_mean.argsort()[::-1][:20]
    most = max(found.importances_mean[order[0]], 1e-9)
    lost = [(found.importances_mean[i], found.importances_std[i]) for i in order]
    rows = [
        (x.columns[i], f"{mean:.3f} ± {std:.3f}", plots.bar(mean / most))
        for i, (mean, std) in zip(order, lost, strict=True)
    ]
    title = "<h2>Importance of the features</h2><p>What is lost when a column is shuffled (mean ± deviation of 5).</p>"
    return title + step.html_table(("feature", "R2 lost" if truth.dtype == float else "accuracy lost", "share"), rows)


if __name__ == "__main__":
    step.run(main)
