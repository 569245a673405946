"""A component.yaml that does not fit its program."""

import shutil

import pytest

from helpers.flow import ADDING, Project
from helpers.template import PROJECT

MISFITS = {
    "untyped input": ("type: Integer, description: One.", "description: One.", "input 'a' has no type"),
    "no description": (", description: One.", "", "input 'a' has no description"),
    "unknown placeholder": ("{inputValue: a}", "{inputvalue: a}", "unknown placeholder 'inputvalue'"),
    "undeclared": ("{inputValue: a}", "{inputValue: c}", "{inputValue: c} names nothing that is declared"),
    "missing option": ("--a, {inputValue: a}, ", "", "does not pass --a, which the program requires"),
    "extra option": ("--a, {inputValue: a}", "--a, {inputValue: a}, --c, {inputValue: a}", "passes --c"),
    "other default": ('default: "1"', 'default: "2"', "gives --b the default '2', and the program '1'"),
    "other image": ("image: adding", "image: alpine", "image must be 'adding'"),
    "not YAML": ("name: adding", "name: [adding", "is not valid YAML"),
    "no program": ("-m, add]", "-m, sub]", "its program 'sub' cannot be imported"),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_a_component_yaml_that_does_not_fit_is_named_by_lint(flow: Project, misfit: str) -> None:
    old, new, says = MISFITS[misfit]
    assert old in ADDING
    flow.write("components/adding/component.yaml", ADDING.replace(old, new))
    shutil.copy(PROJECT / ".gitignore", flow.root)
    result = flow.inv("lint", code=1)
    assert f"components/adding/component.yaml: {says}" in result.stdout
