"""Which columns the model needs: permutation importance, in a time that does not grow with the table's width."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, r2_score

from shared.features import column_of

SHOWN, SHUFFLES = 20, 5
ROWS = 1000  # that a column is shuffled in, at most
CELLS = 20_000_000  # rows times columns that the model is asked about, at most, in each of two rounds
CHUNK = 2_000_000  # of these at a time, so that memory is bounded too


@dataclass
class Importance:
    lost: str  # what is lost: "accuracy lost" or "R2 lost"
    columns: list[tuple[str, float, float]]  # name, mean loss and its deviation, the greatest first
    words: str  # how it was found, and what was left out


def importance(model: Any, x: Any, truth: Any, columns: list[str]) -> Importance:
    """How much worse the model gets when one column's values are shuffled among the rows of `x`; dates go whole.

    The rows are some that were drawn by chance (`drawn`), in the order in which they were.
    Of more than 20 columns, one shuffle of each finds those that matter, and these are looked at more closely.
    """
    groups = dict[str, list[str]]()
    for name in x.columns:
        groups.setdefault(column_of(name, columns), []).append(name)
    words = f"What is lost when a column is shuffled (mean ± deviation of {SHUFFLES})."
    if (width := len(groups)) > SHOWN:
        looked_at = list(groups)[: max(CELLS // (width * 20), SHOWN)]
        rows = most(CELLS // (width * len(looked_at)), len(x))
        once = losses(model, x[:rows], truth[:rows], {name: groups[name] for name in looked_at}, 1)
        groups = {name: groups[name] for name in sorted(once, key=lambda name: -once[name][0])[:SHOWN]}
        words += f" These are {SHOWN} of {width} columns, chosen by one shuffle of {rows} rows."
        if len(looked_at) < width:
            words += f" The table is so wide that its last {width - len(looked_at)} columns were not looked at."
    rows = most(CELLS // (width * len(groups) * SHUFFLES), len(x))
    found = losses(model, x[:rows], truth[:rows], groups, SHUFFLES)
    ranked = [(name, float(np.mean(each)), float(np.std(each))) for name, each in found.items()]
    ranked.sort(key=lambda column: -column[1])
    return Importance("R2 lost" if truth.dtype == float else "accuracy lost", ranked, words)


def drawn(rows: int) -> Any:
    """The positions of ROWS of so many rows, by chance and in the order in which they were drawn."""
    return np.random.default_rng(0).permutation(rows)[:ROWS]


def most(rows: int, there: int) -> int:
    """How many rows are looked at, of those that are there."""
    return min(max(rows, 20), there)


def losses(model: Any, x: Any, truth: Any, groups: dict[str, list[str]], shuffles: int) -> dict[str, list[float]]:
    """By how much the score falls in each shuffle of each group of features."""
    score = r2_score if truth.dtype == float else accuracy_score
    right = score(truth, model.predict(x))
    shuffled = [name for name in groups for _ in range(shuffles)]
    found = dict[str, list[float]]()
    at_once = max(CHUNK // x.size, 1)
    for start in range(0, len(shuffled), at_once):
        names = shuffled[start : start + at_once]
        said = model.predict(pd.concat(shuffles_of(x, [groups[name] for name in names], start)))
        for name, part in zip(names, said.reshape(len(names), -1), strict=True):
            found.setdefault(name, []).append(right - score(truth, part))
    return found


def shuffles_of(x: Any, groups: Iterable[list[str]], seed: int) -> list[Any]:
    """A copy of `x` for each group of features, in which their values are those of other rows."""
    copies = []
    for i, names in enumerate(groups):
        copy, order = x.copy(), np.random.default_rng((0, seed + i)).permutation(len(x))
        for name in names:
            copy[name] = x[name].to_numpy()[order]
        copies.append(copy)
    return copies
