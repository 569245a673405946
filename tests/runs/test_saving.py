"""The record of a run while it goes on: whole at any time, soon up to date, and cheap however many steps there are."""

import json
import subprocess
import sys
import time
from typing import Any

from helpers.flow import Project

MANY = """\
import sys, time
from tasks.runs import record

written = 0
write = record.write

def counted(*arguments):
    global written
    written += 1
    write(*arguments)

record.write = counted
run = record.create(pipeline="flow", engine="host", parameters={})
for number in range(1000):
    artifact = {"type": "system.Dataset", "name": "table", "uri": f"runs/{number}", "metadata": {"rows": 10}}
    step = record.Step(f"step-{number}", status="running", inputs={"table": artifact})
    run.steps.append(step)
    run.save()
    step.status, step.outputs = "succeeded", {"table": artifact}
    run.save()
"""


def started(flow: Project, code: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", MANY + code], cwd=flow.root, text=True, stdout=subprocess.PIPE)


def saved(flow: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(next(flow.root.glob("runs/*/run.json")).read_text(encoding="utf-8"))
    return found


def test_saving_costs_little_and_the_end_is_there_at_once(flow: Project) -> None:
    end = "run.status = 'succeeded'; run.save(); print(written, record.load(run.folder).status, run._saver._timer)"
    with started(flow, end) as process:
        out, _ = process.communicate(timeout=120)
    times, status, pending = out.split()
    assert int(times) < 100, "of 2001 that were asked for"
    assert (status, pending) == ("succeeded", "None")
    text = next(flow.root.glob("runs/*/run.json")).read_text(encoding="utf-8")
    assert text == json.dumps(saved(flow), indent=2, ensure_ascii=False) + "\n"
    assert all(step["status"] == "succeeded" and step["outputs"] for step in saved(flow)["steps"])


def test_what_was_said_last_is_saved_soon_though_nothing_is_said_after_it(flow: Project) -> None:
    with started(flow, "print('said', flush=True); time.sleep(60)") as process:
        assert process.stdout and process.stdout.readline() == "said\n"
        until = time.monotonic() + 10
        while len(saved(flow)["steps"]) < 1000 or saved(flow)["steps"][-1]["status"] != "succeeded":
            assert time.monotonic() < until
        process.kill()
    assert len(flow.runs()[0]["steps"]) == 1000, "of a run that was killed"


def test_a_command_that_ends_saves_what_it_said_last(flow: Project) -> None:
    with started(flow, "") as process:
        process.communicate(timeout=120)
    assert process.returncode == 0 and saved(flow)["steps"][-1]["status"] == "succeeded"


def test_a_record_is_whole_whenever_it_is_read(flow: Project) -> None:
    with started(flow, "time.sleep(1)") as process:
        reads = 0
        while process.poll() is None:
            for path in flow.root.glob("runs/*/run.json"):
                assert path.read_text(encoding="utf-8").endswith("}\n") and json.loads(path.read_text("utf-8"))["id"]
                reads += 1
            time.sleep(0.005)
    assert reads > 10
