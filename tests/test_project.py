"""Generated projects, used as their users use them: run, lint, test, adopt a table, add a step, go wrong."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from conftest import Bake

PENGUINS = ["species", "island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex", "year"]
LOADS = re.compile(r"""<(script|link|img|iframe|image)[^>]+(src|href)=["']?(https?:)?//""")
STEPS = ["gathering", "validation", "preprocessing", "training", "prediction"]


def inv(project: Path, *arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
    """Run `inv` in a project, and expect an exit code and never a traceback."""
    command = [sys.executable, "-m", "invoke", *arguments]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, encoding="utf-8", timeout=600)
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    return result


def newest(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(inv(project, "runs", "--json").stdout)[0]
    return found


def record(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / "runs" / newest(project)["id"] / "run.json").read_text("utf-8"))
    return found


def outputs(project: Path, step: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s["outputs"] for s in record(project)["steps"] if s["name"] == step)
    return found


def cached(project: Path) -> dict[str, bool]:
    return {step["name"]: step["cached"] for step in newest(project)["steps"]}


@pytest.fixture(scope="module", params=["classification", "regression"])
def project(request: pytest.FixtureRequest, bake: Bake) -> Path:
    """A project of each kind that has run once."""
    project = bake(problem_type=request.param)
    inv(project, "run")
    return project


def kind(project: Path) -> str:
    found: str = newest(project)["parameters"]["problem_type"]
    return found


def test_a_new_project_is_clean_and_its_own_tests_pass(project: Path) -> None:
    assert "no problems" in inv(project, "lint").stdout
    assert "passed" in inv(project, "test").stdout
    assert "ready for: inv run" in inv(project, "doctor", "--for", "host").stdout


def test_the_run_is_recorded(project: Path) -> None:
    run = newest(project)
    assert list(run["parameters"]) == sorted(run["parameters"])
    assert (run["engine"], run["status"], [step["name"] for step in run["steps"]]) == ("host", "succeeded", STEPS)
    assert all(step["seconds"] > 0 and not step["cached"] for step in run["steps"])
    assert 0 < sum(step["seconds"] for step in run["steps"]) <= run["seconds"]
    if kind(project) == "classification":
        assert run["metrics"]["accuracy"] > 0.9
        assert run["metrics"]["cv_accuracy"] > 0.9
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
    rows = 344 if kind(project) == "classification" else 342
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
        assert [name for name, _ in rows] == ["Adelie", "Chinstrap", "Gentoo"]
        assert sum(int(count) for _, cells in rows for count in re.findall(r">(\d+)</td>", cells)) == 69


def test_the_report_says_which_features_the_model_needs(project: Path) -> None:
    page = (project / "runs" / newest(project)["id"] / "steps/prediction/report").read_text(encoding="utf-8")
    table = page.split("Importance of the features")[1]
    lost = re.findall(r"<tr><td>(\w+)</td><td>(-?[\d.]+) ± [\d.]+</td>", table)
    assert len(lost) == 7, "every feature has its row"
    values = [float(value) for _, value in lost]
    assert values == sorted(values, reverse=True) and values[0] > 0
    assert lost[0][0] == ("species" if kind(project) == "regression" else "bill_length_mm")


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
    assert "To be filled in by a person" in card and re.search("27[35] train rows", card) and "scikit-learn 1." in card
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
    types = {name: artifact["type"] for step in STEPS for name, artifact in outputs(project, step).items()}
    assert types["report"] == "system.HTML"
    assert types["metrics"] == "system.Metrics"
    assert types["evaluation"] == "system.ClassificationMetrics"
    assert types["model"] == "system.Model"
    metadata = outputs(project, "prediction")["evaluation"]["metadata"]
    if kind(project) == "regression":
        assert metadata == {}
        return
    matrix = metadata["confusionMatrix"]
    assert [spec["displayName"] for spec in matrix["annotationSpecs"]] == ["Adelie", "Chinstrap", "Gentoo"]
    assert sum(sum(row["row"]) for row in matrix["rows"]) == 69
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
    for step in STEPS:
        lock = pins(project / "components" / step / "requirements.txt")
        assert lock and lock <= whole
        assert "kfp" not in {pin.split("==")[0] for pin in lock}
        assert all(f'"{pin}' in pyproject for pin in lock), "`uv run` installs the same versions"
        assert "--hash=sha256:" in (project / "components" / step / "requirements.txt").read_text("utf-8")


