"""Runs on a cluster, followed to their end and kept as records."""

import os
import re
import signal
import time

import pytest

from helpers.flow import Project
from helpers.processes import wait_for
from stand_ins.kfp import Kfp, now, script, task


@pytest.mark.parametrize("workflow", ["with its workflow", "without"])
def test_a_run_is_followed_to_its_end_and_kept_as_a_record(kfp: Kfp, project: Project, workflow: str) -> None:
    script(kfp)
    if workflow == "without":
        kfp.faults["GET /apis/v1beta1"] = 403
    said = project.inv("run", "--on", "cluster", "--experiment", "trial", "--name", "first", "-p", "n=4").stdout
    (run,) = kfp.runs
    assert run["display_name"] == "first"
    assert run["runtime_config"]["parameters"] == {"n": 4}
    reference = run["pipeline_version_reference"]
    assert reference["pipeline_version_id"] == kfp.versions[0]["pipeline_version_id"]
    assert kfp.experiments[0]["display_name"] == "trial"
    assert f"{kfp.host}/#/runs/details/{run['run_id']}" in said
    lines = [line.split() for line in said.splitlines() if line.startswith("  adding")]
    assert lines == [
        ["adding", "running"],
        ["adding", "succeeded", "7.0", "s"],
        ["adding-2", "pending" if workflow == "with its workflow" else "running"],
        ["adding-2", "cached", "0.0", "s"],
    ]
    record = project.record()
    assert (record["engine"], record["status"], record["remote"]["run_id"]) == ("cluster", "succeeded", run["run_id"])
    assert record["images"]["adding"].startswith("localhost:5001/flow/adding:")
    listed = project.inv("runs").stdout
    assert re.search(r"cluster +succeeded .* 1/2", listed)
    shown = project.inv("runs.show", "latest").stdout
    assert run["run_id"] in shown
    assert ("the server does not give its workflow" in shown) == (workflow == "without")
    path = re.search(r"^report: (.*)$", said, re.MULTILINE)
    assert path, "a run on a cluster has a page too"
    page = (project.root / path[1]).read_text(encoding="utf-8")
    assert f'<a href="{kfp.host}/#/runs/details/{run["run_id"]}">' in page
    drawn = r'<g class="succeeded"><title>adding</title>.*<g class="cached"><title>adding-2</title>'
    assert re.search(drawn, page, re.DOTALL)
    assert "instead of <code>3</code>" in page


def test_a_listing_makes_nothing_on_the_server(kfp: Kfp, project: Project) -> None:
    project.inv("runs", "--on", "cluster")
    assert kfp.asked and all(asked.startswith("GET ") for asked in kfp.asked)
    assert (kfp.experiments, kfp.pipelines, kfp.runs) == ([], [], [])


def test_without_cache_every_task_of_the_run_has_it_off(kfp: Kfp, project: Project) -> None:
    pipeline = (project.root / "pipeline.py").read_text(encoding="utf-8")
    loop = pipeline + (
        "    with dsl.If(n > 1):\n"
        "        with dsl.ParallelFor([1, 2]) as item:\n"
        "            with dsl.ParallelFor([3, 4]) as other:\n"
        "                add(a=other, b=item)\n"
        "                nested()\n"
    )
    nested = "@dsl.pipeline\ndef nested():\n    add(a=1)\n\n\n@dsl.pipeline\ndef pipeline"
    loop = loop.replace("@dsl.pipeline\ndef pipeline", nested)
    project.write("pipeline.py", loop)
    project.inv("run", "--on", "cluster", "--no-cache", "--detach")
    (run,) = kfp.runs
    assert "pipeline_version_reference" not in run
    spec = run["pipeline_spec"]
    dags = [spec["root"]["dag"], *(part["dag"] for part in spec["components"].values() if "dag" in part)]
    tasks = [task for dag in dags for task in dag["tasks"].values()]
    assert len(tasks) == 8, "at every depth, where the SDK's own switch stops at the outermost"
    assert not any(task.get("cachingOptions", {}).get("enableCache") for task in tasks)


