"""The page of a run, and runs compared: what they show, and that they need nothing. test_browser.py looks at them."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from test_engine import FLOW, PIPELINE, Project

HOSTILE = "<script>alert(1)</script>\"'&</pre></iframe>"


class Page(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def page(project: Project, path: str = "") -> Page:
    file = project.root / (path or f"runs/{project.runs()[0]['id']}/report.html")
    found = Page(file.read_text(encoding="utf-8"))
    assert [attributes for tag, attributes in found.tags if tag == "script"] == [{}], "its own, and no other"
    for tag, attributes in found.tags:
        assert tag not in ("link", "img"), "it needs nothing from elsewhere"
        assert not any(name.startswith("on") for name in attributes)
        if tag == "iframe":
            assert attributes["sandbox"] == "allow-same-origin", "nothing runs in it"
    assert file.stat().st_size < 1_500_000
    return found


@pytest.fixture
def flow(tmp_path: Path) -> Project:
    return Project(tmp_path / "flöw with spaces")


def test_the_graph_has_loops_and_conditions_and_what_each_task_comes_after(flow: Project) -> None:
    flow.write("pipeline.py", FLOW)
    flow.inv("run")
    nodes = {node["name"]: node for node in flow.record()["graph"]}
    assert nodes["adding"]["after"] == [] and nodes["adding-2"]["after"] == ["adding"]
    assert any("condition" in each for each in nodes["adding-2"]["inside"])
    assert any("for-loop" in each for each in nodes["adding-4"]["inside"])
    assert set(nodes["tell"]["after"]) >= {"adding-4"}
    shown = page(flow)
    assert any(tag == "svg" and "adding" in (a.get("aria-label") or "") for tag, a in shown.tags)
    assert "s, 3x" in shown.text, "the loop's three iterations are one task of the graph"
    assert "- skipped" in shown.text, "the branch that did not hold"


def test_what_differs_from_the_defaults_is_marked(flow: Project) -> None:
    flow.inv("run", "-p", "n=7")
    assert "insteadof3" in page(flow).text.replace(" ", "")
    flow.inv("run")
    assert "instead of" not in page(flow).text


def test_a_failed_run_says_why_at_the_top_with_its_log(flow: Project) -> None:
    flow.adding_does("exit('error: ' + " + repr(HOSTILE) + ")")
    flow.inv("run", code=1)
    shown = page(flow)
    assert HOSTILE in shown.text
    assert shown.text.index("✗ failed") < shown.text.index("Parameters")


def changed(project: Project, change: Callable[[dict[str, Any], Path], None]) -> Page:
    """The page of the newest run, after a change of its record."""
    folder = project.root / "runs" / project.runs()[0]["id"]
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    change(record, folder)
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    project.inv("runs.report", "latest")
    return page(project)


def test_whatever_a_run_has_its_page_is_below_its_limit(flow: Project) -> None:
    flow.inv("run")

    def change(record: dict[str, Any], folder: Path) -> None:
        (folder / "own").write_text("<p>small", encoding="utf-8")
        uri = (folder / "own").relative_to(flow.root).as_posix()
        own = {"report": {"type": "system.HTML", "name": "report", "uri": uri, "metadata": {}}}
        metadata = {f"metric_{i}": i / 7 for i in range(30)}
        own["metrics"] = {"type": "system.Metrics", "name": "metrics", "uri": uri, "metadata": metadata}
        names = [f"step-{i}" if i < 1000 else f"loop-{i // 10}-iteration-{i % 10}/task" for i in range(1500)]
        record["steps"] = [{**record["steps"][0], "name": name, "outputs": own} for name in names]
        for name in names:
            (folder / "logs" / f"{name.replace('/', '.')}.log").write_text("<" * 3000, encoding="utf-8")
        record["graph"] = [
            {"name": f"step-{i}", "after": [f"step-{j}" for j in range(max(0, i - 10), i)], "inside": []}
            for i in range(99)
        ]

    shown = changed(flow, change)
    assert "The graph of 99 tasks is too large to be drawn." in shown.text
    assert "The first 100; 1400 more steps ran after them." in shown.text
    assert "1300 more are in logs/." in shown.text and "There are more in reports/" in shown.text
    assert re.search(r"\d+ more are in run.json.", shown.text) and "Those of more loops are in run.json." in shown.text
    assert "<<<<" in shown.text, "the end of a line that is longer than its room"


@pytest.mark.parametrize("character", ['"', "\x80", "\u202e"])
def test_a_page_is_below_its_limit_whatever_its_names_are_made_of(flow: Project, character: str) -> None:
    flow.inv("run")
    short = character * (200 // len(character.encode()))  # files are named for it

    def change(record: dict[str, Any], folder: Path) -> None:
        (folder / "own").write_text('"' * 50_000, encoding="utf-8")
        uri = (folder / "own").relative_to(flow.root).as_posix()
        own = {"report": {"type": "system.HTML", "name": "report", "uri": uri, "metadata": {}}}
        record["steps"] = [
            {**record["steps"][0], "name": f"{short}{i}", "outputs": own, "reason": character * 3000}
            for i in range(500)
        ]
        for step in record["steps"]:
            (folder / "logs" / f"{step['name']}.log").write_text("<" * 3000, encoding="utf-8")
        for name in ("parameters", "images"):
            record[name] = {f"{character * 1000}{i}": character * 3000 for i in range(200)}
        record["metrics"] = {f"{character * 1000}{i}": i / 7 for i in range(200)}
        record["pipeline"] = record["reason"] = record["engine"] = record["command"] = character * 9000
        names = [f"{character * 1000}{i}" for i in range(100)]
        record["graph"] = [{"name": name, "after": names[max(0, i - 1) : i]} for i, name in enumerate(names)]
        for node in record["graph"]:
            node["inside"] = []

    changed(flow, change)


def test_a_log_that_is_shown_whole_has_no_link_to_the_rest(flow: Project) -> None:
    flow.inv("run")

    def logs(record: dict[str, Any], folder: Path) -> None:
        (folder / "logs/adding.log").write_text("all <of> it\n" * 100, encoding="utf-8")
        (folder / "logs/adding-2.log").write_text("".join(f"line {i}\n" for i in range(300)), encoding="utf-8")

    shown = changed(flow, logs)
    assert shown.text.count("all <of> it") == 100
    assert shown.text.count("the whole log") == 1
    assert "line 100\n" in shown.text and "line 99\n" not in shown.text


def test_a_task_of_a_nested_pipeline_has_its_own_status(flow: Project) -> None:
    flow.inv("run")

    def nested(record: dict[str, Any], folder: Path) -> None:
        step = record["steps"][0]
        record["steps"] = [{**step, "name": "one/load"}, {**step, "name": "two/load", "status": "failed"}]
        record["graph"] = [{"name": "load", "after": [], "inside": [each]} for each in ("one", "two")]

    shown = changed(flow, nested)
    states = [a.get("class") for tag, a in shown.tags if tag == "g" and a.get("class")]
    assert states[:2] == ["succeeded", "failed"]


def test_records_of_earlier_versions_have_a_page(flow: Project) -> None:
    flow.inv("run")
    path = flow.root / "runs" / flow.runs()[0]["id"] / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    for name in ("graph", "groups", "defaults", "remote"):
        del record[name]
    path.write_text(json.dumps(record), encoding="utf-8")
    flow.inv("runs.report", "latest")
    assert "adding" in page(flow).text


NESTED = (
    PIPELINE
    + """
    with dsl.ParallelFor([10, 20]) as tens:
        with dsl.ParallelFor([1, 2]) as ones:
            add(a=tens, b=ones)
