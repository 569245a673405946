"""`inv run --from STEP --until STEP`: a part of a pipeline, and what runs anew."""

from helpers.flow import FLOW, PIPELINE, Project

WIDE = PIPELINE.replace(
    '    add(a=first.outputs["sum"], b=100)\n',
    '    second = add(a=first.outputs["sum"], b=100)\n    add(a=second.outputs["sum"], b=1000)\n    add(a=n, b=7)\n',
)


def states(flow: Project) -> dict[str, str]:
    return {s["name"]: "cached" if s["cached"] else s["status"] for s in flow.record()["steps"]}


def test_until_a_step_runs_what_it_needs_and_no_more(flow: Project) -> None:
    flow.write("pipeline.py", WIDE)
    said = flow.inv("run", "--until", "adding-2").stdout
    assert states(flow) == {"adding": "succeeded", "adding-2": "succeeded"}
    assert "left out: adding-3, adding-4" in said
    flow.inv("run")
    assert states(flow) == {
        "adding": "cached", "adding-2": "cached", "adding-3": "succeeded", "adding-4": "succeeded"
    }  # fmt: skip


def test_from_a_step_runs_it_and_what_comes_after_it_anew(flow: Project) -> None:
    flow.write("pipeline.py", WIDE)
    flow.inv("run")
    flow.inv("run", "--from", "adding-2")
    assert states(flow) == {"adding": "cached", "adding-2": "succeeded", "adding-3": "succeeded", "adding-4": "cached"}
    flow.inv("run", "--from", "adding-2", "--until", "adding-2")
    assert states(flow) == {"adding": "cached", "adding-2": "succeeded"}


def test_in_groups_and_with_an_exit_handler(flow: Project) -> None:
    flow.write("pipeline.py", FLOW)
    flow.inv("run", "--until", "adding-4")  # in a loop, after the first step, all in an exit handler
    iterations = [f"for-loop-6-iteration-{number}/adding-4" for number in range(3)]
    assert states(flow) == dict.fromkeys(["adding", *iterations], "succeeded")
    flow.inv("run")
    flow.inv("run", "--from", "adding-4")
    found = states(flow)
    assert [found[each] for each in iterations] == ["succeeded"] * 3
    assert found["adding"] == found["size"] == "cached"
    assert found["tell"] == "succeeded", "the exit handler comes after all of it"


def test_what_is_meant_wrongly(flow: Project) -> None:
    err = flow.inv("run", "--until", "addin", code=1).stderr
    assert "the pipeline has no step 'addin'; its steps are adding, adding-2. Did you mean 'adding'?" in err
    assert "has no step 'x'" in flow.inv("run", "--from", "x", code=1).stderr
    assert "for runs on this machine" in flow.inv("run", "--on", "cluster", "--until", "adding", code=1).stderr
    err = flow.inv("run", "--from", "adding-2", "--until", "adding", code=1).stderr
    assert "adding-2 is not adding and does not come before it" in err
    assert not (flow.root / "runs").exists()


def test_a_pipeline_that_is_used_twice_stays_whole_where_its_end_is_needed(flow: Project) -> None:
    inner = """@dsl.pipeline
def _twice(n: int) -> int:
    one = add(a=n)
    two = add(a=one.outputs["sum"], b=10)
    return two.outputs["sum"]


@dsl.pipeline"""
    text = PIPELINE.replace("@dsl.pipeline", inner, 1)
    text = (
        text[: text.index("    first = ")]
        + "    half = _twice(n=n)\n    _twice(n=half.output)\n    add(a=half.output)\n"
    )
    flow.write("pipeline.py", text)
    flow.inv("run", "--until", "adding")
    assert set(states(flow).values()) == {"succeeded"}
