"""invoke.yaml: what is wrong in it is said by its name."""

import pytest

from helpers.flow import SETTINGS, Project


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("project: [x", "invoke.yaml is not valid YAML"),
        (SETTINGS.replace("registry: localhost:5001", ""), "the setting 'registry' is missing"),
        (SETTINGS.replace("localhost:5001", "https://ghcr.io"), "registry 'https://ghcr.io' must be a host"),
        (SETTINGS.replace("project: flow", "project: My Flow"), "project 'My Flow' is not a valid name"),
        (SETTINGS.replace("{}", "{nosuch: 1}"), "invoke.yaml: the pipeline has no parameter 'nosuch'"),
        (SETTINGS.replace("{}", "[1]"), "parameters must be lines of 'name: value'"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(flow: Project, text: str, says: str) -> None:
    flow.write("invoke.yaml", text)
    assert says in flow.inv("run", code=1).stderr
