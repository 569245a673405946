"""`inv step`: one step again, with the inputs it had."""

from pathlib import Path

from helpers.flow import Project, outputs
from helpers.inv import inv
from helpers.penguins import newest


def test_a_step_runs_again_with_the_inputs_it_had(flow: Project) -> None:
    flow.inv("run", "-p", "n=7")
    first = flow.runs()[0]["id"]
    flow.inv("run")
    flow.inv("step", "adding-2", "--run", first)
    record = flow.record()
    assert [step["name"] for step in record["steps"]] == ["adding-2"]
    assert outputs(record) == {"adding-2": 108}
    flow.inv("step", "adding")
    assert flow.record()["steps"][0]["inputs"] == {"a": 3, "b": 1}, (
        "without --run: the newest run in which the step started"
    )
    message = flow.inv("step", "nosuch", code=1).stderr
    assert "no step 'nosuch' has started in any run; these have: adding, adding-2" in message


def test_a_step_runs_again_alone(penguins: Path) -> None:
    before = newest(penguins)["metrics"]
    inv(penguins, "step", "training")
    run = newest(penguins)
    assert [step["name"] for step in run["steps"]] == ["training"]
    assert run["metrics"]["cv_accuracy"] == before["cv_accuracy"]