@pytest.fixture(scope="module")
def penguins(bake: Bake) -> Path:
    """A project for the tests that change it or go wrong in it."""
    project = bake()
    inv(project, "run")
    return project


def test_what_did_not_change_is_served_from_the_cache(penguins: Path) -> None:
    assert "nothing changed: every step was served from the cache" in inv(penguins, "run").stdout
    assert all(cached(penguins).values())
    program = penguins / "components/training/src/train.py"
    kept = program.read_text(encoding="utf-8")
    program.write_text(kept + "\n# changed\n", encoding="utf-8")
    inv(penguins, "run")
    assert [step for step, hit in cached(penguins).items() if not hit] == ["training", "prediction"]
    program.write_text(kept, encoding="utf-8")
    inv(penguins, "run", "-p", "max_leaf_nodes=7")
    assert [step for step, hit in cached(penguins).items() if not hit] == ["training", "prediction"]
    inv(penguins, "run", "--no-cache")
    assert not any(cached(penguins).values())


def test_a_step_runs_again_alone(penguins: Path) -> None:
    before = newest(penguins)["metrics"]
    inv(penguins, "step", "training")
    run = newest(penguins)
    assert [step["name"] for step in run["steps"]] == ["training"]
    assert run["metrics"]["cv_accuracy"] == before["cv_accuracy"]


def test_compiled_files_hold_everything_that_a_cluster_needs(penguins: Path) -> None:
    import yaml

    inv(penguins, "compile")
    spec, *_ = yaml.safe_load_all((penguins / "build/pipeline.yaml").read_text("utf-8"))
    assert spec["pipelineInfo"]["name"] == "my-kfp-project"
    assert spec["root"]["inputDefinitions"]["parameters"]["source"]["defaultValue"] == "sample://penguins"
    images = {e["container"]["image"] for e in spec["deploymentSpec"]["executors"].values()}
    assert len(images) == 5
    for image in images:
        assert re.fullmatch(r"localhost:5001/my-kfp-project/[a-z]+:[0-9a-f]{16}", image)
    for step in STEPS:
        text = (penguins / f"build/{step}.yaml").read_text("utf-8")
        assert yaml.safe_load(text)["implementation"]["container"]["image"] in images


def test_doctor_names_what_the_environment_lacks(penguins: Path) -> None:
    lock = penguins / "requirements.txt"
    kept = lock.read_text(encoding="utf-8")
    lock.write_text(re.sub(r"(?m)^typer==\S+", "typer==0.0.1", kept) + "\nnosuchpackage==1.0\n", encoding="utf-8")
    result = inv(penguins, "doctor", "--for", "host", code=1)
    assert "typer" in result.stdout and "nosuchpackage missing" in result.stdout
    assert "uv sync" in result.stdout
    lock.write_text(kept, encoding="utf-8")


# Tables that are not what they should be


