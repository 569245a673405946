"""Pushing, with a real registry, and one that refuses."""

import json
import re
from pathlib import Path

import pytest

from helpers.docker_flow import DockerProject
from helpers.engine import docker, needs_engine, needs_registry
from helpers.images import STEPS, manifest, references, states
from helpers.inv import inv
from stand_ins.registry import Faulty


@needs_engine
@needs_registry
def test_push_upload_once_and_run_from_the_registry_with_the_results_of_the_host(project: Path) -> None:
    sweep = ("-p", "learning_rates=[0.03,0.3]", "-p", "models=")  # the second run is not judged against the first
    inv(project, "run", *sweep)
    on_host = metrics(project)
    assert set(states(inv(project, "push")).values()) == {"pushed"}
    tags = references(project)
    before = {layer["digest"] for reference in tags.values() for layer in (manifest(reference) or {})["layers"]}
    assert set(states(inv(project, "push")).values()) == {"already there"}

    program = project / "components/training/src/train.py"
    program.write_text(program.read_text(encoding="utf-8") + "# one line\n", encoding="utf-8")
    assert states(inv(project, "push")) == dict.fromkeys(STEPS, "already there") | {"training": "pushed"}
    uploaded = (manifest(references(project)["training"]) or {})["layers"]
    assert 0 < sum(layer["size"] for layer in uploaded if layer["digest"] not in before) < 2**20

    for reference in references(project).values():
        docker("rmi", "--force", reference)
    said = inv(project, "run", "--on", "docker", *sweep)
    assert states(said) == dict.fromkeys([step for step in STEPS if step != "drift"], "pulled"), "what it runs"
    assert metrics(project) == on_host
    assert re.findall(r"^  iteration (\d) +(\S+)", said, re.MULTILINE) == [("0", "0.03"), ("1", "0.3")]


def metrics(project: Path) -> dict[str, str]:
    """Those of the latest run, with the digits that are shown."""
    (latest, *_) = json.loads(inv(project, "runs", "--json"))
    return {name: f"{value:.4g}" for name, value in latest["metrics"].items()}


REFUSALS = {
    "no login": "wants a login: docker login localhost:",
    "denied": "log in as someone who may push there (docker login localhost:",
    "full": "it may be out of space",
}


@needs_engine
@needs_registry
@pytest.mark.parametrize("fault", REFUSALS)
def test_a_registry_that_refuses_is_said_with_what_to_do(small: DockerProject, faulty: str, fault: str) -> None:
    Faulty.fault = fault
    said = inv(small.root, "push", code=1, INVOKE_REGISTRY=faulty)
    assert REFUSALS[fault] in said
    Faulty.fault = ""
    assert "pushed" in inv(small.root, "push", INVOKE_REGISTRY=faulty)
    assert "already there" in inv(small.root, "push", INVOKE_REGISTRY=faulty)


@needs_engine
@pytest.mark.parametrize(
    ("registry", "words"),
    [
        ("localhost:5999", "the registry localhost:5999 does not answer; is it running"),
        ("registry.invalid/team", "there is no registry at registry.invalid: correct 'registry' in invoke.yaml"),
        ("https://ghcr.io/team", "must be a host with an optional port and path, in lower case, without https://"),
    ],
)
def test_a_registry_that_is_not_there(small: DockerProject, registry: str, words: str) -> None:
    assert words in inv(small.root, "push", code=1, INVOKE_REGISTRY=registry)


@needs_engine
@needs_registry
def test_a_tag_of_another_platform_is_never_overwritten(small: DockerProject) -> None:
    inv(small.root, "push")
    said = inv(small.root, "push", "--platform", "linux/s390x", code=1)
    assert "and linux/s390x is wanted; a tag is never overwritten" in said


@needs_engine
@needs_registry
def test_a_builder_that_makes_no_attestations_says_which_one_does(small: DockerProject) -> None:
    if "containerd" in docker("info", "--format", "{{.DriverStatus}}"):
        pytest.skip("this engine's image store takes attestations")
    said = inv(small.root, "push", "--sbom", code=1)
    assert "this builder makes no attestations" in said
    assert "docker buildx create --use --driver docker-container" in said
    inv(small.root, "push")
    assert "already, without attestations; a tag is never overwritten" in inv(small.root, "push", "--sbom", code=1)
