"""Why a step failed, in words: a program that is not here, a value that is too long, a time that is over."""

import os

from helpers.flow import PIPELINE, Project

OWN = """\
from kfp import dsl, kubernetes
from kfp.components import load_component_from_text

own = load_component_from_text('''
name: own
inputs: [{name: text, type: String}]
implementation: {container: {image: alpine, COMMAND args: [{inputValue: text}]}}
''')


@dsl.pipeline
def pipeline(text: str = "x"):
    task = own(text=text)
"""


def reason(flow: Project, command: str, text: str = "x") -> str:
    flow.write("pipeline.py", OWN.replace("COMMAND", command).replace('"x"', repr(text)))
    return flow.inv("run", code=1).stderr


def test_a_program_that_is_not_on_this_machine(flow: Project) -> None:
    said = reason(flow, "command: [no-such-program],")
    assert "own: its program 'no-such-program' is not on this machine; its image has it: inv run --on docker" in said


def test_a_component_without_a_command(flow: Project) -> None:
    assert "own: its component names no command" in reason(flow, "")


def test_an_argument_that_no_program_takes(flow: Project) -> None:
    said = reason(flow, "command: [echo],", "x" * 200_000)
    assert "one of its arguments has 200,000 bytes, and no program takes more than 131,072 in one" in said


def test_a_step_that_takes_longer_than_its_timeout(flow: Project) -> None:
    text = OWN.replace("COMMAND", "command: [sleep],").replace('"x"', '"60"')
    flow.write("pipeline.py", text + "    kubernetes.set_timeout(task, 1)\n")
    assert "own: took longer than its timeout, 1 s, and was ended" in flow.inv("run", code=1).stderr


def test_metadata_that_kfp_cannot_read(flow: Project) -> None:
    program = (
        "import json, pathlib; "
        "pathlib.Path(note).parent.joinpath('executor_output.json').write_text("
        "json.dumps({'artifacts': {'note': {'artifacts': [{'metadata': {'loss': float('nan')}}]}}}))"
    )
    flow.adding_does(program)
    assert "NaN is no number in JSON; leave out values that are not finite" in flow.inv("run", code=1).stderr


def test_a_step_that_is_silent_is_spoken_of(flow: Project) -> None:
    flow.adding_does("import time\nif a == 3: time.sleep(5)")
    flow.write("pipeline.py", PIPELINE)
    process = flow.start("run", env={**os.environ, "KF_TEMPLATE_SILENCE_SECONDS": "1"})
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "adding: no output for 0 minutes; inv runs.logs" in out


def test_an_exit_handler_that_fails_is_told_and_fails_no_run(flow: Project) -> None:
    text = OWN.replace("COMMAND", "command: [sh, -c, 'exit 3'],").replace("    task = own(text=text)\n", "")
    text += "    with dsl.ExitHandler(own(text=text)):\n        fine()\n"
    fine = "@dsl.container_component\ndef fine():\n    return dsl.ContainerSpec(image='alpine', command=['true'])\n"
    flow.write("pipeline.py", text.replace("@dsl.pipeline", f"{fine}\n\n@dsl.pipeline"))
    flow.inv("run")
    run = flow.runs()[0]
    assert run["status"] == "succeeded"
    assert "own: ended with exit code 3 and no message (as on a cluster, that fails no run)" in run["reason"]
