"""Evaluation: the metrics are scikit-learn's, the interval covers, and the gate does what the rules say."""

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sklearn
from sklearn import metrics as known

import evaluate
from gate import decided, rules_of
from helpers.steps import learnt, table
from scores import Comparison, compare, score
from shared.step import StepError

KNOWN = {
    "accuracy": known.accuracy_score,
    "f1_macro": lambda truth, said: known.f1_score(truth, said, average="macro"),
    "r2": known.r2_score,
    "rmse": known.root_mean_squared_error,
    "mae": known.mean_absolute_error,
}


def answers(metric: str, rows: int, chance: np.random.Generator, right: float = 0.7) -> tuple[Any, Any, Any]:
    """Truth, and what two models say of it, the first of them a little better."""
    if metric in ("accuracy", "f1_macro"):
        truth = chance.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
        others = [
            np.where(chance.random(rows) < share, truth, chance.choice(["a", "b"], rows)) for share in (right, 0.6)
        ]
    else:
        truth = chance.normal(size=rows)
        others = [truth + chance.normal(scale=scale, size=rows) for scale in (0.5, 0.6)]
    return truth, others[0], others[1]


@pytest.mark.parametrize("metric", KNOWN)
def test_a_metric_is_that_of_scikit_learn(metric: str) -> None:
    truth, first, second = answers(metric, 500, np.random.default_rng(0))
    assert score(metric, truth, first) == pytest.approx(KNOWN[metric](truth, first))
    found = compare(metric, truth, first, second)
    assert (found.first, found.second) == pytest.approx((KNOWN[metric](truth, first), KNOWN[metric](truth, second)))
    assert found.gain > 0, "also of an error, where less is better"
    assert found.low < found.gain < found.high


@pytest.mark.parametrize("metric", ["accuracy", "f1_macro", "rmse"])
def test_the_interval_covers_the_true_gain(metric: str) -> None:
    chance = np.random.default_rng(1)
    true = compare(metric, *answers(metric, 200_000, chance)).gain
    covered = 0
    for _ in range(100):
        found = compare(metric, *answers(metric, 300, chance))
        covered += found.low <= true <= found.high
    assert covered >= 88, "95 of 100 on average"


def test_the_same_model_gains_nothing() -> None:
    truth, first, _ = answers("accuracy", 100, np.random.default_rng(0))
    found = compare("accuracy", truth, first, first)
    assert (found.gain, found.low, found.high) == (0, 0, 0)


@pytest.mark.parametrize(
    ("rules", "value", "found", "what"),
    [
        ({}, 0.5, None, "promote"),
        ({"at_least": 0.8}, 0.79, None, "keep"),
        ({"at_least": 0.8}, 0.8, None, "promote"),
        ({"manual": True}, 0.9, None, "wait"),
        ({}, 0.9, (0.9, 0.9), "promote"),
        ({}, 0.8, (0.8, 0.81), "keep"),
        ({"better_by": 0.01}, 0.9, (0.9, 0.895), "keep"),
        ({"better_by": -0.1}, 0.8, (0.8, 0.85), "promote"),
        ({"manual": True}, 0.9, (0.9, 0.8), "wait"),
        ({"manual": True}, 0.7, (0.7, 0.8), "keep"),
    ],
)
def test_the_gate_does_what_the_rules_say(
    rules: dict[str, Any], value: float, found: tuple[float, float] | None, what: str
) -> None:
    pair = Comparison("accuracy", *found, found[0] - found[1], -0.1, 0.1) if found else None
    made = decided(rules_of(json.dumps(rules), "classification"), value, 3 if found else 0, pair)
    assert made.what == what
    assert not found or "at_least" in rules or "version 3" in made.why


