"""What runs when: conditions, loops, exit handlers, importers, retries, two runs at once."""

from helpers.flow import FLOW, PIPELINE, SETTINGS, Project, outputs


def test_conditions_loops_exit_handlers_and_importers_run(flow: Project) -> None:
    flow.write("pipeline.py", FLOW)
    flow.inv("run")
    record = flow.record()
    assert record["status"] == "succeeded"
    sums = outputs(record)
    assert sums["adding"] == 4
    assert sums["adding-2"] == 104, "the branch that holds"
    assert "adding-3" not in sums, "the branch that does not hold"
    loop = {name: value for name, value in sums.items() if "iteration" in name}
    assert sorted(loop.values()) == [14, 24, 34]
    notes = {step["outputs"]["note"]["uri"] for step in record["steps"] if "note" in step["outputs"]}
    assert len(notes) == 5, "each iteration keeps its own artifacts"
    size = next(step for step in record["steps"] if step["name"] == "size")
    assert size["outputs"]["bytes"] == len(SETTINGS)
    assert "the end" in flow.inv("runs.logs", "latest", "tell").stdout


def test_what_an_importer_does_not_find_is_a_sentence(flow: Project) -> None:
    flow.write("pipeline.py", FLOW)
    for file in ("nothing.csv", "~nobody-here/table.csv"):
        said = flow.inv("run", "-p", f"file={file}", code=1).stderr
        assert f"what it imports is not there: {flow.root / file}" in said


def test_exit_handler_runs_after_a_failure_which_is_still_a_failure(flow: Project) -> None:
    flow.write("pipeline.py", FLOW)
    flow.adding_does("raise SystemExit('error: no more sums')")
    flow.inv("run", code=1)
    record = flow.record()
    assert record["reason"] == "adding: no more sums"
    states = {step["name"]: step["status"] for step in record["steps"]}
    assert states["tell"] == "succeeded"
    assert '"state":"FAILED"' in flow.inv("runs.logs", "latest", "tell").stdout


def test_loop_with_a_failing_iteration_fails(flow: Project) -> None:
    flow.write("pipeline.py", FLOW)
    flow.adding_does("if a == 20: raise SystemExit('error: not twenty')")
    flow.inv("run", code=1)
    assert flow.record()["reason"].endswith("adding-4: not twenty")


def test_two_runs_at_once_do_not_meet(flow: Project) -> None:
    both = [flow.start("run", "-p", "n=1"), flow.start("run", "-p", "n=2")]
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert {run["parameters"]["n"] for run in flow.runs()} == {1, 2}


def test_retries_are_kfps(flow: Project) -> None:
    flow.write("pipeline.py", PIPELINE.replace("first = add(a=n)", "first = add(a=n)\n    first.set_retry(2)"))
    flow.adding_does(
        "import pathlib\nif not pathlib.Path('tried').exists():\n    pathlib.Path('tried').touch(); raise SystemExit(1)"
    )
    flow.inv("run")
    assert flow.runs()[0]["status"] == "succeeded"
