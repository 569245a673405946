"""The page of a run: what it shows, and that it needs nothing. tests/browser looks at it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from helpers.flow import FLOW, Project
from helpers.pages import HOSTILE, changed, page, placed


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
    short = '"' * 200  # a step's name can be printed, and files are named for it

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


def test_records_of_earlier_versions_have_a_page(flow: Project) -> None:
    flow.inv("run")
    path = flow.root / "runs" / flow.runs()[0]["id"] / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    for name in ("graph", "groups", "defaults", "remote"):
        del record[name]
    path.write_text(json.dumps(record), encoding="utf-8")
    flow.inv("runs.report", "latest")
    assert "adding" in page(flow).text
