"""Each step as plain functions, on the sample."""

from pathlib import Path

import pandas as pd
import pytest

import gather
import predict
import preprocess
import train
import validate
from shared.step import StepError

SCHEMA = "columns:\n  species: {dtype: str, checks: {isin: [Adelie, Chinstrap, Gentoo]}}\n"


@pytest.fixture
def penguins(tmp_path: Path) -> Path:
    gather.main("sample://penguins", tmp_path / "penguins")
    return tmp_path / "penguins"


def test_gathering_keeps_every_row_and_what_is_missing(penguins: Path) -> None:
    assert pd.read_parquet(penguins)["sex"].isna().sum() == 11


def test_validation_says_what_failed_where_and_reports_it(penguins: Path, tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text(SCHEMA.replace("Adelie, ", ""))
    with pytest.raises(StepError, match=r"species: isin.* failed for 152 rows \(e.g. row 1: 'Adelie'\)"):
        validate.main(penguins, tmp_path / "validated", tmp_path / "report", tmp_path / "schema.yaml")
    assert "Adelie" in (tmp_path / "report").read_text()


def test_preprocessing_gives_train_and_test_the_same_share_of_each_class(penguins: Path, tmp_path: Path) -> None:
    preprocess.main(penguins, "species", tmp_path / "train", tmp_path / "test")
    shares = [pd.read_parquet(tmp_path / name)["species"].value_counts(normalize=True) for name in ("train", "test")]
    assert (shares[0] - shares[1]).abs().max() < 0.02


def test_a_trained_model_predicts_what_it_has_not_seen(penguins: Path, tmp_path: Path) -> None:
    names = ("model", "card", "predictions", "metrics", "evaluation", "report")
    model, card, predictions, metrics, evaluation, report = (tmp_path / name for name in names)
    preprocess.main(penguins, "species", tmp_path / "train", tmp_path / "test")
    train.main(tmp_path / "train", "species", model, metrics, model_card=card, max_iter=20)
    predict.main(model, tmp_path / "test", "species", predictions, metrics, evaluation, report)
    assert "| bill_length_mm | number |" in card.read_text()
    table = pd.read_parquet(predictions)
    assert (table["prediction"] == table["species"]).mean() > 0.9
