"""`steps` in invoke.yaml: what every step gets from one place, in the compiled pipeline and where it runs here."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.docker_flow import DockerProject
from helpers.engine import needs_engine
from helpers.flow import SETTINGS, Project
from helpers.inv import inv
from helpers.template import Bake

STEPS = """\
steps:
  all:
    cpu: 500m
    memory: 1Gi
    retries: 2
    timeout: 30m
    image_pull_secret: registry-login
    labels: {azure.workload.identity/use: "true"}
  training:
    memory: 8Gi
    gpu: 1
    env_from_secrets: {KEY: storage/secret-key}
    node_selector: {pool: training}
    tolerations: [{key: pool, operator: Equal, value: training, effect: NoSchedule}]
"""


def with_steps(project: Path, steps: str) -> None:
    path = project / "invoke.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("steps: {}\n", steps), encoding="utf-8")


@pytest.fixture(scope="module")
def compiled(bake: Bake) -> tuple[dict[str, Any], dict[str, Any]]:
    """The compiled pipeline and its part for Kubernetes."""
    project = bake()
    with_steps(project, STEPS)
    inv(project, "compile")
    spec, platform = yaml.safe_load_all((project / "build/pipeline.yaml").read_text(encoding="utf-8"))
    return spec, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def test_every_step_has_what_all_have_and_one_its_own(compiled: tuple[dict[str, Any], dict[str, Any]]) -> None:
    spec, kubernetes = compiled
    executors = spec["deploymentSpec"]["executors"]
    assert len(executors) == len(kubernetes) == 9  # training twice: a sweep may run it again
    for label, executor in executors.items():
        resources = executor["container"]["resources"]
        training = label.startswith("exec-training")
        assert resources["resourceCpuLimit"] == "500m"
        assert resources["resourceMemoryLimit"] == ("8Gi" if training else "1Gi")
        assert resources.get("accelerator", {}).get("resourceType") == ("nvidia.com/gpu" if training else None)
        pod = kubernetes[label]
        assert pod["activeDeadlineSeconds"] == "1800"
        assert pod["imagePullSecret"][0]["secretName"] == "registry-login"
        assert pod["podMetadata"]["labels"] == {"azure.workload.identity/use": "true"}
        if training:
            (secret,) = pod["secretAsEnv"]
            assert (secret["secretName"], secret["keyToEnv"]) == (
                "storage",
                [{"secretKey": "secret-key", "envVar": "KEY"}],
            )
            assert pod["nodeSelector"]["labels"] == {"pool": "training"}
            assert pod["tolerations"] == [
                {"key": "pool", "operator": "Equal", "value": "training", "effect": "NoSchedule"}
            ]
        else:
            assert not {"secretAsEnv", "nodeSelector", "tolerations"} & pod.keys()
    loop = next(part for name, part in spec["components"].items() if name.startswith("comp-for-loop"))
    tasks = spec["root"]["dag"]["tasks"] | loop["dag"]["tasks"]
    retried = {name: task["retryPolicy"]["maxRetryCount"] for name, task in tasks.items() if "retryPolicy" in task}
    assert set(retried) == set(tasks) - {"for-loop-1"} and set(retried.values()) == {2}


def test_without_settings_nothing_is_said_about_kubernetes(bake: Bake) -> None:
    project = bake()
    inv(project, "compile")
    assert len(list(yaml.safe_load_all((project / "build/pipeline.yaml").read_text(encoding="utf-8")))) == 1


WRONG = {
    "a component that is none": (
        "steps: {trainning: {cpu: 1}}\n",
        "there is no component 'trainning'; there are: all,",
    ),
    "a setting that is none": ("steps: {all: {ram: 1}}\n", "'all' has no setting 'ram'; there are: cpu, memory"),
    "no settings": ("steps: {all: 3}\n", "'all' takes lines of 'setting: value': cpu"),
    "a word for a number": ("steps: {all: {retries: many}}\n", "retries of 'all' takes a number of times, not 'many'"),
    "below nothing": ("steps: {all: {retries: -1}}\n", "retries of 'all' takes a number of times, not -1"),
    "no time": ("steps: {all: {timeout: soon}}\n", "timeout of 'all' takes a time, as in 90s, 30m or 2h, not 'soon'"),
    "no memory": ("steps: {all: {memory: lots}}\n", "memory of gathering cannot be 'lots': Invalid memory string"),
    "no key": ("steps: {all: {env_from_secrets: {KEY: storage}}}\n", "KEY takes secret/key"),
    "a toleration with a slip": (
        "steps: {all: {tolerations: [{kee: pool}]}}\n",
        "tolerations of 'all' has no setting 'kee'; there are: key, operator",
    ),
    "no lines": ("steps: 3\n", "steps must be lines of 'name: value'"),
}


@pytest.mark.parametrize("slip", WRONG)
def test_a_slip_is_said_with_what_is_right(bake: Bake, slip: str) -> None:
    steps, words = WRONG[slip]
    project = bake()
    with_steps(project, steps)
    said = inv(project, "compile", code=1)
    assert words in said and "invoke.yaml: steps" in said


def test_what_pipeline_py_sets_itself_goes_above(bake: Bake) -> None:
    project = bake()
    with_steps(project, STEPS)
    pipeline = project / "pipeline.py"
    text = pipeline.read_text(encoding="utf-8")
    changed = re.sub(r"(?<== )(gather\(.*\))", r"\1.set_cpu_limit('3')", text)
    assert changed != text
    pipeline.write_text(changed, encoding="utf-8")
    inv(project, "compile")
    spec = next(yaml.safe_load_all((project / "build/pipeline.yaml").read_text(encoding="utf-8")))
    executors = spec["deploymentSpec"]["executors"]
    assert executors["exec-gathering"]["container"]["resources"]["resourceCpuLimit"] == "3"
    assert executors["exec-validation"]["container"]["resources"]["resourceCpuLimit"] == "500m"


def test_a_step_is_tried_again_on_the_host(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("invoke.yaml", SETTINGS + "steps: {all: {retries: 1}}\n")
    tried = tmp_path / "tried"
    project.adding_does(f"path = Path({str(tried)!r})\npath.exists() or (path.touch(), exit('error: once'))")
    assert "adding          succeeded" in project.inv("run").stdout
    assert tried.exists()


@needs_engine
def test_docker_keeps_to_the_limits_and_gives_the_variables_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = DockerProject(tmp_path / "limits")
    settings = (project.root / "invoke.yaml").read_text(encoding="utf-8")
    try:
        project.write("invoke.yaml", settings + "steps: {adding: {env_from_secrets: {PASSWORD: database/password}}}\n")
        monkeypatch.setenv("PASSWORD", "word")
        project.adding_does("import os; assert os.environ['PASSWORD'] == 'word'")
        project.inv("run", "--on", "docker")
        project.write("invoke.yaml", settings + "steps: {all: {memory: 64Mi}}\n")
        project.adding_does("x = b'x' * 500_000_000")
        said = project.inv("run", "--on", "docker", code=1).stderr
        assert "took more memory than its limit, 67 MB; raise it under steps in invoke.yaml" in said
    finally:
        project.remove()
