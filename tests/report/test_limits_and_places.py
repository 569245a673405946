"""The page of odd runs: names of any letters, and steps in groups of groups."""

from pathlib import Path
from typing import Any

import pytest

from helpers.flow import Project
from helpers.pages import changed


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
