"""Generated projects, used as their users use them: run, lint, test; what each step leaves."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from helpers.inv import inv
from helpers.penguins import COMPONENTS, LOADS, PENGUINS, STEPS, kind, newest, outputs
from helpers.template import Bake


@pytest.fixture(scope="module", params=["classification", "regression"])
def first_run(request: pytest.FixtureRequest, bake: Bake) -> tuple[Path, str]:
    """A project of each kind that has run once, and what that said."""
    project = bake(problem_type=request.param)
    return project, inv(project, "run").stdout


@pytest.fixture
def project(first_run: tuple[Path, str]) -> Path:
    return first_run[0]


def test_a_run_ends_with_its_number_and_where_the_rest_is(first_run: tuple[Path, str]) -> None:
    project, said = first_run
    run = newest(project)
    name = "accuracy" if kind(project) == "classification" else "r2"
    values = {key: f"{value:.4g}" for key, value in run["metrics"].items()}
    validated = f"{values[f'cv_{name}']} ± {run['metrics'][f'cv_{name}_std']:.2g}"
    guess, linear = (values[f"cv_{name}_{baseline}"] for baseline in ("guess", "linear"))
    assert said.splitlines()[-6:] == [
        f"succeeded in {run['seconds']:.1f} s",
        f"  {name} {values[name]}",
        f"  by cross-validation {validated}, a guess {guess}, a linear model {linear}",
        "  version 1 is kept; it is the champion now: there was none",
        f"report: runs/{run['id']}/report.html",
        f"next: inv runs.report --open, inv runs.show (all {len(values)} metrics)",
    ]


def test_a_new_project_is_clean_and_its_own_tests_pass(project: Path) -> None:
    assert "no problems" in inv(project, "lint").stdout
    assert "passed" in inv(project, "test").stdout
    assert "ready for: inv run" in inv(project, "doctor", "--for", "host").stdout


def test_the_run_is_recorded(project: Path) -> None:
    run = newest(project)
    assert list(run["parameters"]) == sorted(run["parameters"])
    assert (run["engine"], run["status"]) == ("host", "succeeded")
    assert sorted(step["name"] for step in run["steps"]) == sorted(STEPS)
    assert all(step["seconds"] > 0 and not step["cached"] for step in run["steps"])
    assert 0 < max(step["seconds"] for step in run["steps"]) <= run["seconds"]
    if kind(project) == "classification":
        assert run["metrics"]["accuracy"] > 0.8
        assert run["metrics"]["cv_accuracy_guess"] + 0.3 < run["metrics"]["cv_accuracy"] < 1
    else:
        assert run["metrics"]["r2"] > 0.7
        assert run["metrics"]["rmse"] < 500
    folder = project / "runs" / run["id"]
    for step in STEPS:
        assert (folder / "logs" / f"{step}.log").exists()
    shown = inv(project, "runs.show", "latest").stdout
    assert all(step in shown for step in STEPS)
    assert "344 rows" in inv(project, "runs.logs", "latest", "gathering").stdout


def test_every_artifact_is_what_it_says(project: Path) -> None:
    run = project / "runs" / newest(project)["id"] / "steps"
    table = pd.read_parquet(run / "gathering" / "table")
    assert list(table.columns) == PENGUINS
    assert table.notna().sum()["sex"] == 333, "eleven penguins have no sex"
    assert table.notna().sum()["body_mass_g"] == 342, "two were not measured"
    train, test = (pd.read_parquet(run / "preprocessing" / name) for name in ("train", "test"))
    rows = 333 if kind(project) == "classification" else 342
    assert len(train) + len(test) == rows, "a row without a target cannot be learnt from"
    assert len(test) / rows == pytest.approx(0.2, abs=0.01)
    predictions = pd.read_parquet(run / "prediction" / "predictions")
    assert len(predictions) == len(test)
    assert predictions["prediction"].notna().all()
    for step, name in (("validation", "report"), ("prediction", "report")):
        page = (run / step / name).read_text(encoding="utf-8")
        assert page.startswith("<!doctype html>") and not LOADS.search(page)
    assert "11" in (run / "validation" / "report").read_text(encoding="utf-8")


def test_the_prediction_report_shows_how_right_it_is_without_script_or_font_from_elsewhere(project: Path) -> None:
    page = (project / "runs" / newest(project)["id"] / "steps/prediction/report").read_text(encoding="utf-8")
    assert not re.search(r"<script|<!--|<\?xml|<style[^>]*>[^<]*@import|url\(", page)
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}
    plots = re.findall(r'<svg[^>]* role="img" aria-label="([^"]+)"', page)
    if kind(project) == "regression":
        assert plots == ["Predicted against true: predicted by true", "Residuals: true minus predicted by predicted"]
        assert page.count("<circle") == 2 * 69
    else:
        assert plots == [
            "ROC curve: true positive rate by false positive rate",
            "Precision and recall: precision by recall",
        ]
        rows = re.findall(r'<tr><th scope="row">(\w+)</th>(.*?)</tr>', page)
        assert [name for name, _ in rows] == ["female", "male"]
        assert sum(int(count) for _, cells in rows for count in re.findall(r">(\d+)</td>", cells)) == 67


def test_the_report_says_which_features_the_model_needs(project: Path) -> None:
    page = (project / "runs" / newest(project)["id"] / "steps/prediction/report").read_text(encoding="utf-8")
    table = page.split("Importance of the features")[1]
    lost = re.findall(r"<tr><td>(\w+)</td><td>(-?[\d.]+) ± [\d.]+</td>", table)
    assert len(lost) == 7, "every feature has its row"
    values = [float(value) for _, value in lost]
    assert values == sorted(values, reverse=True) and values[0] > 0
    assert lost[0][0] == ("species" if kind(project) == "regression" else "body_mass_g")


def test_the_validation_report_describes_every_column(project: Path) -> None:
    page = (project / "runs" / newest(project)["id"] / "steps/validation/report").read_text(encoding="utf-8")
    rows = {
        row[0]: row
        for row in re.findall(r"<tr><td>(\w+)</td><td>(\w+)</td><td>(.*?)</td><td><svg.*?</td><td>(.*?)</td>", page)
    }
    assert rows["bill_length_mm"] == ("bill_length_mm", "double", "2 (0.6%)", "32.1 to 59.6")
    assert rows["sex"] == ("sex", "string", "11 (3.2%)", "male 50%, female 50%")
    assert rows["year"] == ("year", "int64", "", "2007 to 2009")
    assert len(rows) == 8


def test_the_distribution_of_a_large_table_is_that_of_rows_drawn_by_chance(project: Path, tmp_path: Path) -> None:
    rows = 65_536 + 3  # the last batch has hardly any
    table = tmp_path / "table.csv"
    table.write_text("name,number\n" + "".join(f"{'AB'[i % 2]},{i}\n" for i in range(rows)), encoding="utf-8")
    shared, steps = project / "components", [project / f"components/{name}/src" for name in ("gathering", "validation")]
    (tmp_path / "schema.yaml").write_text("columns: {number: {dtype: Int64}}\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [shared, *steps]))}
    for command in (
        ["gather", "--source", "table.csv", "--table", "t"],
        ["validate", "--table", "t", "--validated", "v", "--report", "r.html", "--schema", "schema.yaml"],
    ):
        subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, env=environment, check=True)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    shares = dict(re.findall(r"([AB]) (\d+)%", page))
    assert shares.keys() == {"A", "B"} and all(48 <= int(share) <= 52 for share in shares.values())
    assert "0 to 65538" in page, "the ends are those of all rows"
    assert "about 10000 of them" in page


def test_a_model_has_a_card(project: Path) -> None:
    run = project / "runs" / newest(project)["id"]
    assert outputs(project, "training")["model_card"]["type"] == "system.Markdown"
    card = (run / "reports/training.model_card.md").read_text(encoding="utf-8")
    assert card == (run / "steps/training/model_card").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.*)$", card, re.MULTILINE)
    assert sections == ["Use and limits", "Data", "Metrics", "Parameters", "Features", "Versions"]
    assert "To be filled in by a person" in card and "scikit-learn 1." in card
    assert f"{266 if kind(project) == 'classification' else 273} train rows" in card
    assert re.search(r"^Trained on 20\d\d-\d\d-\d\d\.$", card, re.MULTILINE)
    assert "| bill_depth_mm | number | " in card and "| max_iter | 100 |" in card
    metrics = newest(project)["metrics"]
    intervals = re.findall(r"^\| (cv_\w+) \| ([\d.]+) \| ([\d.]+) to ([\d.]+) \|$", card, re.MULTILINE)
    assert len(intervals) == (3 if kind(project) == "regression" else 2)
    for name, mean, low, high in intervals:
        assert float(low) < float(mean) < float(high)
        assert float(mean) == pytest.approx(metrics[name], rel=1e-3)
        deviation = metrics[f"{name}_std"] * math.sqrt(5 / 4)
        assert float(mean) - float(low) == pytest.approx(2.776 * deviation * math.sqrt(1 / 5 + 1 / 4), rel=0.01)
    assert "$" not in card, "every placeholder is filled"


def test_metrics_reach_the_kfp_ui_as_metadata(project: Path) -> None:
    types = {name: artifact["type"] for step in STEPS[:5] for name, artifact in outputs(project, step).items()}
    assert types["report"] == "system.HTML"
    assert types["metrics"] == "system.Metrics"
    assert types["evaluation"] == "system.ClassificationMetrics"
    assert types["model"] == "system.Model"
    metadata = outputs(project, "prediction")["evaluation"]["metadata"]
    if kind(project) == "regression":
        assert metadata == {}
        return
    matrix = metadata["confusionMatrix"]
    assert [spec["displayName"] for spec in matrix["annotationSpecs"]] == ["female", "male"]
    assert sum(sum(row["row"]) for row in matrix["rows"]) == 67
    points = metadata["confidenceMetrics"]
    assert {"confidenceThreshold", "falsePositiveRate", "recall"} == points[0].keys()
    assert points[0]["recall"] <= points[-1]["recall"] == 1


def test_the_report_is_one_page_without_a_network(project: Path) -> None:
    page = (project / "runs" / newest(project)["id"] / "report.html").read_text(encoding="utf-8")
    assert all(step in page for step in STEPS)
    assert not LOADS.search(page)
    assert len(page) < 1_500_000


def test_one_lock_serves_the_host_and_the_images(project: Path) -> None:
    def pins(path: Path) -> set[str]:
        return set(re.findall(r"^[A-Za-z0-9._-]+==[^ \\]+", path.read_text("utf-8"), re.M))

    whole = pins(project / "requirements.txt")
    pyproject = (project / "pyproject.toml").read_text("utf-8")
    for step in COMPONENTS:
        lock = pins(project / "components" / step / "requirements.txt")
        assert lock and lock <= whole
        assert "kfp" not in {pin.split("==")[0] for pin in lock}
        assert all(f'"{pin}' in pyproject for pin in lock), "`uv run` installs the same versions"
        assert "--hash=sha256:" in (project / "components" / step / "requirements.txt").read_text("utf-8")
