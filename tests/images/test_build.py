"""Building, with a real engine and buildx, and every fault."""

import os
import shutil
import uuid
from pathlib import Path

import pytest

from helpers.docker_flow import DockerProject, running
from helpers.engine import docker, needs_engine
from helpers.images import STEPS, states
from helpers.inv import inv
from helpers.processes import wait_for
from stand_ins.relay import Relay


@needs_engine
def test_only_what_changed_is_built_and_going_back_builds_nothing(project: Path) -> None:
    assert states(inv(project, "build")) == dict.fromkeys(STEPS, "up to date")
    program = project / "components/training/src/train.py"
    kept = program.read_text(encoding="utf-8")
    program.write_text(kept + "# changed\n", encoding="utf-8")
    assert states(inv(project, "build")) == dict.fromkeys(STEPS, "up to date") | {"training": "built"}
    program.write_text(kept, encoding="utf-8")
    assert states(inv(project, "build", "training", "gathering")) == dict.fromkeys(
        ["gathering", "training"], "up to date"
    )
    assert not list((project / "build").glob(".images-*"))


def test_a_component_that_is_none_is_refused(default_project: Path) -> None:
    said = inv(default_project, "build", "trainning", code=1)
    assert "there is no component 'trainning'; there are: drift, evaluation" in said
    assert "name one platform, as in linux/amd64" in inv(default_project, "build", "--platform", "arm", code=1)


@needs_engine
def test_the_engines_own_platform_is_up_to_date_and_another_is_built(small: DockerProject) -> None:
    architecture = docker("version", "--format", "{{.Server.Arch}}")
    inv(small.root, "build")
    assert "up to date" in inv(small.root, "build", "--platform", f"linux/{architecture}")
    before = small.images()
    # No base image of that architecture can be had here: what is asked of the builder is what it answers.
    said = inv(small.root, "build", "--platform", "linux/s390x", code=1)
    assert "the base image of adding cannot be had" in said
    assert small.images() == before


@needs_engine
def test_two_builds_at_the_same_time(small: DockerProject) -> None:
    small.adding_does(f"print('{uuid.uuid4()}')")
    both = [small.start("build") for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    assert len(small.images()) == 1


BROKEN = {
    "a command that fails": (
        "USER 1000",
        "RUN echo some words && false\nUSER 1000",
        ["components/adding/Dockerfile, line 6", "RUN echo some words && false", "    some words", "exit code: 1"],
    ),
    "a word that is none": (
        "USER 1000",
        "USSR 1000",
        ["components/adding/Dockerfile, line 6", "unknown instruction: USSR"],
    ),
    "a file that the tag does not know": (
        "WORKDIR /app",
        "COPY pipeline.py /app/",
        ["components/adding/Dockerfile, line 5", '"/pipeline.py": not found'],
    ),
    "no base image": (
        "-slim",
        "-slender",
        ["the base image of adding cannot be had; check python_version in invoke.yaml", "python:3.13-slender"],
    ),
}


@needs_engine
@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_dockerfile_is_said_with_its_line_and_not_with_its_log(small: DockerProject, fault: str) -> None:
    old, new, words = BROKEN[fault]
    dockerfile = small.root / "components/adding/Dockerfile"
    kept = dockerfile.read_text(encoding="utf-8")
    dockerfile.write_text(kept.replace(old, new), encoding="utf-8")
    said = inv(small.root, "build", code=1)
    for word in words:
        assert word in said
    assert len(said.splitlines()) <= 10, said
    assert not list((small.root / "build").glob(".images-*"))
    dockerfile.write_text(kept, encoding="utf-8")
    assert "built" in inv(small.root, "build")


@needs_engine
def test_an_engine_that_stops_during_a_build(small: DockerProject, relay: Relay) -> None:
    dockerfile = small.root / "components/adding/Dockerfile"
    kept = dockerfile.read_text(encoding="utf-8")
    dockerfile.write_text(kept + f"RUN sleep 30 && echo {uuid.uuid4()}\n", encoding="utf-8")
    process = small.start("build", env={**os.environ, "DOCKER_HOST": f"unix://{relay.path}"})
    log = small.root / "build/images.log"
    wait_for(lambda: log.exists() and "sleep 30" in log.read_text(encoding="utf-8"))
    relay.cut()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out + err
    assert "the Docker engine stopped answering during the build; start it, and run the command again" in err
    assert "Traceback" not in out + err
    dockerfile.write_text(kept, encoding="utf-8")
    assert "built" in inv(small.root, "build")


@needs_engine
def test_an_engine_that_stops_during_a_run(small: DockerProject, relay: Relay) -> None:
    small.adding_does("import time; time.sleep(20)")
    process = small.start("run", "--on", "docker", env={**os.environ, "DOCKER_HOST": f"unix://{relay.path}"})
    wait_for(lambda: running(small))
    relay.cut()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out + err
    assert "adding: the Docker engine stopped answering" in err
    assert "Traceback" not in out + err
    assert small.runs()[0]["status"] == "failed"


@needs_engine
def test_ctrl_c_during_a_build_leaves_nothing_behind(small: DockerProject) -> None:
    dockerfile = small.root / "components/adding/Dockerfile"
    dockerfile.write_text(dockerfile.read_text(encoding="utf-8") + f"RUN sleep 30 && echo {uuid.uuid4()}\n", "utf-8")
    process = small.start("build", start_new_session=True)
    log = small.root / "build/images.log"
    wait_for(lambda: log.exists() and "sleep 30" in log.read_text(encoding="utf-8"))
    os.killpg(process.pid, 2)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, out + err
    assert "what is done stays done" in err and "Traceback" not in out + err
    assert not list((small.root / "build").glob(".images-*"))
    assert small.images() == []


@needs_engine
def test_without_buildx_one_after_another_with_the_same_result(project: Path, tmp_path: Path) -> None:
    fake = tmp_path / "bin" / "docker"
    fake.parent.mkdir()
    real = shutil.which("docker")
    fake.write_text(f'#!/bin/sh\n[ "$1" = buildx ] && exit 1\nexec {real} "$@"\n')
    fake.chmod(0o755)
    program = project / "components/gathering/src/gather.py"
    program.write_text(program.read_text(encoding="utf-8") + f"# {uuid.uuid4()}\n", encoding="utf-8")
    path = os.pathsep.join([str(fake.parent), os.environ["PATH"]])
    said = inv(project, "build", "gathering", PATH=path)
    assert "buildx is missing: one image after another" in said
    assert states(said) == {"gathering": "built"}
    said = inv(project, "run", "--on", "docker", PATH=path)
    assert "gathering       succeeded" in said
    assert "slow     buildx is missing" in inv(project, "doctor", "--for", "docker", PATH=path)
    program.write_text(program.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    refused = inv(project, "build", "gathering", code=1, PATH=path, PIP_INDEX_URL="https://me:word@index.example.com")
    assert "PIP_INDEX_URL cannot reach a build without buildx" in refused and "word" not in refused
