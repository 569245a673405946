"""Training and prediction: what they say while they work, how good a model is and against what, what it needs."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import importance
from helpers.steps import ROWS, SIZE, learnt, table
from shared.step import StepError

# Training says what it does, and how good it is


def test_training_says_which_fold_it_is_at_and_how_long_it_took(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learnt(table(tmp_path / "table"), folds=3)
    said = capsys.readouterr().out
    assert re.findall(r"fold (\d) of 3: cv_accuracy of model .*, guess .*, linear .*; [\d.]+ s", said) == [
        "1",
        "2",
        "3",
    ]
    assert re.search(r"the model, from all 48 rows: [\d.]+ s", said)


def test_many_rows_are_judged_by_three_folds() -> None:
    from judgement import split

    for rows, number in ((100_000, 5), (100_001, 3)):
        assert split(np.arange(float(rows)), "regression", 0, 0).get_n_splits() == number
        assert split(np.array(["a", "b"] * (rows // 2 + 1)), "classification", 0, 0).get_n_splits() in (number, 3)


def test_early_stopping_is_an_option(tmp_path: Path) -> None:
    import skops.io

    from shared.fitted import TRUSTED

    rows = 400
    x = np.random.default_rng(0).normal(size=rows)
    path = tmp_path / "table"
    pq.write_table(pa.table({"x": x, "y": np.where(x > 0, "a", "b")}), path)
    learnt(path, "y", early_stopping=3, max_iter=500)
    assert skops.io.load(tmp_path / "model", trusted=TRUSTED).named_steps["estimator"].n_iter_ < 500
    assert "| early_stopping | 3 |" in (tmp_path / "card.md").read_text()
    with pytest.raises(StepError, match=r"a class has too few rows.*Give early_stopping 0"):
        learnt(table(tmp_path / "few", rare=["a"] * 57 + ["b"] * 3), "rare", early_stopping=3)


@pytest.mark.parametrize(("option", "value"), [("early_stopping", -1), ("folds", 1), ("folds", -2), ("folds", 40)])
def test_a_number_that_means_nothing_is_refused(tmp_path: Path, option: str, value: int) -> None:
    with pytest.raises(StepError, match=f"{option} is {value}"):
        learnt(table(tmp_path / "table"), "bought", "classification", **{option: value})


def test_the_card_says_where_a_linear_model_does_better(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sklearn.datasets import load_diabetes

    path = tmp_path / "table"
    pq.write_table(pa.Table.from_pandas(load_diabetes(as_frame=True).frame), path)
    scores = learnt(path, "target", "regression", max_iter=100)
    assert scores["cv_r2_guess"] < 0.05 < scores["cv_r2"] < scores["cv_r2_linear"]
    verdict = r"By cross-validation, a linear model does better here: cv_r2 0\.\d+, against 0\.\d+ of the model"
    assert re.search(verdict, capsys.readouterr().out)
    card = (tmp_path / "card.md").read_text()
    assert re.search(verdict.replace("_", r"\\?_"), card)
    assert re.search(r"\| a linear model \| 0\.\d+ \| \d", card)


def test_a_guess_that_is_better_by_accuracy_alone_is_no_better_model() -> None:
    """As where nearly all rows are of one class."""
    from judgement import Judgement

    def scores(accuracy: float, f1: float) -> dict[str, Any]:
        return {"cv_accuracy": np.array([accuracy] * 5), "cv_f1_macro": np.array([f1] * 5)}

    said = Judgement({"model": scores(0.9, 0.4), "guess": scores(0.91, 0.3)}).verdict()
    assert "the mean does better here: cv_accuracy 0.91, against 0.9 of the model. Where each class counts" in said
    assert said.endswith("the model does better: cv_f1_macro 0.4, against 0.3.")
    assert Judgement({"model": scores(0.9, 0.3), "guess": scores(0.91, 0.3)}).verdict().endswith("of the model.")


def test_numbers_that_a_linear_model_cannot_take_cost_the_comparison_alone(tmp_path: Path) -> None:
    scores = learnt(table(tmp_path / "table", huge=np.where(np.arange(ROWS) % 2, 1.7e308, -1.7e308)))
    assert "cv_accuracy" in scores and "cv_accuracy_linear" not in scores


# Predictions


def test_a_table_keeps_its_own_columns_prediction_and_probability(tmp_path: Path) -> None:
    path = table(tmp_path / "table", prediction=SIZE * 2, probability=["high"] * ROWS)
    learnt(path)
    kept = pq.read_table(tmp_path / "predictions").to_pandas()
    assert (kept["prediction"] == kept["size"] * 2).all() and set(kept["probability"]) == {"high"}
    assert set(kept["model_prediction"]) <= {"yes", "no"} and kept["model_probability"].between(0.5, 1).all()


class Counting:
    """A model that counts what it is asked."""

    cells = 0

    def predict(self, x: Any) -> Any:
        self.cells += x.size
        return x["c0"].to_numpy()


@pytest.mark.parametrize("width", [1, 20, 82, 400, 3000])
def test_the_time_of_the_importance_is_bounded_whatever_the_width(width: int) -> None:
    x = pd.DataFrame(np.random.default_rng(0).normal(size=(1500, width)), columns=[f"c{i}" for i in range(width)])
    model = Counting()
    found = importance.importance(model, x, x["c0"].to_numpy(), list(x))
    assert model.cells < 2.2 * importance.CELLS + 2 * importance.ROWS * width
    assert found.columns[0][0] == "c0" and found.columns[0][1] > 0.5 and len(found.columns) == min(width, 20)
    assert all(mean == 0 for _, mean, _ in found.columns[1:])
    assert ("chosen by one shuffle" in found.words) == (width > 20)
    assert ("not looked at" in found.words) == (width > 1000)


def test_each_of_many_categories_is_told_from_the_others(tmp_path: Path) -> None:
    shop = np.random.default_rng(0).integers(0, 100, 2000)
    path = tmp_path / "table"
    pq.write_table(pa.table({"shop": [f"s{i:03}" for i in shop], "sold": (shop * 7919 % 101).astype(float)}), path)
    assert learnt(path, "sold", "regression", max_iter=50)["r2"] > 0.9


def test_the_twenty_most_frequent_categories_have_a_column_each() -> None:
    from model import prepare

    shops = [f"s{n}" for n in range(30) for _ in range(n + 1)]
    x = pd.DataFrame({"shop": pd.Series(shops, dtype=object)})
    columns = prepare(x, "passthrough", sparse=False).fit(x).get_feature_names_out()
    assert [*columns] == [*sorted(f"text__shop_s{n}" for n in range(10, 30)), "text__shop_infrequent_sklearn"]


DISTINCT = (20, 21, 25, 100, 160, 161, 720, 721, 900, 901, 1000)  # values of a text in 1,000 rows
PROBE = f"""
import json, pyarrow as pa
from tasks.data.understanding import Column, judge
said = []
for distinct in {DISTINCT}:
    text = Column("text", "category", pa.string(), 1000, 0, distinct)
    others = [Column(name, "number", pa.float64(), 1000, 0, 500, 0.0, 1.0) for name in "ay"]
    judge([text, *others], others[1], classes=False)
    said.append(" ".join(text.notes))
print(json.dumps(said))
"""


def test_adopt_says_of_a_text_what_training_makes_of_it(penguins: Path) -> None:
    from model import many_categories
    from train import telling_nothing

    found = subprocess.run([sys.executable, "-c", PROBE], cwd=penguins, capture_output=True, text=True, check=True)
    for distinct, said in zip(DISTINCT, json.loads(found.stdout), strict=True):
        whole = pd.DataFrame({"text": pd.Series([f"v{n % distinct}" for n in range(1000)], dtype=object)})
        passed_over, means = bool(telling_nothing(whole)), bool(many_categories(whole[:800]))  # test_size is 0.2
        assert ("training passes it over" in said) == passed_over
        assert ("by their mean target" in said) == (means and not passed_over)
        assert ("20 most frequent" in said) == (distinct > 20)
