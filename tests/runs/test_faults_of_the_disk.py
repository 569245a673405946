"""A disk that is full or cannot be written, a clock that goes back, and values that no record can hold."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.flow import Project
from helpers.mounting import mounted, needs_mount


@pytest.fixture
def small(flow: Project) -> Iterator[Path]:
    """The project's `runs/`, on a file system of 2 MB."""
    runs = flow.root / "runs"
    runs.mkdir()
    with mounted(runs, "2m"):
        yield runs


def fill(folder: Path) -> Path:
    file = folder / ".filled"
    with file.open("wb", buffering=0) as target:
        try:
            while True:
                target.write(b"x" * 4096)
        except OSError:
            return file


def without_record(runs: Path) -> list[str]:
    return [path.name for path in runs.glob("[!.]*") if not (path / "run.json").is_file()]


@needs_mount
def test_a_full_disk_is_told_in_a_sentence_and_leaves_no_run_without_a_record(flow: Project, small: Path) -> None:
    flow.inv("run")
    filled = fill(small)
    said = flow.inv("run", "--no-cache", code=1).stderr
    assert "the disk is full; inv disk shows what takes it" in said and len(said.splitlines()) == 1, said
    assert without_record(small) == [] and len(flow.runs()) == 1
    filled.unlink()
    flow.inv("run", "--no-cache")
    assert flow.runs()[0]["status"] == "succeeded"


@needs_mount
def test_a_step_that_fills_the_disk_ends_its_run_and_the_next_one_is_right(flow: Project, small: Path) -> None:
    flow.adding_does("note.write_bytes(b'x' * 10**7)")
    said = flow.inv("run", code=1).stderr
    assert "No space left on device" in said or "the disk is full" in said
    assert without_record(small) == []
    assert flow.runs()[0]["status"] in ("failed", "stopped"), "it never goes on, and never succeeded"
    flow.adding_does("pass")
    flow.inv("prune", "--runs", "0", "--yes")
    for path in small.glob("*/steps/*/note"):
        path.unlink()
    flow.inv("run")
    assert flow.runs()[0]["status"] == "succeeded"


@needs_mount
def test_a_place_that_can_only_be_read_is_told_and_doctor_finds_it(flow: Project, small: Path) -> None:
    flow.inv("run")
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    said = flow.inv("run", code=1).stderr
    assert "what it lies on can only be read" in said and len(said.splitlines()) == 1, said
    doctor = flow.inv("doctor", code=1)
    assert f"{small} cannot be written" in doctor.stdout + doctor.stderr
    assert len(flow.runs()) == 1
    subprocess.run(["mount", "-o", "remount,rw", str(small)], check=True)


def test_a_clock_that_went_back_leaves_the_newest_run_the_newest(flow: Project) -> None:
    flow.inv("run")
    (first,) = flow.runs()
    path = flow.root / "runs" / first["id"] / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    ahead = "2099-01-01T00:00:00.000+00:00"
    path.write_text(json.dumps(record | {"started": ahead, "order": ahead}), encoding="utf-8")
    (flow.root / "runs/.order").write_text(ahead, encoding="utf-8")
    for n in (5, 6):
        flow.inv("run", "-p", f"n={n}")
    assert [run["parameters"]["n"] for run in flow.runs()] == [6, 5, 3]
    assert flow.inv("runs.show", "latest").stdout.startswith(f"run {flow.runs()[0]['id']} ")
    (flow.root / "runs/.order").write_text("cut", encoding="utf-8")
    flow.inv("run")


def test_values_that_no_record_can_hold_are_refused(flow: Project) -> None:
    pipeline = (flow.root / "pipeline.py").read_text(encoding="utf-8")
    pipeline = pipeline.replace(
        "n: int = 3", 'n: int = 3, f: float = 1, l: list = [1], d: dict = {"a": 1}, s: str = ""'
    )
    flow.write("pipeline.py", pipeline)
    for value in ("f=1e400", "f=nan", "l=[1e400]", "l=[NaN]", 'd={"a": [-Infinity]}', os.fsdecode(b"s=\xff")):
        said = flow.inv("run", "-p", value, code=1).stderr
        assert f"parameter '{value[0]}' takes a value of type" in said
    assert not (flow.root / "runs").exists()
