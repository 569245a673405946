"""A user's own table."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from helpers.inv import inv
from helpers.penguins import newest
from helpers.template import Bake


def wine() -> tuple[pd.DataFrame, str, str]:
    from sklearn.datasets import load_wine

    return load_wine(as_frame=True).frame, "target", "classification"


def diabetes() -> tuple[pd.DataFrame, str, str]:
    from sklearn.datasets import load_diabetes

    return load_diabetes(as_frame=True).frame, "target", "regression"


def mixed() -> tuple[pd.DataFrame, str, str]:
    """What a table from a business looks like: dates, flags, an identifier, free text, gaps, an awkward column name."""
    rows = 300
    numbers = pd.Series(range(rows))
    frame = pd.DataFrame(
        {
            "id": [f"K-{n:05}" for n in range(rows)],
            "joined": pd.date_range("2020-01-01", periods=rows).strftime("%Y-%m-%d"),
            "Größe (cm), ca.": numbers.where(numbers % 7 != 0) / 3,
            "active": numbers % 3 == 0,
            "comment": numbers.map(lambda n: "so, so" if n % 2 else f'about {n} "things"'),
            "empty": [None] * rows,
            "left?": numbers.map(lambda n: "yes" if n % 5 in (0, 1) else "no"),
        }
    )
    return frame, "left?", "classification"


@pytest.mark.parametrize("make", [wine, diabetes, mixed])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_of_ones_own_is_adopted_and_run(bake: Bake, tmp_path: Path, make: Any, suffix: str) -> None:
    frame, target, problem_type = make()
    project = bake()
    path = tmp_path / f"my täble.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path, index=False)
    said = inv(project, "data.adopt", str(path), "--target", target).stdout
    assert f"{len(frame)} rows" in said and problem_type in said
    inv(project, "run")
    run = newest(project)
    assert run["status"] == "succeeded"
    assert run["parameters"]["problem_type"] == problem_type
    assert ("accuracy" if problem_type == "classification" else "r2") in run["metrics"]
    assert "# Every setting of this project" in (project / "invoke.yaml").read_text(encoding="utf-8")


def test_an_adopted_project_still_passes_its_checks(bake: Bake) -> None:
    project = bake()
    frame, target, _ = wine()
    (project / "data").mkdir()
    frame.to_csv(project / "data/wine.csv", index=False)
    inv(project, "data.adopt", "data/wine.csv", "--target", target)
    assert "source: data/wine.csv" in (project / "invoke.yaml").read_text(encoding="utf-8")
    inv(project, "lint")
    inv(project, "test")


def test_adopting_a_table_that_is_refused_changes_nothing(penguins: Path) -> None:
    files = [penguins / "invoke.yaml", penguins / "components/validation/schema.yaml"]
    before = [path.read_bytes() for path in files]
    assert "which column" in inv(penguins, "data.adopt", "sample://penguins", code=1).stderr
    assert "does not exist" in inv(penguins, "data.adopt", "nosuch.csv", "--target", "a", code=1).stderr
    message = inv(penguins, "data.adopt", "sample://penguins", "--target", "specie", code=1).stderr
    assert "no column 'specie'. Did you mean 'species'?" in message
    assert [path.read_bytes() for path in files] == before


def test_settings_that_go_above_those_that_adopting_writes_are_named(penguins: Path, tmp_path: Path) -> None:
    frame, target, _ = wine()
    frame.to_csv(tmp_path / "wine.csv", index=False)
    staging = penguins / "environments/staging.yaml"
    staging.write_text("parameters: {source: other.csv, target: target, seed: 3}\n", encoding="utf-8")
    adopt = ("data.adopt", str(tmp_path / "wine.csv"), "--target", target)
    said = inv(penguins, *adopt, KF_ENVIRONMENT="staging", INVOKE_PARAMETERS_PROBLEM_TYPE="regression").stdout
    assert "environments/staging.yaml goes above invoke.yaml and has its own source: change that there" in said
    assert "the variable INVOKE_PARAMETERS_PROBLEM_TYPE goes above problem_type, and says otherwise" in said
    assert "goes above" not in inv(penguins, *adopt).stdout
