"""How right predictions are where the truth is known: metrics, what KFP shows of them, and plots."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn import metrics as score

from shared import plots
from shared.metadata import confusion_matrix_metadata, roc_metadata


@dataclass
class Evaluation:
    scores: dict[str, float] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)  # metadata of a ClassificationMetrics artifact
    classes: list[str] = field(default_factory=list)
    matrix: list[list[int]] = field(default_factory=list)  # rows by true class, columns by predicted one
    plots: list[Any] = field(default_factory=list)


def evaluate_classes(classes: Any, truth: Any, said: Any, chances: Any) -> Evaluation:
    """Of predicted classes and chances, shapes (rows,) and (rows, classes). A class the model never saw is wrong."""
    names = [*classes, *sorted(set(truth) - set(classes))]
    matrix = score.confusion_matrix(truth, said, labels=names).tolist()
    f1 = score.f1_score(truth, said, average="macro", zero_division=0)
    found = Evaluation({"accuracy": float(score.accuracy_score(truth, said)), "f1_macro": float(f1)})
    found.curves, found.classes, found.matrix = confusion_matrix_metadata(names, matrix), names, matrix
    first = 1 if len(classes) == 2 else 0  # of two classes, the second against the first; else each against the rest
    is_class, chances = truth[:, None] == classes[first:], chances[:, first:]
    both = (is_class.any(axis=0)) & (~is_class).any(axis=0)  # without rows of both kinds there is no curve
    if both.any():
        add_curves(found, is_class, chances, both)
    return found


def add_curves(found: Evaluation, is_class: Any, chances: Any, both: Any) -> None:
    """Add what the chances are worth: areas under the curves, and the curves; all of shape (rows, classes)."""
    found.scores["roc_auc"] = float(score.roc_auc_score(is_class[:, both], chances[:, both]))
    found.scores["average_precision"] = float(score.average_precision_score(is_class[:, both], chances[:, both]))
    fpr, tpr, thresholds = score.roc_curve(is_class.ravel(), chances.ravel())
    found.curves |= roc_metadata(fpr, tpr, thresholds)
    precision, recall, _ = score.precision_recall_curve(is_class.ravel(), chances.ravel())
    share = is_class.mean()  # what chance alone is right in
    found.plots = [
        plots.line("ROC curve", "false positive rate", "true positive rate", (fpr, tpr), [(0, 0), (1, 1)]),
        plots.line("Precision and recall", "recall", "precision", (recall, precision), [(0, share), (1, share)]),
    ]


def evaluate_numbers(truth: Any, said: Any) -> Evaluation:
    """Of predicted quantities, shape (rows,)."""
    found = Evaluation({"rmse": float(score.root_mean_squared_error(truth, said))})
    found.scores["mae"] = float(score.mean_absolute_error(truth, said))
    found.scores["r2"] = float(score.r2_score(truth, said)) if len(truth) > 1 else float("nan")
    some = np.random.default_rng(0).permutation(len(truth))[:1000]
    true, predicted = truth[some], said[some]
    if not drawable(true) or not drawable(predicted):
        found.plots = ["The numbers are too large, or too much alike, to be drawn."]
        return found
    ends = [(end, end) for end in (true.min(), true.max())]
    level = [(end, 0) for end in (predicted.min(), predicted.max())]
    found.plots = [
        plots.dots("Predicted against true", "true", "predicted", (true, predicted), ends),
        plots.dots("Residuals", "predicted", "true minus predicted", (predicted, true - predicted), level),
    ]
    return found


def drawable(numbers: Any) -> bool:
    """Whether pygal can make a scale for them: it takes squares, and steps from one end to the other."""
    span, most = np.ptp(numbers), abs(numbers).max()
    return bool(most <= 1e100 and (not span or span > 1e-12 * most))
