"""How good the model is by cross-validation, beside a guess and a linear model."""

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from sklearn.base import clone
from sklearn.metrics import check_scoring
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline

from shared.step import StepError

SCORES = {  # metric: scikit-learn's scorer; a "neg_" one is turned round again
    "classification": {"cv_accuracy": "accuracy", "cv_f1_macro": "f1_macro"},
    "regression": {"cv_r2": "r2", "cv_rmse": "neg_root_mean_squared_error", "cv_mae": "neg_mean_absolute_error"},
}
NAMES = {"model": "boosted trees", "guess": "a guess: the most common class, or the mean", "linear": "a linear model"}
MANY = 100_000  # rows, of which more folds would tell nothing new
LITTLE = 0.005  # of the first metric, accuracy or R2: a difference that is none
FEW = 20_000  # rows of a fold that the baselines learn from, at most: more change a linear model little


@dataclass
class Judgement:
    """Of each model, "model" and the baselines, and of each metric: the values of the folds, shape (folds,)."""

    values: dict[str, dict[str, Any]]

    @property
    def metrics(self) -> dict[str, float]:
        """Mean and deviation (`_std`) of each metric, and what the baselines have of the first."""
        found = dict[str, float]()
        for name, values in self.values["model"].items():
            found |= {name: float(np.mean(values)), f"{name}_std": float(np.std(values))}
        first = next(iter(self.values["model"]))
        return found | {f"{first}_{who}": float(np.mean(v[first])) for who, v in self.values.items() if who != "model"}

    def intervals(self) -> list[tuple[str, str, str]]:
        """Of each metric of the model: name, mean and 95 % interval as text."""
        found = []
        for name, values in self.values["model"].items():
            mean, half = float(np.mean(values)), half_interval(values)
            error = name.endswith(("_rmse", "_mae"))
            low, high = (max(mean - half, 0), mean + half) if error else (mean - half, min(mean + half, 1))
            found.append((name, f"{mean:.4g}", f"{low:.4g} to {high:.4g}" if np.isfinite(half) else "not known"))
        return found

    def comparison(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """A table of each model's means: its header, and a row for each."""
        means = {who: [f"{np.mean(each):.4g}" for each in values.values()] for who, values in self.values.items()}
        return ("Model", *self.values["model"]), [(NAMES[who], *each) for who, each in means.items()]

    def verdict(self) -> str:
        """Whether a linear model, or even a guess, does better than the model; "" if neither does."""
        first = next(iter(self.values["model"]))
        means = {who: float(np.mean(values[first])) for who, values in self.values.items()}
        best = max(means, key=lambda who: means[who])
        if means[best] < means["model"] + LITTLE:
            return ""
        found = f"{first} {means[best]:.3g}, against {means['model']:.3g} of the model"
        told = f"By cross-validation, {NAMES[best]} does better here: {found}."
        alike = {who: float(np.mean(values.get("cv_f1_macro", 0))) for who, values in self.values.items()}
        if alike["model"] < alike[best] + LITTLE:
            return told
        found = f"cv_f1_macro {alike['model']:.3g}, against {alike[best]:.3g}"
        return f"{told} Where each class counts alike, the model does better: {found}."


def split(y: Any, problem_type: str, wanted: int, seed: int) -> Any:
    """How rows are split: into `wanted` folds, or for 0 into 5, and 3 of many rows; no more than a class has rows."""
    number = wanted or (5 if len(y) <= MANY else 3)
    if number > len(y) / 2:
        raise StepError(f"folds is {number}, and there are {len(y)} rows. Give fewer folds.")
    if problem_type == "regression":
        return KFold(number, shuffle=True, random_state=seed)
    smallest = int(np.unique(y, return_counts=True)[1].min())
    return StratifiedKFold(max(2, min(number, smallest)), shuffle=True, random_state=seed)


def judge(model: Pipeline, baselines: dict[str, Pipeline], x: Any, y: Any, problem_type: str, split: Any) -> Judgement:
    """Each fold is predicted by models that learnt from the others; it says how far it is, and how long a fold took."""
    found: dict[str, dict[str, list[float]]] = {}
    number = split.get_n_splits()
    for i, (train, test) in enumerate(split.split(x, y), start=1):
        start, said = time.monotonic(), []
        few = np.random.default_rng(i).permutation(train)[:FEW]
        for who, each in {"model": model, **baselines}.items():
            rows = train if who == "model" else few
            try:
                scores = scored(clone(each), x.iloc[rows], y[rows], x.iloc[test], y[test], problem_type)
            except ValueError:  # numbers that a linear model cannot compute with, such as 1e300
                if who == "model":
                    raise
                continue
            for name, value in scores.items():
                found.setdefault(who, {}).setdefault(name, []).append(value)
            said.append(f"{who} {next(iter(scores.values())):.4g}")
        about = f"{next(iter(SCORES[problem_type]))} of {', '.join(said)}; {time.monotonic() - start:.1f} s"
        print(f"fold {i} of {number}: {about}", flush=True)
    whole = {who: values for who, values in found.items() if len(next(iter(values.values()))) == number}
    return Judgement({who: {name: np.array(each) for name, each in values.items()} for who, values in whole.items()})


def scored(model: Pipeline, x: Any, y: Any, x_test: Any, y_test: Any, problem_type: str) -> dict[str, float]:
    """The metrics of a model that learns from (x, y) and is asked about the test rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a rare category or class is not in every fold: that is how it is
        found = check_scoring(model.fit(x, y), SCORES[problem_type])(model, x_test, y_test)
    return {name: -value if SCORES[problem_type][name].startswith("neg_") else value for name, value in found.items()}


def half_interval(values: Any) -> float:
    """Half of the 95 % interval of the mean of k folds, shape (k,). The folds share rows, so the variance is Nadeau and
    Bengio's (2003): 1/k + (test rows / train rows) times the folds' own."""
    k = len(values)
    return float(stats.t.ppf(0.975, k - 1) * np.std(values, ddof=1) * np.sqrt(1 / k + 1 / (k - 1)))