def test_an_error_is_to_be_small() -> None:
    rules = rules_of('{"metric": "rmse", "at_most": 5}', "regression")
    assert decided(rules, 5.1, 0, None).what == "keep"
    assert decided(rules, 4.9, 0, None).what == "promote"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("{", "promotion is not JSON"),
        ("[]", "promotion takes metric, at_least"),
        ('{"at_lest": 1}', "Did you mean 'at_least'"),
        ('{"metric": "auc"}', "For classification there are: accuracy, f1_macro"),
        ('{"at_least": "0.8"}', "at_least is '0.8'. Give a number"),
        ('{"better_by": true}', "better_by is True. Give a number"),
        ('{"manual": 1}', "manual is 1. Give true or false"),
        ('{"at_most": 0.5}', "at_most lets the worst through. Give at_least"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(rules: str, said: str) -> None:
    with pytest.raises(StepError, match=said):
        rules_of(rules, "classification")


def judged(folder: Path, champion: Path, version: int = 1, **options: Any) -> tuple[str, str, str]:
    """The decision, the reason and the page."""
    names = ("gate-metrics", "gate.html", "decision", "reason")
    metrics, report, decision, reason = (folder / name for name in names)
    about = {"champion_version": version, "champion_target": "bought", "champion_problem_type": "classification"}
    evaluate.main(folder / "predictions", champion, "bought", metrics, report, decision, reason, **{**about, **options})
    return decision.read_text(), reason.read_text(), report.read_text()


def test_a_champion_that_cannot_judge_leaves_it_to_a_person(tmp_path: Path) -> None:
    learnt(table(tmp_path / "table"))
    other = tmp_path / "other"
    other.mkdir()
    learnt(table(other / "table", weight=pa.array(np.arange(60.0))))
    for champion, options, why in (
        (other / "model", {}, "the table lacks columns of the model: weight"),
        (tmp_path / "model", {"champion_target": "paid"}, "that predicts 'paid'"),
        (tmp_path / "table", {}, "not a readable skops model"),
    ):
        what, said, page = judged(tmp_path, champion, 4, **options)
        assert what == "wait" and said.startswith("it cannot be held against version 4") and why in said
        assert "A person decides" in page


def test_both_numbers_and_the_interval_are_on_the_page(tmp_path: Path) -> None:
    learnt(table(tmp_path / "table"))
    what, why, page = judged(tmp_path, tmp_path / "model")
    assert what == "promote" and "of version 1" in why
    assert "version 1" in page and "95 % interval of the gain" in page and "f1_macro" in page
    lines = (tmp_path / "gate-metrics").read_text().split()
    assert lines[::2] == ["accuracy_champion", "accuracy_gain", "accuracy_gain_low", "accuracy_gain_high"]
    empty = tmp_path / "empty"
    empty.write_text("")
    what, why, page = judged(tmp_path, empty, 0)
    assert (what, why) == ("promote", "there is no champion yet") and "interval" not in page


def test_a_model_of_another_scikit_learn_is_a_sentence(tmp_path: Path) -> None:
    learnt(table(tmp_path / "table"))
    here = f'"\\"{sklearn.__version__}\\""'.encode()
    changed = [(here, b'"\\"1.0.2\\""')]
    for more in ([], [(b'"sklearn._loss._loss"', b'"_loss"')]):  # 1.8 has it by this name, which is not trusted here
        changed += more
        with ZipFile(tmp_path / "model") as old, ZipFile(tmp_path / "another", "w") as new:
            for name in old.namelist():
                content = old.read(name)
                for was, now in changed:
                    assert name != "schema.json" or was in content
                    content = content.replace(was, now)
                new.writestr(name, content)
        what, why, _ = judged(tmp_path, tmp_path / "another")
        said = f"the model was made by scikit-learn 1.0.2, and here is {sklearn.__version__}. Train it anew: inv run"
        assert what == "wait" and said in why


def test_predictions_without_a_prediction_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"bought": ["yes", "no"]}), tmp_path / "predictions")
    with pytest.raises(StepError, match="no column of predictions"):
        judged(tmp_path, tmp_path / "model")