def table(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


def penguin_rows(project: Path) -> pd.DataFrame:
    return pd.read_csv(project / "components/shared/penguins.csv")


def run_on(project: Path, frame: pd.DataFrame | bytes, *parameters: str, name: str = "table.csv", code: int = 0) -> Any:
    """Run the pipeline on a table, and return the result of `inv run`."""
    path = project / "data" / name
    path.parent.mkdir(exist_ok=True)
    if isinstance(frame, bytes):
        path.write_bytes(frame)
    else:
        frame.to_csv(path, index=False)
    given = [part for parameter in (f"source=data/{name}", *parameters) for part in ("-p", parameter)]
    return inv(project, "run", *given, code=code)


def refused(project: Path, step: str, *parameters: str, frame: pd.DataFrame | bytes | None = None) -> str:
    """Run with what must be refused; check that the step is named and nothing half-written stays; return why."""
    if frame is None:
        result = inv(project, "run", *[part for p in parameters for part in ("-p", p)], code=1)
    else:
        result = run_on(project, frame, *parameters, code=1)
    run = newest(project)
    assert run["status"] == "failed"
    assert {s["name"]: s["status"] for s in run["steps"]}[step] == "failed"
    reason: str = run["reason"]
    assert reason.startswith(f"{step}: ")
    assert reason in result.stderr
    assert reason in inv(project, "runs").stdout
    folder = project / "runs" / run["id"] / "steps" / step
    assert [path.name for path in folder.iterdir() if path.suffix in (".part", ".partial")] == []
    return reason.removeprefix(f"{step}: ")


BAD_TABLES: dict[str, tuple[str, Callable[[pd.DataFrame], pd.DataFrame | bytes], str, str]] = {
    # what: the step that refuses it, how to make it, what the reason says, what to do
    "empty": ("gathering", lambda p: b"", "is empty", "Give a file"),
    "header only": ("gathering", lambda p: p.head(0), "no rows", "Give a file"),
    "duplicate columns": ("gathering", lambda p: b"a,b,a\n1,2,3\n", "'a'", "Rename"),
    "ragged": ("gathering", lambda p: b"a,b\n1,2\n1,2,3\n", "Row #3", "Correct"),
    "column missing": ("validation", lambda p: p.drop(columns="sex"), "sex", "schema.yaml"),
    "wrong type": (
        "validation",
        lambda p: p.astype({"year": str}).replace({"year": {"2008": "soon"}}),
        "year",
        "schema.yaml",
    ),
    "unknown class": ("validation", lambda p: p.replace({"species": {"Gentoo": "Dodo"}}), "Dodo", "schema.yaml"),
    "one class": (
        "preprocessing",
        lambda p: p[p.species == "Gentoo"],
        "the one value 'Gentoo'",
        "Choose another target",
    ),
    "5 rows": (
        "preprocessing",
        lambda p: p.groupby("species").head(2).head(5),
        "5 rows have a target",
        "Give more data",
    ),
}


@pytest.mark.parametrize("what", BAD_TABLES)
def test_a_bad_table_is_refused_by_the_step_that_sees_it(penguins: Path, what: str) -> None:
    step, make, says, remedy = BAD_TABLES[what]
    reason = refused(penguins, step, frame=make(penguin_rows(penguins)))
    assert says in reason
    assert remedy in reason


@pytest.mark.parametrize(
    ("step", "parameter", "says"),
    [
        ("gathering", "source=data/nosuch.csv", "does not exist"),
        ("gathering", "source=data", "is a folder"),
        ("gathering", "source=sample://dodos", "sample://penguins"),
        ("gathering", "source=http://localhost:9/table.csv", "cannot read source"),
        ("gathering", "source=nosuch://table.csv", "cannot read source"),
        ("preprocessing", "target=specie", "species"),
        ("preprocessing", "test_size=2", "between 0 and 1"),
        ("preprocessing", "problem_type=regression", "species"),
        ("training", "max_iter=0", "max"),
    ],
)
def test_a_bad_parameter_is_refused_by_the_step_that_sees_it(
    penguins: Path, step: str, parameter: str, says: str
) -> None:
    (penguins / "data").mkdir(exist_ok=True)
    assert says in refused(penguins, step, parameter)


@pytest.mark.parametrize(
    ("parameter", "says"), [("nosuch=1", "no parameter 'nosuch'"), ("test_size=abc", "type float")]
)
def test_a_wrong_parameter_is_refused_before_anything_runs(penguins: Path, parameter: str, says: str) -> None:
    before = newest(penguins)["id"]
    message = inv(penguins, "run", "-p", parameter, code=1).stderr
    assert says in message and "seed (int)" in message
    assert newest(penguins)["id"] == before


def test_a_violation_leaves_a_report_of_what_failed_how_often_and_where(penguins: Path) -> None:
    frame = penguin_rows(penguins)
    frame.loc[[3, 8], "species"] = "Dodo"
    reason = refused(penguins, "validation", frame=frame)
    assert "2" in reason and "Dodo" in reason
    report = penguins / "runs" / newest(penguins)["id"] / "steps/validation/report"
    page = report.read_text(encoding="utf-8")
    assert "Dodo" in page and "isin" in page


ODD_TABLES: dict[str, Callable[[pd.DataFrame], pd.DataFrame | bytes]] = {
    "latin-1": lambda p: p.replace({"island": {"Dream": "Rêve"}}).to_csv(index=False).encode("latin-1"),
    "semicolons": lambda p: p.to_csv(index=False, sep=";").encode(),
    "constant column": lambda p: p.assign(year=2007),
    "all missing": lambda p: p.assign(sex=None),
    "an extra column <script>": lambda p: p.assign(**{"<script>alert(1)</script>": 1}),
}


@pytest.mark.parametrize("what", ODD_TABLES)
def test_an_odd_table_is_handled(penguins: Path, what: str) -> None:
    schema = penguins / "components/validation/schema.yaml"
    kept = schema.read_text(encoding="utf-8")
    try:
        schema.write_text(kept.replace("Dream,", "Dream, Rêve,"), encoding="utf-8")
        assert "Rêve" in schema.read_text(encoding="utf-8")
        run_on(penguins, ODD_TABLES[what](penguin_rows(penguins)), name="odd têble.csv")
    finally:
        schema.write_text(kept, encoding="utf-8")
    run = newest(penguins)
    assert run["status"] == "succeeded" and run["metrics"]["accuracy"] > 0.9
    for step in ("validation", "prediction"):
        page = (penguins / outputs(penguins, step)["report"]["uri"]).read_text(encoding="utf-8")
        assert "<script>alert" not in page
    assert "<script>alert" not in (penguins / "runs" / run["id"] / "report.html").read_text(encoding="utf-8")


def test_a_project_lives_in_a_folder_with_spaces_and_accents(bake: Bake, tmp_path: Path) -> None:
    project = tmp_path / "un été à Brest"
    shutil.copytree(bake(), project)
    inv(project, "run")
    assert newest(project)["status"] == "succeeded"


def test_a_changed_file_is_never_served_from_the_cache(penguins: Path) -> None:
    frame = penguin_rows(penguins)
    run_on(penguins, frame, name="changing.csv")
    run_on(penguins, frame, name="changing.csv")
    assert all(cached(penguins).values()), "written anew with the same content"
    run_on(penguins, frame.iloc[::-1], name="changing.csv")
    assert not any(cached(penguins).values())


class Served(BaseHTTPRequestHandler):
    content = b""
    headers_of_it: dict[str, str]

    def do_GET(self) -> None:
        self.send_response(200)
        for name, value in {**self.headers_of_it, "Content-Length": str(len(self.content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(self.content)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, type[Served]]]:
    handler = type("Handler", (Served,), {"headers_of_it": {}})
    with ThreadingHTTPServer(("localhost", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://localhost:{running.server_port}/penguins.csv", handler
        running.shutdown()


@pytest.mark.parametrize("header", ["ETag", "Last-Modified", None])
def test_a_changed_uri_is_never_served_from_the_cache(
    penguins: Path, server: tuple[str, type[Served]], header: str | None
) -> None:
    uri, handler = server
    frame = penguin_rows(penguins)
    states = (
        ['"one"', '"two"'] if header == "ETag" else ["Mon, 23 Nov 2026 10:00:00 GMT", "Mon, 23 Nov 2026 11:00:00 GMT"]
    )
    hits = []
    for state, content in ((states[0], frame), (states[0], frame), (states[1], frame.iloc[::-1])):
        handler.content = content.to_csv(index=False).encode()
        handler.headers_of_it = {header: state} if header else {}
        inv(penguins, "run", "-p", f"source={uri}")
        hits.append(cached(penguins)["gathering"])
    assert hits == [False, header is not None, False], "without a header there is no telling, so it is read anew"


# A user's own table


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


# A step of one's own


def test_a_new_component_is_made_wired_and_run(bake: Bake) -> None:
    project = bake()
    said = inv(project, "component.new", "feature-cleaning").stdout.splitlines()
    lines = [line.strip() for line in said if line.startswith("  ")]
    pipeline = project / "pipeline.py"
    text = pipeline.read_text(encoding="utf-8")
    text = text.replace('predict = component("prediction")\n', f'predict = component("prediction")\n{lines[0]}\n')
    text = text.replace("    split = preprocess(", f"    {lines[1].split('  #')[0]}\n    split = preprocess(")
    text = text.replace('validated.outputs["validated"], test', 'feature_cleaning_task.outputs["result"], test')
    pipeline.write_text(text, encoding="utf-8")
    inv(project, "run")
    assert [step["name"] for step in newest(project)["steps"]] == [*STEPS[:2], "feature-cleaning", *STEPS[2:]]
    inv(project, "lint")
    inv(project, "test")
    lock = (project / "components/feature-cleaning/requirements.txt").read_text(encoding="utf-8")
    assert "-r components/feature-cleaning/../shared/requirements.in" in lock and ".new-" not in lock
    pyproject = (project / "pyproject.toml").read_text(encoding="utf-8")
    inv(project, "lock")
    assert lock == (project / "components/feature-cleaning/requirements.txt").read_text(encoding="utf-8")
    assert pyproject == (project / "pyproject.toml").read_text(encoding="utf-8"), "it asked for nothing new"
    assert "is taken" in inv(project, "component.new", "feature-cleaning", code=1).stderr


@pytest.mark.parametrize(
    "name", ["Feature", "2nd", "class", "training", "shared", "a b", "-x", "json", "numpy", "x" * 64]
)
def test_a_bad_component_name_is_refused_and_nothing_made(penguins: Path, name: str) -> None:
    before = sorted(path.name for path in (penguins / "components").iterdir())
    arguments = ["component.new", f"--name={name}"] if name.startswith("-") else ["component.new", name]
    assert "error: " in inv(penguins, *arguments, code=1).stderr
    assert sorted(path.name for path in (penguins / "components").iterdir()) == before


def test_locks_are_renewed_together(bake: Bake) -> None:
    project = bake()
    locks = [project / "requirements.txt", *(project / f"components/{step}/requirements.txt" for step in STEPS)]
    before = [path.read_text(encoding="utf-8") for path in locks]
    inv(project, "lock")
    assert [path.read_text(encoding="utf-8") for path in locks] == before, "nothing asked for something else"
    wanted = project / "components/training/requirements.in"
    wanted.write_text(wanted.read_text(encoding="utf-8") + "humanize\n", encoding="utf-8")
    inv(project, "lock")
    having = [path.parent.name for path in locks if "\nhumanize==" in path.read_text(encoding="utf-8")]
    assert having == [project.name, "training"]
    assert '"humanize==' in (project / "pyproject.toml").read_text(encoding="utf-8")
    after = [path.read_text(encoding="utf-8") for path in locks]
    wanted.write_text("nosuch-package-of-anyone\n", encoding="utf-8")
    assert "cannot be locked; nothing was changed" in inv(project, "lock", code=1).stderr
    assert [path.read_text(encoding="utf-8") for path in locks] == after


def test_uv_makes_the_locked_environment_by_itself(bake: Bake) -> None:
    """The README's first command, with no environment there."""
    project = bake()
    uv = [sys.executable, "-m", "uv", "run", "--quiet", "inv"]
    result = subprocess.run([*uv, "doctor"], cwd=project, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr + result.stdout
    assert (project / ".venv").is_dir()
    assert "ready for: inv run" in result.stdout
