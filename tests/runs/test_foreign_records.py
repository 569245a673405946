"""Records of others: from CI, from a colleague, of a newer template, cut short, or forged."""

import copy
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.flow import SETTINGS, Project
from helpers.inv import inv

NOWHERE = "tcp://localhost:1"
Record = dict[str, Any]


def changed(**values: Any) -> Callable[[Record], Record]:
    return lambda record: record | values


def of_step(**values: Any) -> Callable[[Record], Record]:
    return lambda record: record | {"steps": [record["steps"][0] | values, *record["steps"][1:]]}


BROKEN: dict[str, tuple[Callable[[Record], Any], str]] = {
    "newer": (changed(novelty=1), "has 'novelty', which this version of the template does not know"),
    "newer-step": (of_step(novelty=1), "has 'novelty', which this version of the template does not know"),
    "list-for-lines": (changed(parameters=[1]), "parameters is '[1]'"),
    "text-for-number": (changed(seconds="long"), "seconds is 'long'"),
    "not-a-number": (changed(seconds=float("nan")), "seconds is 'nan'"),
    "lines-for-list": (changed(steps={"a": 1}), "its run.json"),
    "no-steps": (lambda record: {key: value for key, value in record.items() if key != "steps"}, "lacks 'steps'"),
    "text-for-metric": (changed(metrics={"a": "b"}), "metrics is"),
    "unknown-status": (changed(status="perhaps"), "status is 'perhaps'"),
    "no-time": (changed(started="soon"), "started is 'soon'"),
    "no-place": (of_step(name=".."), "a step's name is '..'"),
    "control": (of_step(name="a\u0000b"), "a step's name is"),
    "half-an-artifact": (of_step(outputs={"x": {"uri": 3, "metadata": {}}}), "an artifact is"),
    "no-group": (of_step(place=[{"iteration": 1}]), "a place is"),
    "no-metadata": (of_step(outputs={"x": {"type": "system.Metrics", "uri": "a"}}), "an artifact is"),
    "half-a-graph": (changed(graph=[{"name": "a"}]), "a task of the graph is"),
    "a-script": (changed(remote={"host": "h", "run_id": "1", "url": "javascript:alert(1)"}), "remote is"),
    "a-list": (lambda record: [record], "is no record"),
    "cut": (lambda record: json.dumps(record)[:200], "its run.json cannot be read"),
    "empty": (lambda record: "", "its run.json cannot be read"),
    "deep": (lambda record: "[" * 100_000, "its run.json cannot be read"),
    "huge": (changed(seconds=10**400), "seconds is '1000"),
    "huge-metric": (changed(metrics={"a": 10**350}), "metrics is"),
    "too-many-digits": (lambda record: json.dumps(record).replace('"n": 3', '"n": ' + "9" * 5000), "be read (Exceeds"),
    "null-steps": (changed(steps=None), "steps is 'None'"),
    "null-step": (changed(steps=[None]), "is no record"),
    "null-metric": (changed(metrics={"a": None}), "metrics is"),
    "number-for-commit": (changed(code={"commit": 3}), "code is"),
    "list-for-commit": (changed(code={"commit": [1]}), "code is"),
    "before-all-time": (changed(started="0001-01-01T00:00:00+00:00"), "started is '0001"),
    "after-all-time": (of_step(started="9999-12-31T23:59:59-10:00"), "started is '9999"),
    "half-a-letter": (lambda record: json.dumps(record | {"reason": "\ud800"}), "its run.json cannot be read"),
    "too-large": (lambda record: json.dumps(record) + " " * 60_000_000, "no file of at most 50 MB"),
    "no-text": (lambda record: b"\xff\xfe{}", "its run.json cannot be read"),
    "bare": (lambda record: None, "it has no run.json"),
}


