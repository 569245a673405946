"""`inv step --debug`: pdb where a step fails, with its inputs."""

import os
import signal
import subprocess
import sys

import pytest

from helpers.flow import PIPELINE, Project

PDB = "q ends; w shows where it is"


def debugged(flow: Project, says: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    process = flow.start("step", *arguments, "--debug", stdin=subprocess.PIPE)
    out, err = process.communicate(says, timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("missing = {}['key']", "KeyError: 'key'"),
        ("from shared.step import StepError\nraise StepError('a mistake')", "StepError: a mistake"),
    ],
    ids=["a bug", "a mistake in the data"],
)
def test_it_stops_at_the_error_with_the_real_inputs(flow: Project, code: str, said: str) -> None:
    flow.inv("run", "-p", "n=41")
    flow.adding_does(code)
    ended = debugged(flow, "p 'a is', a, 'b is', b\nq\n", "adding-2")
    assert ended.returncode == 1
    assert said in ended.stdout and PDB in ended.stdout
    assert "('a is', 42, 'b is', 100)" in ended.stdout
    assert "failed" in ended.stdout and said in ended.stderr
    assert "Traceback (most recent call last)" not in ended.stdout + ended.stderr
    log = max(flow.root.glob("runs/*/logs/adding-2.log")).read_text(encoding="utf-8")
    assert "Traceback (most recent call last)" in log and "add.py" in log


def test_it_stops_at_a_breakpoint_and_says_where_nothing_failed(flow: Project) -> None:
    flow.inv("run")
    flow.adding_does("breakpoint()")
    ended = debugged(flow, "p 'a is', a\nc\n", "adding")
    assert ended.returncode == 0 and "('a is', 3)" in ended.stdout
    assert flow.record()["steps"][0]["outputs"]["sum"] == 4
    flow.adding_does("pass")
    ended = debugged(flow, "", "adding")
    assert ended.returncode == 0 and "did not fail" in ended.stdout and "(Pdb)" not in ended.stdout


def test_a_lightweight_component_and_a_foreign_program(flow: Project) -> None:
    flow.write(
        "pipeline.py",
        PIPELINE.replace(
            "@dsl.pipeline",
            "@dsl.component\ndef half(n: int) -> float:\n    return n / 0\n\n\n"
            "@dsl.container_component\ndef shell(n: int):\n"
            '    return dsl.ContainerSpec(image="alpine", command=["sh", "-c", "exit 3"], args=[n])\n\n\n@dsl.pipeline',
        ).replace("first = ", "half(n=n)\n    shell(n=n)\n    first = "),
    )
    flow.inv("run", code=1)
    ended = debugged(flow, "p n\nq\n", "half")
    assert ended.returncode == 1
    assert "ZeroDivisionError" in ended.stdout and "(Pdb) 3" in ended.stdout
    ended = debugged(flow, "", "shell")
    assert ended.returncode == 1
    assert "its program is 'sh', and --debug is for modules and files of Python" in ended.stderr


def test_a_container_is_not_debugged(flow: Project) -> None:
    ended = flow.inv("step", "adding", "--debug", "--on", "docker", code=1)
    assert "--debug is for steps on this machine" in ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_ctrl_c_is_for_the_debugger(flow: Project) -> None:
    flow.inv("run")
    flow.adding_does("raise ValueError('no')")
    process = flow.start("step", "adding", "--debug", stdin=subprocess.PIPE, start_new_session=True)
    _until_pdb(process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of its foreground
    out, err = process.communicate("q\n", timeout=30)
    assert "failed" in out and "stopped" not in out + err
    assert process.returncode == 1 and "ValueError: no" in err


def _until_pdb(process: "subprocess.Popen[str]") -> str:
    """What is said until pdb asks."""
    said = ""
    while "(Pdb)" not in said:
        letter = process.stdout.read(1)  # type: ignore[union-attr]
        assert letter, said
        said += letter
    return said