"""
)


def test_iterations_of_loops_are_a_table_that_says_what_each_was_given(flow: Project) -> None:
    flow.write("pipeline.py", NESTED)
    flow.inv("run", "--no-cache")
    path = next(flow.root.glob("runs/*/run.json"))
    record = json.loads(path.read_text(encoding="utf-8"))
    for step in record["steps"]:
        found = {"sum": float(step["outputs"]["sum"]), "rmse": 1 / float(step["outputs"]["sum"])}
        step["outputs"]["measured"] = {"type": "system.Metrics", "name": "measured", "uri": "x", "metadata": found}
        record["metrics"] |= {f"{step['name']}.{name}": value for name, value in found.items()}
    path.write_text(json.dumps(record), encoding="utf-8")
    said = flow.inv("runs.show", "latest").stdout
    assert re.search(
        r"^  for-loop-\d-iteration-1/for-loop-\d-iteration-0/adding-3 .* s  a=20, b=1$", said, re.MULTILINE
    )
    assert re.search(r"^  adding-2\.sum +104$", said, re.MULTILINE) and not re.search(r"iteration\S*\.sum", said)
    rows = [line.split() for line in said.partition("\nadding-3 ")[2].splitlines()[:5]]
    assert rows == [
        ["a", "b", "rmse", "sum"],
        ["iteration", "0/0", "10", "1", "0.09091", "11"],
        ["iteration", "0/1", "10", "2", "0.08333", "12"],
        ["iteration", "1/0", "20", "1", "0.04762", "21"],
        ["iteration", "1/1", "20", "2", "0.04545", "*", "22", "*"],
    ]
    flow.inv("runs.report", "latest")
    shown = page(flow)
    assert "22 ★" in shown.text and "a=20, b=1" in shown.text and "iteration-0/adding-3.sum" not in shown.text
    assert "adding-2.sum, adding.rmse, adding.sum, seconds" in flow.inv("runs", "--sort", "speed", code=1).stderr
    assert "iteration" not in flow.inv("runs", "--sort", "speed", code=1).stderr
    flow.write("pipeline.py", PIPELINE)
    flow.inv("run")
    compared = flow.inv("runs.compare", *(run["id"] for run in flow.runs())).stdout
    assert "adding-2.sum" in compared and "iteration" not in compared, "nothing to compare them with"


def placed(name: str, *groups: tuple[str, str, int | None, Any], **more: Any) -> dict[str, Any]:
    """A step with its place, as the engine records it."""
    place = [dict(zip(("group", "kind", "iteration", "item"), group, strict=True)) for group in groups]
    return {"name": name, "status": "succeeded", "started": "2026-01-01T00:00:00+00:00", "place": place} | more


def measuring(value: float) -> dict[str, Any]:
    return {"m": {"type": "system.Metrics", "name": "m", "uri": "x", "metadata": {"accuracy": value}}}


def test_a_step_is_found_by_its_place_in_the_pipeline(flow: Project) -> None:
    flow.inv("run")

    def change(record: dict[str, Any], folder: Path) -> None:
        record["graph"] = [
            {"name": "load", "after": [], "inside": []},
            {"name": "load", "after": ["load"], "inside": ["condition-1"]},
            {"name": "load", "after": ["load"], "inside": ["for-loop-2", "condition-3"]},
            {"name": "use", "after": ["load"], "inside": ["for-loop-4"]},
        ]
        reason = "not run, since 3 > 4 does not hold"
        inner = ("condition-3", "condition", None, None)
        record["steps"] = [
            placed("load", status="failed", seconds=1),
            placed("load", ("condition-1", "condition", None, None), status="skipped", started=None, reason=reason),
            placed("for-loop-2-iteration-0/load", ("for-loop-2", "loop", 0, 1), inner, status="skipped", reason=reason),
            placed("for-loop-2-iteration-1/load", ("for-loop-2", "loop", 1, 2), inner, seconds=7),
            placed("for-loop-4/use", ("for-loop-4", "loop", None, None), status="skipped", started=None, reason="none"),
        ]

    shown = changed(flow, change)
    states = [a.get("class") for tag, a in shown.tags if tag == "g" and a.get("class")]
    assert states[:4] == ["failed", "skipped", "succeeded", "skipped"]
    assert "✓ succeeded 7.0 s" in shown.text, "of the iteration that ran"
    assert "load: not run, since 3 > 4 does not hold" in shown.text


def test_a_sweep_says_what_was_gone_through_where_no_input_does(flow: Project) -> None:
    flow.inv("run")
    rates, folds = "for-loop-1", "for-loop-2"

    def change(record: dict[str, Any], folder: Path) -> None:
        record["steps"] = [
            placed(
                f"{rates}-iteration-{i}/{folds}-iteration-{j}/train",
                (rates, "loop", i, rate),
                (folds, "loop", j, fold),
                inputs={"learning_rate": rate, "seed": 1},
                outputs=measuring(i / 10 + j / 100),
            )
            for i, rate in enumerate([0.5, 2.0])
            for j, fold in enumerate(["first", "second"])
        ] + [
            placed(f"named-iteration-{i}/fit", ("named", "loop", i, item), outputs=measuring(i), inputs={})
            for i, item in enumerate([{"depth": 3, "same": 1}, {"depth": 4, "same": 1}])
        ]

    shown = changed(flow, change)
    assert "learning_rate=0.5, for-loop-2=first" in shown.text and "depth=4" in shown.text
    said = flow.inv("runs.show", "latest").stdout
    rows = [line.split() for line in said.partition("\ntrain ")[2].splitlines()[:5]]
    assert rows == [
        ["learning_rate", "for-loop-2", "accuracy"],
        ["iteration", "0/0", "0.5", "first", "0"],
        ["iteration", "0/1", "0.5", "second", "0.01"],
        ["iteration", "1/0", "2", "first", "0.1"],
        ["iteration", "1/1", "2", "second", "0.11", "*"],
    ]
    rows = [line.split() for line in said.partition("\nfit ")[2].splitlines()[:3]]
    assert rows == [["depth", "accuracy"], ["iteration", "0", "3", "0"], ["iteration", "1", "4", "1", "*"]]


def test_runs_are_compared_and_sorted(flow: Project) -> None:
    assert "there is no run yet" in flow.inv("runs.compare", "latest", "x", code=1).stderr
    flow.inv("run")
    flow.inv("run", "-p", "n=7")
    flow.inv("run", "-p", "n=8")
    newest, newer, older = (run["id"] for run in flow.runs())
    for name, accuracy in ((newest, 0.75), (newer, 0.5), (older, 0.75)):
        path = flow.root / "runs" / name / "run.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        record["metrics"] = {"accuracy": accuracy, "rmse": accuracy, "same": 1}
        path.write_text(json.dumps(record), encoding="utf-8")
    said = flow.inv("runs.compare", older, newer).stdout
    assert re.search(r"^  n +3 +7$", said, re.MULTILINE)
    assert re.search(r"^  accuracy +0\.75 \* +0\.5$", said, re.MULTILINE)
    assert re.search(r"^  rmse +0\.75 +0\.5 \*$", said, re.MULTILINE), "of an error, the lower one is the better"
    assert re.search(r"^  same +1 +1$", said, re.MULTILINE)
    assert "ENGINE" not in said, "only what differs"
    compared = page(flow, "build/compare.html")
    assert "0.75 ★" in compared.text
    three = flow.inv("runs.compare", older, newer, newest).stdout
    assert re.search(r"^  accuracy +0\.75 \* +0\.5 +0\.75 \*$", three, re.MULTILINE), "both of a tie"
    links = [attributes["href"] for tag, attributes in compared.tags if tag == "a"]
    assert links == [f"../runs/{name}/report.html" for name in (older, newer)] * 2, "both, in both tables"
    for name, first in (("accuracy", newest), ("rmse", newer)):
        top = flow.inv("runs", "--sort", name).stdout.splitlines()[1]
        assert top.startswith(first) and f" {name}=" in top
    assert (
        "no run has a metric 'speed'; there are: accuracy, rmse, same, seconds"
        in flow.inv("runs", "--sort", "speed", code=1).stderr
    )
    assert "that is one run" in flow.inv("runs.compare", newer, newer, code=1).stderr
    assert f"which runs? inv runs.compare {newer} ID" in flow.inv("runs.compare", newer, code=1).stderr
