"""Prediction: what the model says of every row, and where the truth is known, how right it is."""

import re
from html import escape
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pygal
import skops.io
from sklearn import metrics as score
from typer import Option

from shared import step
from shared.step import StepError
from shared.tables import features, target_values

# A skops file may hold any class; besides scikit-learn's plain ones, only these are loaded.
TRUSTED = ["numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
# Not needed of pygal's SVG: the date, its style, what its script reads, most decimals of a dot's place.
SURPLUS = re.compile(r'<!--.*?-->|<(script|style|desc|title)\b.*?</\1>|(?P<place> c[xy]="\d+\.\d)\d+', re.DOTALL)


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
    scores, curves, plots = dict[str, float](), dict[str, Any](), list[str]()
    added = {"prediction": pa.array(said)}
    chances = fitted.predict_proba(x) if problem_type == "classification" else None
    if chances is not None:
        added["probability"] = pa.array(chances.max(axis=1))
    if target in data.column_names:
        column = data.column(target)
        known = pc.invert(pc.is_null(column, nan_is_null=True)).to_numpy()
        truth = target_values(column.filter(pa.array(known)), problem_type)
        if chances is None:
            scores, plots = evaluate_numbers(truth, said[known])
        else:
            scores, curves, plots = evaluate_classes(fitted.classes_, truth, said[known], chances[known])
            added["prediction"] = added["prediction"].cast(column.type)  # classes are text in the model
    kept = {name: data.column(name) for name in data.column_names if name not in added}
    with step.writing(predictions) as temporary:
        pq.write_table(pa.table(kept | added), temporary)
    step.write_text(metrics, "".join(f"{name} {value}\n" for name, value in scores.items()))
    step.write_text(evaluation, "")
    values = step.html_table(("metric", "value"), [(name, f"{value:.4g}") for name, value in scores.items()])
    found = values if scores else "<p>The truth is not in the table: there are no metrics.</p>"
    step.write_text(report, step.page(f"Prediction of {target}", f"<p>{len(said)} rows predicted.</p>", found, *plots))
    step.write_metadata(executor_input, {"predictions": {"rows": len(said)}, "metrics": scores, "evaluation": curves})
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
    plots = [matrix_table(names, matrix.tolist())] if len(names) <= 30 else []
    first = 1 if len(classes) == 2 else 0  # of two classes, the second against the first; else each against the rest
    is_class, chances = truth[:, None] == classes[first:], chances[:, first:]
    both = (is_class.any(axis=0)) & (~is_class).any(axis=0)  # without rows of both kinds there is no curve
    if both.any():
        scores["roc_auc"] = score.roc_auc_score(is_class[:, both], chances[:, both])
        fpr, tpr, thresholds = score.roc_curve(is_class.ravel(), chances.ravel())
        curves |= step.roc_metadata(fpr, tpr, thresholds)
        points = [(point["falsePositiveRate"], point["recall"]) for point in curves["confidenceMetrics"]]
        plots.append(draw("ROC curve", "false positive rate", "true positive rate", points, line=True))
    return {name: float(value) for name, value in scores.items()}, curves, plots


def evaluate_numbers(truth: Any, said: Any) -> tuple[dict[str, float], list[str]]:
    scores = {"rmse": float(score.root_mean_squared_error(truth, said))}
    scores["mae"] = float(score.mean_absolute_error(truth, said))
    scores["r2"] = float(score.r2_score(truth, said)) if len(truth) > 1 else float("nan")
    some = np.random.default_rng(0).permutation(len(truth))[:2000]
    pairs, errors = (np.column_stack(pair)[some].tolist() for pair in ((truth, said), (said, truth - said)))
    plots = [draw("Predicted against true", "true", "predicted", pairs)]
    return scores, [*plots, draw("Residuals", "predicted", "true minus predicted", errors, slope=0)]


def matrix_table(names: list[str], matrix: list[list[int]]) -> str:
    lines = ["<tr><td></td>", *(f'<th scope="col">{escape(name)}</th>' for name in names), "</tr>"]
    for name, row in zip(names, matrix, strict=True):
        most = max(sum(row), 1) / 0.6  # on 60 % of the colour, text is readable, light or dark
        cells = (f'<td style="background: rgb(34 136 204 / {count / most:.2f})">{count}</td>' for count in row)
        lines += ['<tr><th scope="row">', escape(name), "</th>", *cells, "</tr>"]
    caption = "<caption>Rows: the true class. Columns: the predicted one. Shade: share of the row.</caption>"
    return f'<h2>Confusion matrix</h2><div class="scroll"><table>{caption}{"".join(lines)}</table></div>'


def draw(title: str, x: str, y: str, points: list[tuple[float, float]], line: bool = False, slope: int = 1) -> str:
    """The points, or their line, and dashed y = slope * x; in the style of `step.page`. The same for the same data."""
    chart = pygal.XY(width=480, height=480, x_title=x, y_title=y, show_legend=False, max_scale=8, dots_size=2, js=[])
    chart.add(title, points, stroke=line, show_dots=not line)
    chart.add("", [(x, slope * x) for x in (min(points)[0], max(points)[0])], show_dots=False)
    svg = SURPLUS.sub(r"\g<place>", chart.render(no_prefix=True, disable_xml_declaration=True))
    return f"<h2>{title}</h2>" + svg.replace('id=""', f'role="img" aria-label="{title}"', 1)


if __name__ == "__main__":
    step.run(main)