def test_a_failed_run_ends_the_command_and_names_the_step(kfp: Kfp, project: Project) -> None:
    script(kfp, fails=True)
    result = project.inv("run", "--on", "cluster", code=1)
    assert "failed. adding: exit code 1" in result.stderr
    states = [(step["name"], step["status"]) for step in project.runs()[0]["steps"]]
    assert states == [("adding", "failed"), ("adding-2", "skipped")]


def test_a_detached_run_goes_on_and_can_be_watched(kfp: Kfp, project: Project) -> None:
    script(kfp)
    said = project.inv("run", "--on", "cluster", "--detach").stdout
    match = re.search(r"watch it: inv runs\.watch (\S+)", said)
    assert match
    assert project.runs()[0]["status"] == "running", "`inv runs` asks the server"
    assert "adding-2        cached" in project.inv("runs.watch", match[1]).stdout
    project.inv("run")
    local = project.runs()[0]["id"]
    assert "was on host" in project.inv("runs.watch", local, code=1).stderr
    assert match[1] in project.inv("runs.watch").stdout, "the newest on a cluster"


def test_a_dropped_connection_is_said_once_and_the_watch_goes_on(kfp: Kfp, project: Project) -> None:
    script(kfp)
    drops = iter(["drop"] * 6 + [500] * 2)
    kfp.faults["GET .*/runs/"] = lambda: next(drops, None)
    said = project.inv("run", "--on", "cluster").stdout
    assert said.count("Trying again") == 1
    assert project.runs()[0]["status"] == "succeeded"


def test_ctrl_c_leaves_the_run_and_says_how_to_come_back(kfp: Kfp, project: Project) -> None:
    kfp.script = [[task("adding", "RUNNING")]] * 10_000
    process = project.start("run", "--on", "cluster", start_new_session=True)
    wait_for(lambda: any("/runs/" in line for line in kfp.asked))
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, out + err
    assert "the run goes on: " in err and "come back to it with: inv runs.watch " in err
    assert "Traceback" not in out + err
    assert not any(":terminate" in line for line in kfp.asked)
    kfp.script = []
    assert project.runs()[0]["status"] == "succeeded"


def test_a_local_file_as_the_source_is_refused_before_anything_happens(kfp: Kfp, project: Project) -> None:
    pipeline = (project.root / "pipeline.py").read_text(encoding="utf-8")
    pipeline = pipeline.replace("n: int = 3", 'n: int = 3, source: str = "data.csv", source_fingerprint: str = ""')
    project.write("pipeline.py", pipeline)
    said = project.inv("run", "--on", "cluster", code=1).stderr
    assert "source is 'data.csv', a file of this machine, which a cluster does not see" in said
    given = ["-p", "source=s3://b/data.csv", "-p", "destination=~/out.csv"]
    project.write("pipeline.py", pipeline.replace("n: int = 3", 'n: int = 3, destination: str = ""'))
    said = project.inv("run", "--on", "cluster", *given, code=1).stderr
    assert "destination is '~/out.csv', a file of this machine, which a cluster does not see" in said
    assert kfp.asked == []


def test_options_for_a_cluster_are_refused_elsewhere(project: Project) -> None:
    assert "are for runs on a cluster" in project.inv("run", "--detach", code=1).stderr


def test_runs_that_others_started_are_listed_where_the_server_is_asked(kfp: Kfp, project: Project) -> None:
    project.inv("deploy")
    kfp.script = [[task("adding", "SUCCEEDED", 4)]]
    theirs = {"run_id": "11112222-3333", "display_name": "nightly", "created_at": now(-60), "state": "SUCCEEDED"}
    kfp.started_elsewhere(theirs)
    assert project.runs() == []
    assert re.search(r"kfp-11112222 +cluster +succeeded", project.inv("runs", "--on", "cluster").stdout)
    assert [step["name"] for step in project.runs()[0]["steps"]] == ["adding"]
    kfp.shutdown()
    kfp.server_close()
    assert "kfp-11112222" in project.inv("runs").stdout, "what is over needs no server"