def plant(project: Project, name: str, content: Any) -> Path:
    folder = project.root / "runs" / name
    (folder / "logs").mkdir(parents=True)
    if content is not None:
        data = content if isinstance(content, bytes | str) else json.dumps(content)
        (folder / "run.json").write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def test_a_record_that_cannot_be_read_is_named_and_everything_else_works(flow: Project) -> None:
    flow.inv("run")
    (good,) = flow.runs()
    for name, (make, _) in BROKEN.items():
        plant(flow, name, make(copy.deepcopy(good)))
    outside = flow.root.parent / "outside"
    outside.mkdir()
    (outside / "run.json").write_text(json.dumps(good), encoding="utf-8")
    (flow.root / "runs/linked").symlink_to(outside)
    plant(flow, "linked-logs", good)
    (flow.root / "runs/linked-logs/logs").rmdir()
    (flow.root / "runs/linked-logs/logs").symlink_to(outside)
    for name, target in {"endless": "/dev/zero", "linked-record": str(outside / "run.json")}.items():
        (plant(flow, name, None) / "run.json").symlink_to(target)
    (plant(flow, "folder-for-record", None) / "run.json").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(plant(flow, "pipe", None) / "run.json")
    (flow.root / "runs/20990101-000000").write_text("a file that is called like a run", encoding="utf-8")
    (flow.root / "runs/20990101-000001").symlink_to("20990101-000001")
    says = {name: words for name, (_, words) in BROKEN.items()} | {
        **dict.fromkeys(["endless", "linked-record", "folder-for-record"], "its run.json is no file of at most 50 MB"),
        **({"pipe": "its run.json is no file"} if hasattr(os, "mkfifo") else {}),
        "linked": "linked is a link to another place",
        "linked-logs": "logs is a link to another place",
    }

    for command in (["runs"], ["runs", "--json"], ["runs", "--sort", "seconds"]):
        listed = flow.inv(*command)
        assert good["id"] in listed.stdout
        lines = {line.split(" cannot be read: ")[0]: line for line in listed.stderr.splitlines()}
        assert set(lines) == set(says)
        assert all(words in lines[name] for name, words in says.items()), listed.stderr
    assert [run["id"] for run in json.loads(flow.inv("runs", "--json").stdout)] == [good["id"]]
    assert good["id"] in flow.inv("runs.show", "latest").stdout
    assert good["id"] in flow.inv("runs.report", "latest").stdout
    flow.inv("runs.logs", "latest")
    flow.inv("run")
    assert flow.inv("runs.compare", "latest", good["id"]).stdout
    said = flow.inv("runs.show", "newer", code=1).stderr
    assert "error: run newer cannot be read: its run.json has 'novelty'" in said

    for folder in (flow.root / "runs").glob("[!.]*"):  # none of them is just starting
        os.utime(folder, (time.time() - 600,) * 2, follow_symlinks=False)
    shown = inv(flow.root, "disk", DOCKER_HOST=NOWHERE)
    assert f"{len(says) + 2}" in next(line for line in shown.splitlines() if line.strip().startswith("runs "))
    pruned = inv(flow.root, "prune", "--runs", "2", "--yes", DOCKER_HOST=NOWHERE)
    assert f"{len(says)} runs without a record that can be read: " in pruned and "newer-step" in pruned
    assert {run["id"] for run in flow.runs()} > {good["id"]} and len(flow.runs()) == 2
    assert (outside / "run.json").exists(), "a link goes, what it leads to stays"
    assert "cannot be read" not in flow.inv("runs").stderr


def test_a_record_moves_no_cursor_and_its_log_has_a_name(flow: Project) -> None:
    flow.inv("run")
    (good,) = flow.runs()
    record = flow.record()
    words = "\u001b[31mred\u001b[2J\nrun 20990101-000000"
    step = record["steps"][0] | {"name": "long" * 1000, "reason": words}
    plant(flow, "odd", record | {"reason": words, "command": words, "parameters": {words: words}, "steps": [step]})
    for command in (["runs"], ["runs.show", "odd"], ["runs.compare", "odd", good["id"]]):
        said = flow.inv(*command).stdout
        assert "red" in said and "\u001b" not in said
        assert not any(line.startswith("run 2099") for line in said.splitlines())
    assert "no log" in flow.inv("runs.logs", "odd").stdout
    flow.inv("runs.report", "odd")


def test_what_a_run_left_that_was_killed_before_its_record_goes_with_the_next(flow: Project) -> None:
    for name in ("killed", "kept", "starting"):
        (flow.root / "runs" / name / "logs").mkdir(parents=True)
    (flow.root / "runs/kept/logs/a.log").write_text("of something", encoding="utf-8")
    for name in ("killed", "kept"):
        os.utime(flow.root / "runs" / name, (time.time() - 600,) * 2)
    assert "killed cannot be read: it has no run.json (inv prune --runs 20 frees" in flow.inv("runs").stderr
    flow.inv("run")
    left = {path.name for path in (flow.root / "runs").glob("[!.]*")}
    assert {"kept", "starting"} < left and "killed" not in left and len(left) == 3


@pytest.mark.parametrize("id", ["../../decoy", "/", "", ".", "..", "somebody-elses"])
def test_a_run_is_what_its_folder_is_called_and_nothing_outside_is_touched(flow: Project, id: str) -> None:
    flow.inv("run")
    (good,) = flow.runs()
    decoy = flow.root.parent / "decoy"
    (decoy / "logs").mkdir(parents=True)
    (decoy / "kept.txt").write_text("kept", encoding="utf-8")
    forged = plant(flow, "forged", good | {"id": id})
    assert "forged" in flow.inv("runs").stdout
    assert flow.inv("runs.report", "forged").stdout.strip() == "runs/forged/report.html"
    assert (forged / "report.html").is_file()
    pruned = inv(flow.root, "prune", "--runs", "0", "--yes", DOCKER_HOST=NOWHERE)
    assert "images are left out: the Docker engine does not answer" in pruned
    assert not forged.exists()
    assert sorted(path.name for path in decoy.rglob("*")) == ["kept.txt", "logs"]
    assert (flow.root / "invoke.yaml").read_text(encoding="utf-8") == SETTINGS


