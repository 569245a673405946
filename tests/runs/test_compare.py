"""Runs compared, and the iterations of one."""

import json
import re
from pathlib import Path
from typing import Any

from helpers.flow import PIPELINE, Project
from helpers.pages import changed, page, placed

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


def measuring(value: float) -> dict[str, Any]:
    return {"m": {"type": "system.Metrics", "name": "m", "uri": "x", "metadata": {"accuracy": value}}}


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
    with_latest = flow.inv("runs.compare", newer).stdout
    assert with_latest.splitlines()[0].split()[1:] == [newer, newest], "one is held against the latest"
    assert flow.inv("runs.compare").stdout.splitlines()[0].split()[1:] == [newest, newer], "the newest two"
    assert f"that is one run, {newest}: name another" in flow.inv("runs.compare", newest, code=1).stderr
    for command in ("runs.show", "runs.logs", "runs.report"):
        assert flow.inv(command).stdout == flow.inv(command, newest).stdout, "without an id, the latest"
    assert flow.inv("runs.logs", "adding").stdout == flow.inv("runs.logs", newest, "adding").stdout
