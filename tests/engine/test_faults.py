"""A step that goes wrong, and one that talks without end."""

import time

import psutil
import pytest

from helpers.flow import Project

FAULTS = {
    "exits 1": ("raise SystemExit(1)", "adding: adding"),
    "says why": ("raise SystemExit('error: too much')", "adding: too much"),
    "raises": ("raise ValueError('odd')", "adding: ValueError: odd"),
    "only stderr": ("import sys; print('in tears', file=sys.stderr); raise SystemExit(3)", "adding: in tears"),
    "killed": (
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "adding: was killed by SIGKILL; it may have run out of memory",
    ),
    "no parameter": ("note.write_text('4'); return", "adding: ended well, but did not write its output 'sum'"),
    "wrong type": (
        "sum.write_text('many'); note.write_text(''); return",
        "adding: wrote an output of another type than it declares",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_step_that_goes_wrong_fails_the_run_with_its_reason(flow: Project, fault: str) -> None:
    code, reason = FAULTS[fault]
    flow.adding_does(code)
    result = flow.inv("run", code=1)
    assert reason in result.stderr
    assert "log: inv runs.logs" in result.stderr
    run = flow.runs()[0]
    assert (run["status"], [step["status"] for step in run["steps"]]) == ("failed", ["failed", "skipped"])
    assert run["reason"].startswith(reason)
    flow.adding_does("pass")
    flow.inv("run")


def test_a_hundred_megabytes_of_log_are_kept_and_not_held(flow: Project) -> None:
    flow.adding_does("for _ in range(100): print('x' * 2**20)")
    process = flow.start("run", "-p", "n=1")
    peak = 0
    while process.poll() is None:
        try:
            peak = max(peak, psutil.Process(process.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.05)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert len(out) < 2000
    log = flow.root / "runs" / flow.runs()[0]["id"] / "logs" / "adding.log"
    assert log.stat().st_size > 100 * 2**20
    assert peak < 300 * 2**20
    report = log.parents[1] / "report.html"
    assert report.stat().st_size < 2**20


def test_an_artifact_that_a_step_does_not_write_is_told_and_fails_nothing(flow: Project) -> None:
    flow.adding_does("sum.write_text(str(a + b)); return")
    said = flow.inv("run").stdout
    assert "adding did not write its output note" in said
    steps = flow.record()["steps"]
    assert [step["status"] for step in steps] == ["succeeded", "succeeded"]
    assert steps[0]["reason"].startswith("did not write its output note")
