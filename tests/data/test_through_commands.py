"""A dozen tables as people have them, through `inv data.adopt` and `inv run`: no row is lost on the way."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from helpers.adopting import TABLES
from helpers.inv import inv
from helpers.penguins import record
from helpers.template import Bake

QUICK = ("-p", "max_iter=5", "-p", "folds=2")
# Of each: the target, the rows, and what `inv data.adopt` says among else.
CASES: dict[str, tuple[str, int, str]] = {
    "semicolon_decimal_comma.csv": ("price", 60, "regression"),
    "currency.csv": ("bought", 60, "such as '$5,126.00'"),
    "mixed_types.csv": ("bought", 60, "'unknown'"),
    "leading_zeros_target.csv": ("code", 60, "classification"),
    "excel.xlsx": ("bought", 60, "bought"),
    "zip.csv.zip": ("bought", 60, "bought"),
    "gz_without_ending": ("bought", 60, "bought"),
    "folder": ("bought", 60, "bought"),
    "cp1252_header.csv": ("bought", 60, "price €"),
    "date_9999.csv": ("bought", 60, "bought"),
    "column_prediction.csv": ("bought", 60, "prediction"),
    "text_column.csv": ("stars", 80, "one value per row"),
    "decimal_target.parquet": ("amount", 60, "regression"),
}


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    return bake()


def rows(project: Path, artifact: dict[str, Any]) -> int:
    found: int = pq.read_metadata(project / artifact["uri"]).num_rows
    return found


@pytest.mark.parametrize("name", CASES)
def test_every_row_is_predicted_or_learnt_from(project: Path, name: str) -> None:
    target, count, word = CASES[name]
    said = inv(project, "data.adopt", str(TABLES / name), "--target", target).stdout
    assert word in said and f"{count} rows" in said
    inv(project, "run", *QUICK)
    run = record(project)
    assert run["status"] == "succeeded"
    out = {step["name"]: step["outputs"] for step in run["steps"]}
    assert rows(project, out["gathering"]["table"]) == rows(project, out["validation"]["validated"]) == count
    train, test = (rows(project, out["preprocessing"][part]) for part in ("train", "test"))
    assert train + test == count and test > 0
    predictions = pq.read_table(project / out["prediction"]["predictions"]["uri"])
    assert predictions.num_rows == test
    assert {"prediction", "model_prediction"} & set(predictions.column_names)
    assert run["metrics"], json.dumps(run["steps"])