def test_entries_of_the_cache_go_with_the_runs_that_they_name(flow: Project) -> None:
    outside, cache = flow.root.parent / "outside", flow.root / "runs/.cache"
    outside.mkdir()
    (outside / "kept.json").write_text("{}", encoding="utf-8")
    flow.inv("run", "-p", "n=1")
    (cache / "host/cut.json").write_text('{"parameters', encoding="utf-8")
    old, new = cache / "host/old.json", cache / "host/new.json"
    old.write_text('{"parameters": {}, "artifacts": {}, "stamps": {}}', encoding="utf-8")
    (cache / "linked").symlink_to(outside)
    flow.inv("run", "-p", "n=2")
    new.write_bytes(old.read_bytes())
    assert len(list((cache / "host").iterdir())) == 7
    pruned = inv(flow.root, "prune", "--runs", "1", "--yes", DOCKER_HOST=NOWHERE)
    assert "  4 entries of the cache that serve nothing without them, " in pruned, (
        "two steps, the cut one and the old one"
    )
    assert len(list((cache / "host").iterdir())) == 3 and new.exists() and (outside / "kept.json").exists()
    assert "cached" in flow.inv("run", "-p", "n=2").stdout, "what stays is served as before"


def test_a_process_with_the_number_of_one_that_died_is_not_the_run(flow: Project) -> None:
    flow.inv("run")
    (good,) = flow.runs()
    plant(flow, "earlier", good | {"status": "running", "pid": os.getpid(), "started": "2020-01-01T00:00:00.000+00:00"})
    plant(flow, "now", good | {"status": "running", "pid": os.getpid(), "started": "2999-01-01T00:00:00.000+00:00"})
    listed = {run["id"]: run["status"] for run in json.loads(flow.inv("runs", "--json").stdout)}
    assert (listed["earlier"], listed["now"]) == ("stopped", "running")


def test_a_page_is_not_written_through_a_link(flow: Project) -> None:
    flow.inv("run")
    (good,) = flow.runs()
    kept = flow.root.parent / "kept.txt"
    kept.write_text("kept", encoding="utf-8")
    folder = flow.root / "runs" / good["id"]
    (folder / "report.html").unlink()
    (folder / "report.html").symlink_to(kept)
    (folder / "report.html.partial").symlink_to(kept)
    flow.inv("runs.report", "latest")
    assert kept.read_text(encoding="utf-8") == "kept"
    assert not (folder / "report.html").is_symlink()


def test_a_file_from_outside_is_in_no_page(flow: Project) -> None:
    flow.inv("run")
    (good,) = flow.runs()
    (flow.root.parent / "private.html").write_text("<p>planted</p>", encoding="utf-8")
    report = {"type": "system.HTML", "name": "report", "uri": "../private.html", "metadata": {}}
    folder = plant(flow, "forged", of_step(outputs={"report": report})(good))
    flow.inv("runs.report", "forged")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "planted" not in page and "its file is not in runs/" in page
    assert not (folder / "reports").exists()


def test_runs_that_take_more_than_the_limit_are_said(flow: Project) -> None:
    assert "runs_limit" not in flow.inv("run").stdout
    flow.write("invoke.yaml", SETTINGS + "runs_limit: 0.01 MB\n")
    assert "more than runs_limit in invoke.yaml (0.01 MB): inv prune --runs 20" in flow.inv("run").stdout
    flow.write("invoke.yaml", SETTINGS + "runs_limit: 0 MB\n")
    assert "runs_limit" not in flow.inv("run").stdout
    flow.write("invoke.yaml", SETTINGS + "runs_limit: much\n")
    assert "runs_limit takes a size, as in 500 MB or 5 GB" in flow.inv("run", code=1).stderr


def test_an_infinite_number_is_no_parameter(flow: Project) -> None:
    pipeline = (flow.root / "pipeline.py").read_text(encoding="utf-8")
    flow.write("pipeline.py", pipeline.replace("n: int = 3", "n: int = 3, f: float = 0.5"))
    for value in ("1e400", "inf", "nan"):
        assert "parameter 'f' takes a value of type float" in flow.inv("run", "-p", f"f={value}", code=1).stderr
