"""How good the model is on public tables, by cross-validation: what was measured, from which it may not fall."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn import datasets

import train
from helpers.template import PROJECT

PENGUINS = PROJECT / "components/shared/penguins.csv"
TABLES: dict[str, tuple[Callable[[], Any], str, str, float]] = {
    # table: how to get it, the target, the metric, and what boosted trees had with their features of release 0.1
    "penguins": (lambda: pd.read_csv(PENGUINS), "species", "cv_accuracy", 0.9855),
    "iris": (lambda: datasets.load_iris(as_frame=True).frame, "target", "cv_accuracy", 0.9467),
    "breast cancer": (lambda: datasets.load_breast_cancer(as_frame=True).frame, "target", "cv_accuracy", 0.9701),
    "penguins' mass": (lambda: pd.read_csv(PENGUINS).dropna(subset="body_mass_g"), "body_mass_g", "cv_r2", 0.8481),
    "wine": (lambda: datasets.load_wine(as_frame=True).frame, "target", "cv_accuracy", 0.9717),
    "diabetes": (lambda: datasets.load_diabetes(as_frame=True).frame, "target", "cv_r2", 0.3981),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_public_table_is_learnt_as_well_as_before(tmp_path: Path, name: str) -> None:
    load, target, metric, before = TABLES[name]
    pq.write_table(pa.Table.from_pandas(load(), preserve_index=False), tmp_path / "table")
    kind = "classification" if metric == "cv_accuracy" else "regression"
    train.main(tmp_path / "table", target, tmp_path / "model", tmp_path / "metrics", kind)
    found = dict(line.split() for line in (tmp_path / "metrics").read_text().splitlines())
    assert float(found[metric]) > before - 0.01
