"""Parameters that the pipeline does not take."""

import re
from pathlib import Path

import pytest

from helpers.flow import Project
from helpers.inv import inv
from helpers.penguins import newest

WITHOUT = """\
from kfp import dsl


@dsl.container_component
def one():
    return dsl.ContainerSpec(image="alpine", command=["true"])


@dsl.pipeline
def pipeline():
    one()
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nosuch=1", "the pipeline has no parameter 'nosuch'. It takes: n (int)."),
        ("m=1", "no parameter 'm'"),
        ("n=abc", "parameter 'n' takes a value of type int, not 'abc'"),
        ("n=1.5", "parameter 'n' takes a value of type int, not '1.5'"),
        ("n", "-p takes name=value"),
    ],
)
def test_wrong_parameters_are_refused_with_the_right_ones(flow: Project, text: str, says: str) -> None:
    assert says in flow.inv("run", "-p", text, code=1).stderr
    assert flow.runs() == []


def test_a_pipeline_without_parameters_says_that_it_takes_none(flow: Project) -> None:
    flow.write("pipeline.py", WITHOUT)
    assert "has no parameter 'n'. It takes: none." in flow.inv("run", "-p", "n=1", code=1).stderr


def test_a_default_that_a_compiled_file_does_not_call_optional_is_taken(flow: Project) -> None:
    flow.inv("compile")
    compiled = (flow.root / "build" / "pipeline.yaml").read_text(encoding="utf-8")
    assert "defaultValue: 3.0" in compiled and "isOptional: true" in compiled
    flow.write("given.yaml", re.sub(r" *isOptional: true\n", "", compiled))
    flow.write(
        "pipeline.py",
        "from kfp.components import load_component_from_file\npipeline = load_component_from_file('given.yaml')\n",
    )
    flow.inv("run")
    assert flow.runs()[0]["parameters"] == {"n": 3}


@pytest.mark.parametrize(
    ("parameter", "says"), [("nosuch=1", "no parameter 'nosuch'"), ("test_size=abc", "type float")]
)
def test_a_wrong_parameter_is_refused_before_anything_runs(penguins: Path, parameter: str, says: str) -> None:
    before = newest(penguins)["id"]
    message = inv(penguins, "run", "-p", parameter, code=1).stderr
    assert says in message and "seed (int)" in message
    assert newest(penguins)["id"] == before
