"""`inv run --watch`: again for each change, until Ctrl-C."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from helpers.flow import Project
from helpers.processes import wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


@contextmanager
def watching(flow: Project, *arguments: str) -> Iterator[tuple[Any, list[str]]]:
    """`inv run --watch`, and its lines so far; in a group of its own, so that Ctrl-C reaches it and its runs."""
    process = flow.start("run", "--watch", *arguments, start_new_session=True)
    lines: list[str] = []
    threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
    try:
        yield process, lines
    finally:
        process.kill()
        process.wait()


def _read(stream: Any, lines: list[str]) -> None:
    for line in stream:
        lines.append(line)


def waits(lines: list[str]) -> int:
    return sum("waiting for a change" in line for line in lines)


def test_each_change_runs_it_again_and_ctrl_c_ends(flow: Project) -> None:
    with watching(flow, "-p", "n=5") as (process, lines):
        wait_for(lambda: waits(lines) == 1)
        flow.adding_does("print('another')")
        wait_for(lambda: waits(lines) == 2)
        assert "changed: components/adding/src/add.py\n" in lines
        flow.adding_does("raise SystemExit('broken')")
        wait_for(lambda: waits(lines) == 3)
        flow.adding_does("pass")
        wait_for(lambda: waits(lines) == 4)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(20) == 0
    assert [run["status"] for run in flow.runs()] == ["succeeded", "failed", "succeeded", "succeeded"]
    assert all(run["parameters"]["n"] == 5 for run in flow.runs())


def test_ctrl_c_in_the_middle_of_a_run_stops_that_run(flow: Project) -> None:
    flow.adding_does("import time\nprint('sleeps', flush=True)\ntime.sleep(60)")
    with watching(flow) as (process, _):
        wait_for(lambda: any("sleeps" in path.read_text() for path in flow.root.glob("runs/*/logs/adding.log")))
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(20) == 0
    assert [run["status"] for run in flow.runs()] == ["stopped"]


def test_a_file_that_a_parameter_names_is_looked_at(flow: Project) -> None:
    (flow.root / "table.csv").write_text("a\n1\n")
    flow.write("invoke.yaml", (flow.root / "invoke.yaml").read_text().replace("{}", "{source: table.csv}"))
    text = (flow.root / "pipeline.py").read_text()
    flow.write("pipeline.py", text.replace("n: int = 3", 'n: int = 3, source: str = "", source_fingerprint: str = ""'))
    with watching(flow) as (_, lines):
        wait_for(lambda: waits(lines) == 1)
        (flow.root / "table.csv").write_text("a\n1\n2\n")
        wait_for(lambda: "changed: table.csv\n" in lines)
