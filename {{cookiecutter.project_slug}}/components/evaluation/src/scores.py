"""How good predictions are by one metric, and how sure the difference of two is on the same rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

METRICS = {"classification": ("accuracy", "f1_macro"), "regression": ("r2", "rmse", "mae")}
ERRORS = ("rmse", "mae")  # of which less is better
DRAWS = 1_000
MANY, FEWER = 20_000, 200  # of more rows than the one, so many draws as the other say as much
Score = Callable[[Any], Any]  # of rows that count so often, shape (rows,) or (draws, rows): what the metric is


@dataclass(frozen=True)
class Comparison:
    """A metric of two models on the same rows; `gain` is above 0 where the first is better.

    `low` and `high` are the ends of the gain's 95 % interval.
    """

    metric: str
    first: float
    second: float
    gain: float
    low: float
    high: float


def score(metric: str, truth: Any, said: Any) -> float:
    """A metric of predictions, shape (rows,), as scikit-learn computes it."""
    return float(_scorer(metric, *_coded(metric, truth, said))(np.ones(len(truth))))


def compare(metric: str, truth: Any, first: Any, second: Any) -> Comparison:
    """Two models' predictions, shapes (rows,), by a metric. The interval is that of the paired bootstrap: rows are
    drawn anew, each with what both models say of it (Efron and Tibshirani, 1993, chapter 16).
    """
    true, one, two = _coded(metric, truth, first, second)
    often = np.ones(len(true))
    if metric not in ERRORS and metric != "r2":  # rows of which all is the same are drawn together
        (true, one, two), often = _alike(true, one, two)
    scores = [_scorer(metric, true, each) for each in (one, two)]
    sign = -1 if metric in ERRORS else 1
    chance, rows = np.random.default_rng(0), int(often.sum())
    draws = DRAWS if len(often) <= MANY else FEWER
    step = max(1, 4_000_000 // len(often))
    gains = []
    for start in range(0, draws, step):
        drawn = chance.multinomial(rows, often / rows, size=min(step, draws - start)).astype(float)
        gains.append(sign * (scores[0](drawn) - scores[1](drawn)))
    found = np.concatenate(gains)
    low, high = np.quantile(found[np.isfinite(found)], [0.025, 0.975]) if np.isfinite(found).any() else (np.nan, np.nan)
    its, others = (float(each(often)) for each in scores)
    return Comparison(metric, its, others, sign * (its - others), float(low), float(high))


def _coded(metric: str, truth: Any, *said: Any) -> list[Any]:
    """Classes as whole numbers from 0 on; quantities as they are."""
    if metric in ERRORS or metric == "r2":
        return [truth, *said]
    names, codes = np.unique(np.concatenate([truth, *said]), return_inverse=True)
    return np.split(codes, 1 + len(said)) if len(names) else [truth, *said]


def _alike(*columns: Any) -> tuple[Any, Any]:
    """The different rows of some columns, shape (columns, different), and how often each is there."""
    different, often = np.unique(np.stack(columns), axis=1, return_counts=True)
    return different, often.astype(float)


def _scorer(metric: str, truth: Any, said: Any) -> Score:
    """The metric as a function of how often each row counts."""
    if metric == "accuracy":
        return lambda often: often @ (truth == said) / often.sum(axis=-1)
    if metric == "f1_macro":
        return lambda often: _f1_macro(often, truth, said)
    error = said - truth
    if metric == "mae":
        return lambda often: often @ abs(error) / often.sum(axis=-1)
    if metric == "rmse":
        return lambda often: np.sqrt(often @ error**2 / often.sum(axis=-1))
    return lambda often: _r2(often, truth, error)


def _f1_macro(often: Any, truth: Any, said: Any) -> Any:
    """The mean over the classes that are there or are said."""
    kinds = np.arange(max(truth.max(), said.max()) + 1)
    is_, called = truth[:, None] == kinds, said[:, None] == kinds
    right, both = often @ (is_ & called), often @ is_ + often @ called
    return (2 * right / np.maximum(both, 1e-300)).sum(axis=-1) / (both > 0).sum(axis=-1)


def _r2(often: Any, truth: Any, error: Any) -> Any:
    rows = often.sum(axis=-1)
    centred = truth - truth.mean()
    spread = often @ centred**2 - (often @ centred) ** 2 / rows
    with np.errstate(all="ignore"):
        return 1 - often @ error**2 / spread
