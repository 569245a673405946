"""The rows of a table that say how right the model is: those with a known truth, or of very many some of them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from importance import drawn
from shared.features import target_values
from shared.tables import batches, rows_of

MOST = 1_000_000  # of more rows, so many drawn by chance say as much


@dataclass
class Judged:
    """Of `count` rows of a table those whose positions are in `judged`, shape (n,), ascending; what was said of them.

    `shuffled` are the positions of the rows in which columns are shuffled, in the order in which they were drawn.
    """

    count: int
    judged: Any
    shuffled: Any
    said: list[Any] = field(default_factory=list)
    chances: list[Any] = field(default_factory=list)
    kept: int = 0  # rows of the table that `keep` has seen
    _truth: list[Any] = field(default_factory=list)
    _features: list[Any] = field(default_factory=list)

    def keep(self, batch: Any, target: str, problem_type: str, x: Any, said: Any, chances: Any) -> None:
        """Keep of the next rows of the table those that are judged: `x` and `chances` have shape (rows, ...)."""
        start, self.kept = self.kept, self.kept + len(x)
        here = within(self.judged, start, self.kept)
        if len(here):
            truth = batch.column(target).take(pa.array(here))
            self._truth.append(target_values(truth, problem_type))
            self.said.append(said[here])
            self.chances.append(None if chances is None else chances[here])
        some = within(np.sort(self.shuffled), start, self.kept)
        if len(some):
            self._features.append(x.iloc[some].set_index(some + start))

    def truth(self) -> Any:
        return np.concatenate(self._truth)

    def drawn(self) -> tuple[Any, Any]:
        """The features and the truth of the rows in which columns are shuffled."""
        x = pd.concat(self._features).loc[self.shuffled].reset_index(drop=True)
        return x, self.truth()[np.searchsorted(self.judged, self.shuffled)]


def within(positions: Any, start: int, end: int) -> Any:
    """Those of the ascending positions that are from `start` on and before `end`, counted from `start`."""
    return positions[slice(*np.searchsorted(positions, [start, end]))] - start


def chosen(table: Path, target: str) -> Judged:
    """The rows of a table that are to be judged: none where there is no target."""
    known = np.zeros(0, dtype=int)
    if target:
        there = [~pc.is_null(batch.column(0), nan_is_null=True).to_numpy(False) for batch in batches(table, [target])]
        known = np.flatnonzero(np.concatenate(there))
    if len(known) > MOST:
        known = np.sort(np.random.default_rng(0).choice(known, MOST, replace=False))
    return Judged(rows_of(table), known, known[drawn(len(known))])
