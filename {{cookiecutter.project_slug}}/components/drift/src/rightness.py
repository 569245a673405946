"""How right predictions are where the truth is known, and whether that is worse than on the reference's test rows."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import stats

from shared.features import feature, target_values
from shared.tables import batches
from significance import Test, more_often


@dataclass
class Rightness:
    """Sums over the rows whose truth is known."""

    rows: int = 0
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)  # of classes: true and predicted
    sums: Any = field(default_factory=lambda: np.zeros(5))  # of |e|, e², e⁴, truth and truth², e the error

    def metrics(self) -> dict[str, float]:
        if not self.rows:
            return {}
        if self.pairs:
            right = sum(rows for (true, said), rows in self.pairs.items() if true == said)
            return {"accuracy": right / self.rows, "f1_macro": self.f1_macro()}
        absolute, squared, _, truth, truth_squared = self.sums / self.rows
        spread = truth_squared - truth**2
        r2 = {"r2": 1 - squared / spread} if spread > 0 else {}
        return {"rmse": math.sqrt(squared), "mae": float(absolute), **r2}

    def f1_macro(self) -> float:
        true, said, right = Counter[str](), Counter[str](), Counter[str]()
        for (a, b), rows in self.pairs.items():
            true[a] += rows
            said[b] += rows
            right[a] += rows * (a == b)
        return float(np.mean([2 * right[name] / (true[name] + said[name]) for name in true | said]))


def rightness(table: Path, target: str, prediction: str, problem_type: str) -> Rightness:
    """How right the column `prediction` is where `target` is known."""
    found = Rightness()
    for batch in batches(table, [target, prediction]):
        there = pc.and_(*(pc.invert(pc.is_null(column, nan_is_null=True)) for column in batch.columns))
        truth, said = (batch.column(name).filter(there) for name in (target, prediction))
        found.rows += len(truth)
        if problem_type == "classification":
            said = said if said.type == truth.type else said.cast(pa.string())
            found.pairs.update(
                zip(*(target_values(each, problem_type).tolist() for each in (truth, said)), strict=True)
            )
            continue
        true, error = feature(truth), feature(truth) - feature(said)
        finite = np.isfinite(error)
        found.rows -= int((~finite).sum())
        true, error = true[finite], error[finite]
        found.sums += [np.sum(part) for part in (abs(error), error**2, error**4, true, true**2)]
    return found


def worse(before: Mapping[str, float], rows_before: int, found: Rightness, least: float) -> list[Test]:
    """Whether accuracy or error are worse than on `rows_before` rows before; `least` is the share that matters."""
    now = found.metrics()
    if not rows_before or not found.rows:
        return []
    if "accuracy" in now and "accuracy" in before:
        wrong = round((1 - before["accuracy"]) * rows_before), round((1 - now["accuracy"]) * found.rows)
        p, possible = more_often(wrong[0], rows_before, wrong[1], found.rows)
        words = f"accuracy is {now['accuracy']:.3f}, and was {before['accuracy']:.3f} on the test rows of the model"
        return [Test("metric", p, possible, before["accuracy"] - now["accuracy"] >= least * before["accuracy"], words)]
    if "rmse" in now and before.get("rmse", 0) > 0:
        squared, fourth = found.sums[1] / found.rows, found.sums[2] / found.rows
        kurtosis = max(fourth / squared**2 - 1, 0) if squared > 0 else 0.0  # of errors of the same shape, before too
        deviation = math.sqrt(kurtosis * (squared**2 / found.rows + before["rmse"] ** 4 / rows_before))
        change = squared - before["rmse"] ** 2
        p = float(stats.norm.sf(change / deviation)) if deviation else 1.0 if change <= 0 else 0.0
        words = f"rmse is {now['rmse']:.4g}, and was {before['rmse']:.4g} on the test rows of the model"
        return [Test("metric", p, 0, now["rmse"] - before["rmse"] >= least * before["rmse"], words)]
    return []
