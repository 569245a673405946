"""Signals: what a stopped run says, and that nothing of it goes on."""

import os
import signal
import sys
import time

import pytest

from helpers.flow import FLOW, PIPELINE, Project
from helpers.processes import alive, wait_for


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("pipeline", [PIPELINE, FLOW], ids=["one step", "a loop"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_stopped_run_says_so_and_leaves_no_process(flow: Project, number: signal.Signals, pipeline: str) -> None:
    marker = f"sleeper-{os.getpid()}-{time.monotonic_ns()}"
    sleep = f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)', {marker!r}])"
    flow.write("pipeline.py", pipeline)
    flow.adding_does(
        f"if a in (3, 10, 20):\n    {sleep}" if pipeline is PIPELINE else f"if a in (10, 20):\n    {sleep}"
    )
    process = flow.start("run")
    wait_for(lambda: len(alive(marker)) == (1 if pipeline is PIPELINE else 2))
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, out + err
    assert "was stopped" in err
    assert "Traceback" not in out + err
    assert alive(marker) == []
    run = flow.runs()[0]
    assert run["status"] == "stopped"
    assert "stopped" in [step["status"] for step in run["steps"]]
    flow.adding_does("pass")
    flow.inv("run")


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("ends", [True, False], ids=["tidies up", "goes on"])
def test_a_step_that_is_stopped_can_tidy_up_and_is_killed_where_it_goes_on(flow: Project, ends: bool) -> None:
    flow.adding_does(
        "import signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: sys.exit(143) if {ends} else None)\n"
        "try:\n    open('half', 'w').close()\n    [time.sleep(0.1) for _ in range(600)]\n"
        "finally:\n    import os; os.remove('half')"
    )
    half = flow.root / "half"
    process = flow.start("run")
    wait_for(half.exists)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "was stopped" in err, out + err
    assert half.exists() != ends and time.monotonic() - begun < 10


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_what_waits_for_its_next_try_is_stopped_at_once(flow: Project) -> None:
    retry = 'add(a=n).set_retry(3, backoff_duration="60s", backoff_factor=1)'
    flow.write("pipeline.py", PIPELINE.replace("add(a=n)", retry))
    flow.adding_does("print('this try ends')\nraise SystemExit(1)")
    process = flow.start("run")
    wait_for(lambda: any("this try ends" in path.read_text() for path in flow.root.glob("runs/*/logs/adding.log")))
    time.sleep(0.5)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert time.monotonic() - begun < 5


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_a_run_whose_process_was_killed_is_listed_as_stopped(flow: Project) -> None:
    marker = f"orphan-{os.getpid()}-{time.monotonic_ns()}"
    flow.adding_does(
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)', {marker!r}])"
    )
    process = flow.start("run")
    wait_for(lambda: alive(marker))
    process.kill()
    process.communicate()
    for pid in alive(marker):
        os.kill(pid, signal.SIGKILL)
    run = flow.runs()[0]
    assert (run["status"], [step["status"] for step in run["steps"]]) == ("stopped", ["stopped", "skipped"])


def test_what_a_step_leaves_running_is_ended_with_it(flow: Project) -> None:
    marker = f"leftover-{os.getpid()}-{time.monotonic_ns()}"
    flow.adding_does(
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', {marker!r}])"
    )
    flow.inv("run")
    wait_for(lambda: alive(marker) == [], 5)
