"""Drift: no alarm on a fresh sample of the same data, an alarm on the known cases, and odd tables."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn import datasets

import drift
from differences import Difference, Thresholds
from helpers.template import PROJECT
from shared.profile import profile_of
from shared.step import StepError


def penguins() -> pd.DataFrame:
    return pd.read_csv(PROJECT / "components/shared/penguins.csv")


def many() -> pd.DataFrame:
    """A table of what is hard: long tails, rare categories, gaps, text."""
    random, rows = np.random.default_rng(7), 20_000
    ranks = 1 / np.arange(1, 401) ** 1.2
    table: dict[str, Any] = {f"n{i}": random.normal(size=rows) for i in range(4)} | {
        "tail": random.standard_cauchy(rows)
    }
    table |= {"count": random.poisson(2, rows), "zero": np.where(random.random(rows) < 0.7, 0, random.random(rows))}
    table |= {"zipf": random.choice([f"c{i}" for i in range(400)], rows, p=ranks / ranks.sum())}
    table |= {"gaps": np.where(random.random(rows) < 0.3, np.nan, 1.0), "text": [f"id {i}" for i in range(rows)]}
    return pd.DataFrame(
        table | {"rare": np.where(random.random(rows) < 0.02, "x", "y"), "flag": random.random(rows) < 0.5}
    )


def rare() -> pd.DataFrame:
    """Columns with a category in one of 500 rows, which a reference may well lack, and with as many names as rows."""
    random, rows = np.random.default_rng(8), 20_000
    table = {
        f"r{i}": np.where(random.random(rows) < 0.002, "seldom", random.choice(["a", "b"], rows)) for i in range(4)
    }
    names = {"names": random.integers(0, 3_000, rows).astype(str), "id": np.arange(rows).astype(str)}
    return pd.DataFrame(table | names)


def wine() -> pd.DataFrame:
    table: pd.DataFrame = datasets.load_wine(as_frame=True).frame
    return table


def stored(frame: pd.DataFrame, path: Path) -> Path:
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    return path


def found_in(folder: Path, reference: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    profile = json.loads(json.dumps(profile_of(stored(reference, folder / "reference"))))
    table = stored(new, folder / "new")
    reasons: list[str] = drift.differences(table, profile, "", "classification", Thresholds()).reasons
    return reasons


def draw(frame: pd.DataFrame, before: int, now: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    order = np.random.default_rng((1, seed)).permutation(len(frame))
    return frame.iloc[order[:before]], frame.iloc[order[before : before + now]].copy()


@pytest.mark.parametrize(
    ("table", "before", "now"),
    [(penguins, 266, 78), (wine, 100, 78), (wine, 148, 30), (many, 1_000, 30), (many, 8_000, 12_000), (rare, 300, 144)],
)
def test_a_fresh_sample_of_the_same_data_is_no_drift(
    tmp_path: Path, table: Callable[[], pd.DataFrame], before: int, now: int
) -> None:
    whole, draws = table(), 100 if now < 1_000 else 5
    alarms = [bool(found_in(tmp_path, *draw(whole, before, now, seed))) for seed in range(draws)]
    assert sum(alarms) <= 0.05 * draws, alarms


def shifted(new: pd.DataFrame, random: Any) -> None:
    new["body_mass_g"] += new["body_mass_g"].std()


def in_cm(new: pd.DataFrame, random: Any) -> None:
    new["bill_length_mm"] /= 10


def of_a_new_kind(new: pd.DataFrame, random: Any) -> None:
    new.iloc[random.choice(len(new), 10, replace=False), list(new.columns).index("species")] = "King"


def with_gaps(new: pd.DataFrame, random: Any) -> None:
    new.loc[random.random(len(new)) < 0.3, "bill_depth_mm"] = np.nan


CASES = {
    shifted: "column 'body_mass_g': it is distributed in another way (PSI ",
    in_cm: "% of the rows are outside of 3",
    of_a_new_kind: "5.8% of the rows hold categories that the reference has not ('King')",
    with_gaps: "column 'bill_depth_mm': missing in ",
}


@pytest.mark.parametrize("change", CASES)
def test_what_is_drift_is_found_in_each_draw(tmp_path: Path, change: Any) -> None:
    for seed in range(30):
        before, now = draw(penguins(), 172, 172, seed)
        change(now, np.random.default_rng(seed))
        assert CASES[change] in "\n".join(found_in(tmp_path, before, now)), seed


def test_a_new_category_in_5_of_144_rows_is_an_alarm_and_in_2_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, now = draw(penguins(), 200, 144, 0)
    for rows, verdict in ((5, "true"), (2, "false")):
        step(tmp_path, island=["Ross"] * rows + list(now["island"])[rows:])
        said = capsys.readouterr().out
        assert (
            f"column 'island': {rows / 144:.1%} of the rows hold categories that the reference has not ('Ross')" in said
        )
        assert (tmp_path / "drifted").read_text() == verdict and ("too few to call it drift" in said) == (rows == 2)


def test_one_new_category_is_found_among_many_rare_ones(tmp_path: Path) -> None:
    before, now = draw(many(), 4_000, 1_000, 0)
    now["zipf"] = np.where(np.random.default_rng(0).random(1_000) < 0.03, "new", now["zipf"])
    (reason,) = found_in(tmp_path, before, now)
    assert "the rows hold categories that the reference has not ('new'" in reason


def step(folder: Path, thresholds: str = "{}", target: str = "sex", profile: str | None = None, **columns: Any) -> str:
    """What the step says of the penguins of a reference, with `columns` besides; its outputs are in `folder`."""
    before, now = draw(penguins(), 200, 144, 0)
    now = now.assign(**columns)
    if profile is None:
        known = profile_of(stored(before, folder / "reference"), target)
        rows = before.dropna(subset="sex")
        predicted = stored(rows.assign(prediction=rows["sex"], probability=0.9 + rows["year"] / 1e5), folder / "p")
        known["predictions"] = profile_of(predicted, only=["prediction", "probability"])["columns"]
        profile = json.dumps(known | {"metrics": {"accuracy": 0.95, "f1_macro": 0.95}})
    (folder / "profile").write_text(profile)
    outputs = [folder / name for name in ("metrics", "report", "drifted")]
    drift.main(stored(now, folder / "new"), folder / "profile", *outputs, target=target, thresholds=thresholds)
    return (folder / "report").read_text(encoding="utf-8")


def test_predictions_and_metrics_are_held_against_those_on_the_test_rows(tmp_path: Path) -> None:
    _, now = draw(penguins(), 200, 144, 0)
    page = step(tmp_path, prediction=now["sex"].fillna("male"), probability=0.9 + now["year"] / 1e5)
    assert (tmp_path / "drifted").read_text() == "false" and "<td>accuracy</td><td>1</td><td>0.95</td>" in page
    page = step(tmp_path, prediction="male", probability=0.5)
    assert (tmp_path / "drifted").read_text() == "true"
    assert "the predictions in column &#39;prediction&#39;: it is distributed in another way" in page
    assert re.search(r"accuracy is 0\.\d+, and was 0.950 on the test rows", page)


def test_regression_is_held_against_its_error(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=1_000)
    for wide, worse in ((0.1, False), (0.2, True)):
        said = truth + wide * random.normal(size=1_000)
        table = stored(pd.DataFrame({"y": truth, "prediction": said}), tmp_path / "t")
        profile = profile_of(table, only=["y"]) | {"metrics": {"rmse": 0.1}}
        found = drift.differences(table, profile, "y", "regression", Thresholds())
        assert any("rmse is" in reason for reason in found.reasons) == worse
        assert found.metrics["rmse"] == (pytest.approx(wide, rel=0.1), 0.1)


def test_what_has_drifted_is_named_in_short() -> None:
    def of(*names: str) -> list[Difference]:
        return [Difference(name, "number", {}, {}, reasons=["it moved"]) for name in names] + [
            Difference("same", "number", {}, {})
        ]

    one = drift.Found(of("a"), reasons=["column 'a': it moved"])
    assert drift.in_short(one) == "the data have drifted: column 'a'; why, says the report of drift"
    many = drift.Found(of(*"abcde"), of("prediction", "probability"), reasons=["accuracy is 0.1", *"abcdefg"])
    said = "columns 'a', 'b', 'c' and 2 more and the predictions and how right the model is"
    assert drift.in_short(many) == f"the data have drifted: {said}; why, says the report of drift"


def test_odd_columns_are_compared_or_a_sentence_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = pd.DataFrame({"same": [5] * 50, "none": [None] * 50, "id": [f"u{i}" for i in range(50)]})
    before = before.assign(gone=1.0, was=np.arange(50.0), day=pd.date_range("2020-01-01", periods=50), flag=True)
    now = before.drop(columns="gone").assign(was="text", new=1, day=pd.date_range("2022-01-01", periods=50))
    profile = json.dumps(profile_of(stored(before, tmp_path / "before")))
    stored(now, tmp_path / "new")
    (tmp_path / "profile").write_text(profile)
    outputs = [tmp_path / name for name in ("metrics", "report", "drifted")]
    drift.main(tmp_path / "new", tmp_path / "profile", *outputs)
    said = capsys.readouterr().out
    assert "column 'gone': it is gone" in said and "column 'was': it held numbers and holds text" in said
    assert "column 'new' is new" in said and said.count("\ncolumn ") == 3
    assert (tmp_path / "metrics").read_text().startswith("drifted_columns 2\ndrifted_share 0.28")
    stored(before.iloc[:1], tmp_path / "new")
    drift.main(tmp_path / "new", tmp_path / "profile", *outputs)
    assert "1 rows:\nno drift" in capsys.readouterr().out, "one row is no proof of anything"
    stored(before.iloc[:0], tmp_path / "new")
    with pytest.raises(StepError, match="the table has no rows"):
        drift.main(tmp_path / "new", tmp_path / "profile", *outputs)


def test_without_a_reference_it_says_so_and_passes(tmp_path: Path) -> None:
    page = step(tmp_path, profile="")
    assert "No model has left a profile" in page and (tmp_path / "drifted").read_text() == "false"


def test_thresholds_decide_and_may_end_the_run_after_the_report(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"have drifted: column 'year': .*set action: warn"):
        step(tmp_path, '{"action": "end"}', year=1999)
    assert (tmp_path / "drifted").read_text() == "true" and "year" in (tmp_path / "report").read_text()
    step(tmp_path, '{"psi": 99, "unseen": 1.5}', year=1999)
    assert (tmp_path / "drifted").read_text() == "false"


REFUSED = {
    '{"psl": 1}': "thresholds have no 'psl'. Did you mean 'psi'?",
    '{"psi": "much"}': "thresholds: psi is 'much'. Give a number from 0 on.",
    '{"action": "stop"}': "thresholds: action is 'stop'. Give warn or end.",
    "[1]": "thresholds are '[1]'. Give a JSON object",
}


@pytest.mark.parametrize("thresholds", REFUSED)
def test_a_slip_in_the_thresholds_is_refused(tmp_path: Path, thresholds: str) -> None:
    with pytest.raises(StepError, match=re.escape(REFUSED[thresholds])):
        step(tmp_path, thresholds, profile="")


@pytest.mark.parametrize("profile", ["[1]", "{", '{"version": 99}', '{"version": 1}', '{"version": 1, "columns": 2}'])
def test_a_profile_that_is_none_is_refused(tmp_path: Path, profile: str) -> None:
    with pytest.raises(StepError, match="Train anew"):
        step(tmp_path, profile=profile)


def test_what_comes_from_data_is_text_in_the_report(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    before = pd.DataFrame({evil: [evil, "a"] * 50})
    (tmp_path / "profile").write_text(json.dumps(profile_of(stored(before, tmp_path / "before"))))
    outputs = [tmp_path / name for name in ("metrics", "report", "drifted")]
    stored(before.assign(**{evil: f"{evil}2"}), tmp_path / "new")
    drift.main(tmp_path / "new", tmp_path / "profile", *outputs)
    page = (tmp_path / "report").read_text(encoding="utf-8")
    assert "<script" not in page and page.count('role="img"') == 1
