"""How good the model is on public tables, from `inv data.adopt` to the predictions."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sklearn import datasets

from helpers.adopting import adopted
from helpers.template import Bake

PUBLIC = Path(__file__).parent / "public"
FRAMES = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
}


class Known(NamedTuple):
    """By cross-validation on the same rows: accuracy of classes, R2 of quantities."""

    target: str
    rows: int
    before: float  # of the model of release 0.1
    by_hand: float  # of boosted trees on columns that a person prepared with pandas
    max_iter: int = 100
    regression: bool = False


KNOWN = {
    "penguins": Known("sex", 344, 0.9097, 0.9059),
    "penguins' species": Known("species", 344, 0.9782, 0.9745),
    "penguins' mass": Known("body_mass_g", 344, 0.8557, 0.8576, regression=True),
    "iris": Known("target", 150, 0.9417, 0.9417),
    "wine": Known("target", 178, 0.9645, 0.9645),
    "breast cancer": Known("target", 569, 0.9648, 0.9648),
    "diabetes": Known("target", 442, 0.4555, 0.4555, regression=True),
    "anes96.csv": Known("vote", 944, 0.8914, 0.8914),
    "birdstrikes.csv.gz": Known("Wildlife Size", 2000, 0.9637, 0.9931, 30),
    "cars.json": Known("Miles_per_Gallon", 406, 0.8562, 0.8477, regression=True),
    "engel.csv": Known("foodexp", 235, 0.7542, 0.7542, regression=True),
    "heart_disease.tsv": Known("diameter narrowing", 303, 0.8064, 0.7980),
    "imports-85.tsv": Known("price", 205, 0.7750, 0.7704, regression=True),
    "ionosphere.tsv": Known("y", 351, 0.9321, 0.9321, 30),
    "modechoice.csv": Known("choice", 840, 0.9256, 0.9256),
    "phishing.csv.gz": Known("is_phishing", 1250, 0.9200, 0.9200),
    "seattle-hourly.csv.gz": Known("temperature", 8759, 0.9859, 0.9859, 30, regression=True),
    "seattle-weather.csv": Known("weather", 1461, 0.8485, 0.8485, 30),
    "segment.csv.zip": Known("category", 2310, 0.9778, 0.9778, 30),
    "solar-flare.csv.zip": Known("c-class-flares", 1066, 0.0165, 0.0242, regression=True),
    "zoo.tsv": Known("type", 101, 0.8875, 0.8875, 30),
}


@pytest.fixture(scope="module")
def found(bake: Bake) -> dict[str, dict[str, Any]]:
    """What came of every table."""
    project, cases = bake(), {}
    for name, known in KNOWN.items():
        source = "sample://penguins" if name.startswith("penguins") else str(PUBLIC / name)
        if name in FRAMES:
            source = f"{name}.csv"
            FRAMES[name](as_frame=True).frame.to_csv(project / source, index=False)
        kind = "regression" if known.regression else "classification"
        options = {"max_iter": known.max_iter}
        cases[name] = {"source": source, "target": known.target, "problem_type": kind, "steps": options}
    return adopted(project, cases)


@pytest.mark.parametrize("name", KNOWN)
def test_a_public_table_is_learnt_as_well_as_before_and_by_hand(found: dict[str, dict[str, Any]], name: str) -> None:
    known, came = KNOWN[name], found[name]
    assert came["rows"] == came["run"]["rows"]["validated"] == known.rows
    metric = "cv_r2" if known.regression else "cv_accuracy"
    scores = came["run"]["metrics"]
    assert scores[metric] > max(known.before, known.by_hand) - 0.01
    assert scores[metric] > scores[f"{metric}_guess"] and f"{metric}_linear" in scores
