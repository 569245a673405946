"""`inv` itself: help, settings files, and who reads what it says."""

import pytest

from helpers.flow import Project


@pytest.mark.parametrize("command", ["run", "step", "runs.report", "runs.compare", "runs.logs", "component.new"])
def test_help_comes_after_the_command_too(flow: Project, command: str) -> None:
    assert f"[--core-opts] {command} [--options]" in flow.inv(command, "--help").stdout


def test_a_settings_file_that_is_not_there_is_named(flow: Project) -> None:
    assert "inv -f: there is no file other.yaml" in flow.inv("-f", "other.yaml", "run", code=1).stderr
    flow.write("other.yaml", "parameters: {n: 8}\n")
    flow.inv("-f", "other.yaml", "run")
    assert flow.runs()[0]["parameters"] == {"n": 8}


def test_a_reader_that_leaves_early_is_no_error(flow: Project) -> None:
    process = flow.start("run")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == ""
    assert flow.runs()[0]["status"] == "succeeded"
