"""Steps that do not depend on each other: at the same time, as many as are allowed, and none is stopped by another."""

import json
from typing import Any

import pytest

from helpers.flow import Project

MANY = """\
from pathlib import Path

from kfp import dsl
from kfp.components import load_component_from_file

add = load_component_from_file(str(Path(__file__).parent / "components/adding/component.yaml"))


@dsl.pipeline
def pipeline():
    for number in range(4):
        add(a=number)
    last = add(a=100)
    add(a=last.outputs["sum"], b=5)
"""
BUSY = """\
import os, pathlib, time
here = pathlib.Path("busy", str(a)); here.parent.mkdir(exist_ok=True); here.touch()
end = time.monotonic() + 0.5
most = 0
while time.monotonic() < end:
    most = max(most, len(list(here.parent.iterdir()))); time.sleep(0.01)
here.unlink()
print(json.dumps({"at once": most, "threads": os.environ["OMP_NUM_THREADS"], "waits": os.environ["OMP_WAIT_POLICY"]}))
"""


@pytest.mark.parametrize("jobs", [1, 3])
def test_as_many_steps_run_at_a_time_as_are_allowed(flow: Project, jobs: int) -> None:
    flow.write("pipeline.py", MANY)
    flow.adding_does("import json\n" + BUSY)
    flow.inv("run", "--jobs", str(jobs))
    said = [found for found in map(_json, flow.inv("runs.logs", "latest").stdout.splitlines()) if found]
    assert len(said) == 6
    assert max(each["at once"] for each in said) == jobs
    assert {each["waits"] for each in said} == {"PASSIVE"}


def test_two_runs_of_a_project_at_once_are_two_runs(flow: Project) -> None:
    flow.adding_does("import time; time.sleep(0.5)")
    started = [flow.start("run", "--no-cache", "-p", f"n={n}") for n in (1, 2)]
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    runs = {run["parameters"]["n"]: run for run in flow.runs()}
    assert len(flow.runs()) == 2 and runs.keys() == {1, 2}
    for n, run in runs.items():
        assert run["status"] == "succeeded" and len(run["steps"]) == 2
        folder = flow.root / "runs" / run["id"]
        assert (folder / "steps/adding-2/sum").read_text(encoding="utf-8") == str(n + 1 + 100)
        assert (folder / "report.html").is_file()


@pytest.mark.parametrize("jobs", ["x", "0", "1.5"])
def test_what_is_no_number_of_steps_is_refused(flow: Project, jobs: str) -> None:
    said = flow.inv("run", "--jobs", jobs, code=1).stderr
    assert f"--jobs takes how many steps may run at a time, from 1 on, not '{jobs}'" in said


def _json(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def test_a_failed_branch_does_not_stop_another(flow: Project) -> None:
    flow.write("pipeline.py", MANY)
    flow.adding_does("import time\nif a == 0: raise SystemExit('error: no zeros')\ntime.sleep(0.3)")
    message = flow.inv("run", code=1).stderr
    assert "adding: no zeros" in message
    states = {step["name"]: step["status"] for step in flow.record()["steps"]}
    assert states.pop("adding") == "failed"
    assert set(states.values()) == {"succeeded"}, "and those that come after the others too"


def test_a_loop_has_a_limit_of_its_own(flow: Project) -> None:
    loop = "    with dsl.ParallelFor([1, 2, 3, 4], parallelism=2) as item:\n        add(a=item)\n"
    flow.write("pipeline.py", MANY.partition("    for number")[0] + loop)
    flow.adding_does("import json\n" + BUSY)
    flow.inv("run", "--jobs", "4")
    said = [found for found in map(_json, flow.inv("runs.logs", "latest").stdout.splitlines()) if found]
    assert max(each["at once"] for each in said) == 2


def test_a_step_says_where_it_stood_and_why_it_was_not_run(flow: Project) -> None:
    nested = (
        "    with dsl.ParallelFor([3, 30]) as item:\n"
        "        first = add(a=item)\n"
        "        with dsl.If(first.outputs['sum'] > 10):\n"
        "            add(a=item, b=7)\n"
    )
    flow.write("pipeline.py", MANY.partition("    for number")[0] + nested)
    flow.inv("run")
    steps = {step["name"]: step for step in flow.record()["steps"]}
    inside = steps["for-loop-2-iteration-1/adding-2"]
    assert inside["status"] == "succeeded"
    assert [(each["kind"], each["iteration"], each["item"]) for each in inside["place"]] == [
        ("loop", 1, 30),
        ("condition", None, None),
    ]
    left = steps["for-loop-2-iteration-0/adding-2"]
    assert (left["status"], left["reason"]) == ("skipped", "adding-sum > 10 (adding-sum is 4) is not true")
