"""Runs on a cluster: recordings of a real KFP 2.17.0, replayed, and what `inv` makes of them."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.inv import inv
from helpers.template import Bake
from stand_ins.kfp import Kfp
from stand_ins.recordings import as_of, details_of, fnv, nodes_of, now, recorded, task

RUNS = ("ok", "cached", "fail", "loop")


@pytest.fixture
def project(bake: Bake, kfp: Kfp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project that the recordings are of, on the stand-in server; no cluster is reached by kubectl."""
    for name in ("KFP_TOKEN", "KFP_TOKEN_FILE", "KFP_KUBE_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("INVOKE_KFP_HOST", kfp.host)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KF_TEMPLATE_POLL_SECONDS", "0.05")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    return bake()


METRICS = {"training": "accuracy_std 0.02\naccuracy 0.97\n", "prediction": "accuracy 0.985\n"}


def replay(kfp: Kfp, *names: str) -> None:
    """Let the server have recorded runs that are over, with their artifacts and logs."""
    for name in names:
        recording = recorded(name)
        run = recording["v2beta1"]
        kfp.started_elsewhere(run)
        if "v1beta1" in recording:
            kfp.workflows[run["run_id"]] = recording["v1beta1"]
            keep_artifacts(kfp, recording)
    kfp.poll = lambda run: None  # type: ignore[method-assign]


def keep_artifacts(kfp: Kfp, recording: dict[str, Any]) -> None:
    text = json.dumps(recording["v1beta1"]["pipeline_runtime"]["workflow_manifest"])
    own = recording["v2beta1"]["run_id"]
    for uri in set(re.findall(rf"minio://(mlpipeline/v2/artifacts/my-kfp-project/{own}/[\w./-]+)", text)):
        step, _, name = uri.split("/")[-3:]
        content = f"{name} of {step}\n"
        if name == "metrics":
            content = METRICS[re.sub(r"-\d+$", "", step)]
            if step == "training-2":  # as many as iterations
                rate = (
                    "0.03"
                    if not any(key.endswith("/metrics") and "training-2" in key for key in kfp.objects)
                    else "0.3"
                )
                content = f"accuracy 0.9{rate[-1]}\n"
        if name == "executor-logs":
            uri, content = f"{uri}-0", f"{step} says a word\n"
        kfp.objects[uri] = content.encode()


def record(project: Path, id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / "runs" / id / "run.json").read_text(encoding="utf-8"))
    return found


def id_of(name: str) -> str:
    return f"kfp-{recorded(name)['v2beta1']['run_id'][:8]}"


# The stand-in


