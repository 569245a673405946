"""What did not change is not run again, and what failed is."""

from helpers.flow import Project, outputs


def test_second_run_is_served_from_the_cache_until_a_source_changes(flow: Project) -> None:
    first = flow.inv("run").stdout
    assert "cached" not in first
    second = flow.inv("run").stdout
    assert "nothing changed: every step was served from the cache" in second
    assert [step["cached"] for step in flow.runs()[0]["steps"]] == [True, True]
    assert outputs(flow.record()) == {"adding": 4, "adding-2": 104}
    flow.inv("run", "--no-cache")
    assert [step["cached"] for step in flow.runs()[0]["steps"]] == [False, False]
    flow.adding_does("print('changed')")
    flow.inv("run")
    assert [step["cached"] for step in flow.runs()[0]["steps"]] == [False, False]
    flow.inv("run", "-p", "n=4")
    assert [step["cached"] for step in flow.runs()[0]["steps"]] == [False, False]


def test_a_failed_step_is_not_cached(flow: Project) -> None:
    flow.adding_does("import pathlib\nif not pathlib.Path('fixed').exists(): raise SystemExit('error: broken')")
    flow.inv("run", code=1)
    (flow.root / "fixed").touch()
    flow.inv("run")
    assert [step["cached"] for step in flow.runs()[0]["steps"]] == [False, False]