@pytest.mark.parametrize("name", RUNS)
def test_the_stand_in_lists_tasks_as_the_server_did(name: str) -> None:
    recording = recorded(name)
    nodes = recording["v1beta1"]["pipeline_runtime"]["workflow_manifest"]["status"]["nodes"]
    real = [each for each in recording["v2beta1"]["run_details"]["task_details"] if "execution_id" not in each]

    def told(details: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        pods = [tuple(sorted(child["pod_name"] for child in each.get("child_tasks", []))) for each in details]
        times = [(each["start_time"], each["end_time"]) for each in details]
        named = [(each["display_name"], each.get("state"), set(each) - {"child_tasks"}) for each in details]
        return sorted(zip(named, times, pods, strict=True), key=repr)

    assert told(details_of(nodes, "1"))[:1] and {repr(each) for each in told(details_of(nodes, "1"))} == {
        repr(each) for each in told(real)
    }
    for node in nodes.values():
        workflow = node["name"].split("(")[0]
        assert node["id"] in (workflow, f"{workflow}-{fnv(node['name'])}")


@pytest.mark.parametrize("state", ["RUNNING", "SUCCEEDED", "CACHED", "FAILED", "OMITTED"])
def test_the_nodes_that_tests_make_up_have_the_recorded_fields(state: str) -> None:
    real = [
        {"type": node["type"], "template": node["templateName"], "fields": sorted(set(node) - {"outputs"})}
        for name in RUNS
        for node in recorded(name)["v1beta1"]["pipeline_runtime"]["workflow_manifest"]["status"]["nodes"].values()
    ]
    made = nodes_of([task("adding", state)], "flow-x1")
    assert len(made) > 6
    for node in made.values():
        fields = sorted(set(node) - {"outputs"})
        assert {"type": node["type"], "template": node["templateName"], "fields": fields} in real


def test_what_the_server_never_sets_is_in_no_recording() -> None:
    for name in (*RUNS, "driver"):
        for detail in recorded(name)["v2beta1"]["run_details"]["task_details"]:
            assert not {"parent_task_id", "pod_name", "error", "inputs", "outputs"} & set(detail)


# What is made of them


def test_a_run_on_a_cluster_has_what_a_local_one_has(kfp: Kfp, project: Path) -> None:
    replay(kfp, "ok")
    listed = inv(project, "runs", "--on", "cluster")
    assert re.search(rf"{id_of('ok')} +cluster +succeeded +210\.0 +0/6 +accuracy=0\.985", listed)
    steps = {step["name"]: step for step in record(project, id_of("ok"))["steps"]}
    assert list(steps) == [
        "gathering",
        "validation",
        "preprocessing",
        "for-loop-1/training-2",
        "training",
        "prediction",
    ]
    assert steps["for-loop-1/training-2"]["status"] == "skipped"
    assert steps["for-loop-1/training-2"]["reason"] == "for-loop-1 has no items"
    assert steps["training"]["seconds"] == 40.0, "by the launcher's times, where Argo's are 57 s"
    assert steps["training"]["inputs"]["learning_rate"] == 0.1
    assert steps["training"]["inputs"]["train"]["metadata"] == {
        **{"columns": 8, "rows": 275, "rows_dropped": 0, "rows_with_missing": 9}
    }
    model = steps["training"]["outputs"]["model"]
    assert model["type"] == "system.Model" and model["uri"].startswith("minio://mlpipeline/v2/artifacts/")
    assert model["metadata"]["framework"] == "scikit-learn" and "path" not in model, "a model stays where it is"
    assert steps["training"]["outputs"]["metrics"]["metadata"] == {"accuracy": 0.97, "accuracy_std": 0.02}
    assert "executor-logs" not in steps["training"]["outputs"]
    shown = inv(project, "runs.show", id_of("ok"))
    assert re.search(r"training\.accuracy +0\.97", shown) and re.search(r"prediction\.accuracy +0\.985", shown)
    assert inv(project, "runs.logs", id_of("ok"), "training") == "training says a word\n"
    inv(project, "runs.report", id_of("ok"))
    page = (project / "runs" / id_of("ok") / "report.html").read_text(encoding="utf-8")
    assert "model_card of training" in page and "report of prediction" in page and "training says a word" in page
    assert "Data in and out" in page and ">275<" in page
    asked = len(kfp.asked)
    inv(project, "runs.show", id_of("ok"))
    inv(project, "runs.report", id_of("ok"))
    assert len(kfp.asked) == asked, "what is kept is not asked for again"


def test_what_a_run_on_a_cluster_made_is_brought_here(kfp: Kfp, project: Path) -> None:
    replay(kfp, "ok")
    inv(project, "runs", "--on", "cluster")
    run, step = id_of("ok"), "preprocessing"
    uri = next(s for s in record(project, run)["steps"] if s["name"] == step)["outputs"]["train"]["uri"]
    kfp.objects[uri.removeprefix("minio://")] = b"a,b\r\n1,x\r\n"
    look = f"from tasks.shell import runs; print(runs[{run!r}][{step!r}].train.to_dict('list'))"

    def looked() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", look], cwd=project, capture_output=True, text=True)

    assert f"it is at {uri}: inv runs.fetch {run} brings it here." in looked().stderr
    said = inv(project, "runs.fetch", run, step)
    place = f"runs/{run}/artifacts/{step}/train"
    assert f"  {step} train: {place}\n" in said and (project / place).read_bytes() == b"a,b\r\n1,x\r\n"
    assert looked().stdout == "{'a': [1], 'b': ['x']}\n"
    assert "nothing is missing" in inv(project, "runs.fetch", run, step)

    kfp.objects.clear()
    refused = inv(project, "runs.fetch", run, code=1).stderr
    assert "model of step training cannot be had: /artifacts/get answers 404" in refused
    assert (project / place).is_file() and not list(project.glob("runs/**/*.partial"))


def test_a_folder_that_a_run_on_a_cluster_made_is_brought_here(kfp: Kfp, project: Path) -> None:
    replay(kfp, "ok")
    inv(project, "runs", "--on", "cluster")
    run, step = id_of("ok"), "preprocessing"
    uri = next(s for s in record(project, run)["steps"] if s["name"] == step)["outputs"]["train"]["uri"]
    name, place = uri.removeprefix("minio://"), project / "runs" / run / "artifacts" / step / "train"
    kfp.objects.pop(name, None)
    kfp.objects |= {f"{name}/part-0.csv": b"a", f"{name}/deep/part 1.csv": b"b", f"{name}-2": b"another"}
    inv(project, "runs.fetch", run, step)
    found = {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*.csv")}
    assert found == {"part-0.csv": b"a", "deep/part 1.csv": b"b"}
    assert not list(place.parent.glob("*partial*")) and not list(place.parent.glob("tmp*"))
    assert "nothing is missing" in inv(project, "runs.fetch", run, step)

    place.rename(place.with_name("old"))
    del kfp.objects[f"{name}/part-0.csv"]
    kfp.objects[f"{name}/../../../../evil"] = b"c"
    assert "its archive cannot be unpacked" in inv(project, "runs.fetch", run, step, code=1).stderr
    assert not place.exists() and not list(project.rglob("evil"))


def test_a_sweep_on_a_cluster_ends_with_a_table(kfp: Kfp, project: Path) -> None:
    replay(kfp, "loop")
    inv(project, "runs", "--on", "cluster")
    steps = {step["name"]: step for step in record(project, id_of("loop"))["steps"]}
    first, second = steps["for-loop-1-iteration-0/training-2"], steps["for-loop-1-iteration-1/training-2"]
    assert first["place"] == [{"group": "for-loop-1", "kind": "loop", "iteration": 0, "item": 0.03}]
    assert second["place"][0]["item"] == 0.3
    assert [steps[name]["cached"] for name in ("gathering", "training", "prediction")] == [True] * 3
    shown = inv(project, "runs.show", id_of("loop"))
    assert re.search(
        r"training-2 +learning_rate +accuracy\n +iteration 0 +0\.03 +0\.9\d.*\n +iteration 1 +0\.3 +0\.9", shown
    )


def test_a_cached_step_has_what_the_run_gave_that_it_was_served_from(kfp: Kfp, project: Path) -> None:
    replay(kfp, "cached", "ok")
    inv(project, "runs", "--on", "cluster")
    first, again = record(project, id_of("ok")), record(project, id_of("cached"))
    assert all(step["cached"] for step in again["steps"] if "/" not in step["name"])
    assert again["metrics"] == first["metrics"]
    by_name = {step["name"]: step["outputs"] for step in first["steps"]}
    assert all(step["outputs"] == by_name[step["name"]] for step in again["steps"])
    assert f"it did not run; inv runs.logs {id_of('ok')}" in inv(project, "runs.logs", id_of("cached"), "training")
    assert {step["origin"] for step in again["steps"] if step["cached"]} == {id_of("ok")}
    assert re.search(rf"training +cached +0\.0 s +from run {id_of('ok')}", inv(project, "runs.show", id_of("cached")))
    inv(project, "runs.report", id_of("cached"))
    page = (project / "runs" / id_of("cached") / "report.html").read_text(encoding="utf-8")
    assert page.count(f"from run {id_of('ok')}") >= 5


def test_a_step_is_from_the_run_whose_artifacts_others_took(kfp: Kfp, project: Path) -> None:
    """Of two runs that did the same, the one that the loop's tasks, which ran, were given the table of."""
    replay(kfp, "loop", "ok")
    text = json.dumps(recorded("ok"))
    taken = recorded("ok")["v2beta1"]["run_id"]
    assert f"/{taken}/preprocessing/" in json.dumps(recorded("loop")), "what the recording says"
    later = json.loads(text.replace(taken, "99999999-0000-4000-8000-000000000000"))
    later["v2beta1"]["created_at"] = "2026-11-25T05:06:00Z"
    kfp.runs.insert(1, later["v2beta1"])
    kfp.workflows[later["v2beta1"]["run_id"]] = later["v1beta1"]
    inv(project, "runs", "--on", "cluster")
    steps = {step["name"]: step for step in record(project, id_of("loop"))["steps"]}
    assert steps["preprocessing"]["origin"] == id_of("ok")
    assert steps["for-loop-1-iteration-0/training-2"]["origin"] == "", "it ran"


LAUNCHER = """\
I1125 05:11:00.100000      24 launcher_v2.go:198] publish success.
reading
error: target 'nosuch' is not a column; there are: island, species
E1125 05:11:07.100000      24 launcher_v2.go:449] Component failed to execute successfully: exit status 1
F1125 05:11:07.200000      24 main.go:57] failed to execute component: exit status 1
time="2026-11-25T05:11:07.300Z" level=info msg="sub-process exited" argo=true error="<nil>"
Error: exit status 1
"""


@pytest.mark.parametrize("place", ["the launcher's artifact", "Argo's archive"])
def test_a_failed_step_has_its_log_and_its_last_words(kfp: Kfp, project: Path, place: str) -> None:
    replay(kfp, "fail")
    words = "error: target 'nosuch' is not a column; there are: island, species"
    logs = next(key for key in kfp.objects if "preprocessing" in key and key.endswith("executor-logs-0"))
    if place == "Argo's archive":
        del kfp.objects[logs]
        kfp.archive["preprocessing(0).executor(0)"] = LAUNCHER
    else:
        kfp.objects[logs] = f"reading\n{words}\n".encode()
    assert f"preprocessing: {words}" in inv(project, "runs", "--on", "cluster")
    steps = {step["name"]: step for step in record(project, id_of("fail"))["steps"]}
    assert steps["preprocessing"]["status"] == "failed" and steps["preprocessing"]["reason"] == words
    assert steps["preprocessing"]["inputs"]["target"] == "nosuch" and steps["preprocessing"]["outputs"] == {}
    assert steps["training"]["status"] == steps["for-loop-1/training-2"]["status"] == "skipped"
    assert steps["training"]["reason"] == "what it comes after did not succeed"
    assert inv(project, "runs.logs", id_of("fail"), "preprocessing") == f"reading\n{words}\n"


def test_a_driver_that_failed_is_named_as_such(kfp: Kfp, project: Path) -> None:
    replay(kfp, "driver")
    said = inv(project, "runs", "--on", "cluster")
    assert "failed" in said and "the pipeline's driver failed, before the first step" in said


def test_a_drivers_words_are_the_reason(kfp: Kfp, project: Path) -> None:
    kfp.script, kfp.end = [[task("gathering", "SUCCEEDED")]], "FAILED"
    kfp.started_elsewhere({"run_id": "11112222-3333", "display_name": "x", "created_at": now(-60), "state": "FAILED"})
    kfp.archive["root-driver(0)"] = (
        "I1125 05:11:00.100000      24 main.go:98] starting\n"
        "F1125 05:11:07.200000      24 main.go:79] driver.RootDAG(pipelineName=x) failed: no MLMD\n"
    )
    failing = nodes_of([], "flow-11112")
    for node in failing.values():
        if node["displayName"].startswith("root-driver"):
            node["phase"] = "Failed"
    manifest = {"metadata": {"name": "flow-11112"}, "status": {"phase": "Failed", "nodes": failing}}
    kfp.workflows["11112222-3333"] = {"run": {}, "pipeline_runtime": {"workflow_manifest": manifest}}
    kfp.runs[0] |= {"finished_at": now(), "run_details": {"task_details": details_of(failing, "1")}}
    kfp.poll = lambda run: None  # type: ignore[method-assign]
    said = inv(project, "runs", "--on", "cluster")
    assert (
        "the pipeline's driver, before the first step, failed: driver.RootDAG(pipelineName=x) failed: no MLMD" in said
    )


def test_without_rights_to_artifacts_that_part_says_so(kfp: Kfp, project: Path) -> None:
    replay(kfp, "ok")
    kfp.faults |= {"/artifacts/get": 403, "main-logs:read": 403}
    assert re.search(rf"{id_of('ok')} +cluster +succeeded", inv(project, "runs", "--on", "cluster"))
    shown = inv(project, "runs.show", id_of("ok"))
    assert "not all logs and artifacts could be read: /artifacts/get answers 403" in shown
    assert "no log of it could be read" in inv(project, "runs.logs", id_of("ok"), "training")


def test_a_run_that_is_gone_from_the_server_is_marked_and_the_others_are_listed(kfp: Kfp, project: Path) -> None:
    replay(kfp, "ok")
    inv(project, "runs", "--on", "cluster")
    path = project / "runs" / id_of("ok") / "run.json"
    gone = json.loads(path.read_text(encoding="utf-8"))
    gone |= {"id": "kfp-gone", "status": "running"}
    gone["remote"]["run_id"] = "99999999-0000"
    (project / "runs" / "kfp-gone").mkdir()
    (project / "runs" / "kfp-gone" / "run.json").write_text(json.dumps(gone), encoding="utf-8")
    listed = inv(project, "runs", "--on", "cluster")
    assert re.search(r"kfp-gone +cluster +stopped .* it is gone from the server", listed)
    assert re.search(rf"{id_of('ok')} +cluster +succeeded", listed)


def test_a_run_that_was_adopted_while_it_ran_grows(kfp: Kfp, project: Path) -> None:
    recording = recorded("ok")
    kfp.started_elsewhere({**recording["v2beta1"], "state": "RUNNING"})
    moments = ["2026-11-25T05:02:10Z", "2026-11-25T05:04:00Z", "2026-11-25T06:00:00Z"]
    kfp.replay = [as_of(recording, moment) for moment in moments]
    seen = []
    for _ in range(3):
        inv(project, "runs", "--on", "cluster")
        seen.append({s["name"]: s["status"] for s in record(project, id_of("ok"))["steps"]})
    assert seen[0]["gathering"] == "running" and seen[0]["training"] == "waiting"
    assert seen[1]["gathering"] == "succeeded" and seen[1]["training"] == "running"
    assert seen[2]["prediction"] == "succeeded"


def test_a_run_with_a_pod_that_does_not_run_yet_stays_readable(kfp: Kfp, project: Path) -> None:
    recording = recorded("ok")
    kfp.started_elsewhere({**recording["v2beta1"], "state": "RUNNING"})
    kfp.replay = [as_of(recording, "2026-11-25T05:02:00Z")] * 2
    inv(project, "runs", "--on", "cluster")
    assert "pending" in {step["status"] for step in record(project, id_of("ok"))["steps"]}
    assert re.search(rf"{id_of('ok')} +cluster +running", inv(project, "runs"))
    assert "pending" in inv(project, "runs.show", id_of("ok"))


def test_a_run_is_watched_as_it_was(kfp: Kfp, project: Path) -> None:
    recording = recorded("ok")
    moments = [f"2026-11-25T05:0{minute}:{second:02}Z" for minute in range(1, 6) for second in range(0, 60, 10)]
    kfp.replay = [as_of(recording, moment) for moment in moments]
    keep_artifacts(kfp, recording)
    said = inv(project, "run", "--on", "cluster", "--yes", "-p", "source=sample://penguins")
    lines = [line.split() for line in said.splitlines() if re.match(r"  (training|prediction) ", line)]
    assert ["training", "pending"] in lines and ["training", "running"] in lines
    assert ["training", "succeeded", "40.0", "s"] in lines
    assert "prediction.accuracy 0.985" in said


def test_a_store_that_lost_what_the_cache_still_serves_is_said_before_a_run(kfp: Kfp, project: Path) -> None:
    replay(kfp, "ok")
    inv(project, "runs", "--on", "cluster")
    kfp.objects.clear()
    said = inv(project, "run", "--on", "cluster", "--yes", code=1)
    assert f"the cluster's store does not hold any more what run {id_of('ok')} left in it" in said
    assert "inv run --on cluster --no-cache), or start over (inv cluster.reset)" in said
    assert len(kfp.runs) == 1
    inv(project, "run", "--on", "cluster", "--yes", "--no-cache", "--detach")
    assert len(kfp.runs) == 2


NODES = {
    "x(0).root(0).training(0).executor(0)": "training",
    "x(0).root(0).training(0).executor(2)": "training",
    "x(1).root(0).training-driver(0)": "training",
    "x(0).root(0).condition-1(0).condition-branches-2(0).adding(0).executor(0)": "adding",
    "x(0).root(0).exit-handler-1(0).adding(0).executor(0)": "adding",
    "x(0).root(0).exit-handler-1.onExit(0).tell(0).executor(0)": "tell",
    "x(0).root(0).for-loop-1(0).iteration-iterations(1:1)(0).iteration-item(0).t(0).executor(0)": (
        "for-loop-1-iteration-1/t"
    ),
    "x(0).root(0).for-loop-1(0).iteration-iterations(1:1)(0).iteration-item(0).for-loop-2(0)"
    ".iteration-iterations(0:0)(0).iteration-item(0).condition-3(0).t(0).executor(0)": (
        "for-loop-1-iteration-1/for-loop-2-iteration-0/t"
    ),
    "x(0).root(0).inner(0).adding(0).executor(0)": "inner/adding",
}


def test_a_node_is_told_by_its_name(default_project: Path) -> None:
    """The names are those that argocompiler/dag.go makes, and Argo's `onExit` for the hook of an exit handler."""
    script = f"from tasks.kubeflow.workflow import step_of_node\nprint(*map(step_of_node, {list(NODES)!r}), sep='\\n')"
    said = subprocess.run([sys.executable, "-c", script], cwd=default_project, capture_output=True, text=True)
    assert said.stdout.splitlines() == list(NODES.values()), said.stderr
