"""`inv run --on docker` with a real engine: what a container does to a run, and what a broken engine does."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.docker_flow import DockerProject, running
from helpers.engine import docker, needs_engine
from helpers.flow import outputs
from helpers.processes import wait_for

pytestmark = needs_engine


@pytest.fixture
def project(tmp_path: Path) -> Iterator[DockerProject]:
    made = DockerProject(tmp_path / "flöw with spaces")
    yield made
    made.remove()


def test_the_same_results_as_on_the_host_and_a_cache_of_its_own(project: DockerProject) -> None:
    project.inv("run")
    on_host = outputs(project.record())
    first = project.inv("run", "--on", "docker").stdout
    assert "adding            built" in first
    assert "cached" not in first, "what ran on the host says nothing of the image"
    assert project.record()["engine"] == "docker"
    assert outputs(project.record()) == on_host == {"adding": 4, "adding-2": 104}
    assert "nothing changed" in project.inv("run", "--on", "docker").stdout
    assert "adding\n" in project.inv("runs.logs", project.runs()[1]["id"], "adding").stdout
    project.inv("step", "adding")
    assert project.runs()[0]["engine"] == "docker", "a step runs again where its run did"
    project.inv("step", "adding", "--on", "host")
    assert project.runs()[0]["engine"] == "host"
    assert project.containers() == []


FAULTS = {
    "exits at once": ("raise SystemExit(1)", "adding: adding"),
    "says why": ("sys.exit('error: too much')", "adding: too much"),
    "no parameter": ("note.write_text('4'); sys.exit()", "adding: ended well, but did not write its output 'sum'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_step_that_goes_wrong_is_never_a_success(project: DockerProject, fault: str) -> None:
    code, reason = FAULTS[fault]
    project.adding_does(code)
    result = project.inv("run", "--on", "docker", code=1)
    assert reason in result.stderr
    states = [(step["name"], step["status"]) for step in project.runs()[0]["steps"]]
    assert states == [("adding", "failed"), ("adding-2", "skipped")]
    assert project.containers() == []


def test_a_container_killed_for_its_memory_says_so_with_the_limit(project: DockerProject) -> None:
    pipeline = (project.root / "pipeline.py").read_text()
    project.write("pipeline.py", pipeline.replace("first = add(a=n)", "first = add(a=n).set_memory_limit('64Mi')"))
    project.adding_does("x = b'x' * 500_000_000")
    result = project.inv("run", "--on", "docker", code=1)
    assert "was killed because it took more memory than its limit, 67 MB; raise it under steps" in result.stderr


def test_a_container_that_something_else_kills_fails_the_run(project: DockerProject) -> None:
    project.adding_does("import time; time.sleep(60)")
    process = project.start("run", "--on", "docker")
    wait_for(lambda: running(project))
    docker("kill", running(project))
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1, out + err
    assert "adding: was killed, most likely for its memory; it has no limit of its own, and the engine has" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_stopped_run_leaves_no_container(project: DockerProject, number: signal.Signals) -> None:
    project.adding_does("import time; time.sleep(60)")
    process = project.start("run", "--on", "docker")
    wait_for(lambda: running(project))
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, out + err
    assert "Traceback" not in out + err
    assert project.containers() == []
    assert project.runs()[0]["status"] == "stopped"


def test_a_killed_run_leaves_no_container(project: DockerProject) -> None:
    project.adding_does("import time; time.sleep(60)")
    process = project.start("run", "--on", "docker")
    wait_for(lambda: running(project))
    assert "containers of runs" not in project.inv("prune", "--yes").stdout, "a run that goes on is left alone"
    process.kill()
    process.communicate()
    wait_for(lambda: project.containers() == [])


def test_prune_removes_a_container_that_is_left_of_a_run(project: DockerProject) -> None:
    project.inv("run", "--on", "docker")
    (image, *_), folder = project.images(), project.root / "runs" / project.runs()[0]["id"]
    labels = (f"dev.kf-template.project={project.name}", f"dev.kf-template.run={folder}")
    reference = f"localhost:5001/{project.name}/adding:{image}"
    docker("create", *(part for label in labels for part in ("--label", label)), reference)
    assert "1 containers of runs that are over" in project.inv("prune", "--yes").stdout
    assert project.containers() == []


def test_an_image_that_is_gone_is_made_again(project: DockerProject) -> None:
    project.inv("build")
    docker("rmi", "--force", *[f"localhost:5001/{project.name}/adding:{tag}" for tag in project.images()])
    assert "built" in project.inv("run", "--on", "docker").stdout


def test_an_image_has_what_its_tag_says_though_sizes_and_times_are_equal(project: DockerProject) -> None:
    for word in ("first", "third"):
        project.adding_does(f"print('{word}')")
        os.utime(project.root / "components/adding/src/add.py", (0, 0))
        project.inv("run", "--on", "docker")
        assert f"{word}\n" in project.inv("runs.logs", "latest", "adding").stdout


def test_a_tag_with_other_content_is_not_taken_for_the_image(project: DockerProject) -> None:
    project.inv("build")
    (tag,) = project.images()
    docker("tag", "python:3.13-slim", f"localhost:5001/{project.name}/adding:{tag}")
    assert "built" in project.inv("build").stdout
    assert "up to date" in project.inv("build").stdout


def test_files_are_those_of_a_caller_who_is_not_root(project: DockerProject) -> None:
    if os.getuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root to become another user; without, the caller of every other test is not root")
    socket_group = Path("/var/run/docker.sock").stat().st_gid
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        root = shutil.copytree(project.root, Path(folder, "project"))
        for path in [root, *root.rglob("*")]:
            os.chown(path, 12345, 12345)
        as_user = ["setpriv", "--reuid=12345", "--regid=12345", f"--groups={socket_group}"]
        # Python itself may lie in a folder that only root may read, and the keeper is started from there.
        reads = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        command = [*as_user, *reads, sys.executable, "-m", "invoke", "run", "--on", "docker"]
        result = subprocess.run(
            command, cwd=root, capture_output=True, text=True, env={**os.environ, "HOME": str(root), "USER": "12345"}
        )
        assert result.returncode == 0, result.stdout + result.stderr
        written = list(root.glob("runs/*/steps/adding/*"))
        assert written
        assert {path.stat().st_uid for path in [*written, *root.glob("runs/*")]} == {12345}


def test_no_permission_on_the_socket_says_the_command_and_that_a_new_login_is_needed(project: DockerProject) -> None:
    if os.getuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root to become a user who may not use the engine")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        root = shutil.copytree(project.root, Path(folder, "project"))
        command = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", sys.executable, "-m", "invoke"]
        for task in (["build"], ["doctor", "--for", "docker"]):
            result = subprocess.run(
                [*command, *task],
                cwd=root,
                capture_output=True,
                text=True,
                env={**os.environ, "HOME": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            )
            said = result.stdout + result.stderr
            assert result.returncode == 1
            assert "sudo usermod -aG docker" in said
            assert "log out and in again" in said
            assert "Traceback" not in said


@pytest.mark.parametrize("task", [["build"], ["push"], ["run", "--on", "docker"], ["prune", "--yes"]])
def test_an_engine_that_does_not_answer_is_said_with_what_to_do(project: DockerProject, task: list[str]) -> None:
    process = project.start(*task, env={**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"})
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the Docker engine does not answer (DOCKER_HOST=unix:///nowhere/docker.sock). Start it:" in err
    assert "Traceback" not in out + err
    assert not (project.root / "runs").exists()


def test_without_docker_the_host_still_runs(project: DockerProject, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    environment = {**os.environ, "PATH": str(tmp_path / "bin"), "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    process = project.start("doctor", "--for", "docker", env=environment)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "docker is not installed. Install Docker Desktop" in out
    process = project.start("run", env=environment)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err


def test_doctor_is_content(project: DockerProject) -> None:
    assert "ready for: inv build, inv run --on docker" in project.inv("doctor", "--for", "docker").stdout


def test_what_a_step_sees_of_this_machine(project: DockerProject) -> None:
    """Its inputs, and no other file of the project."""
    project.write("secret.txt", "hidden")
    project.adding_does(f"print(sorted(p.name for p in Path({str(project.root)!r}).rglob('*') if p.is_file()))")
    project.inv("run", "--on", "docker")
    said = project.inv("runs.logs", "latest", "adding").stdout
    assert "secret.txt" not in said and "pipeline.py" not in said


def test_credentials_of_a_cloud_reach_images_of_this_project_alone(
    project: DockerProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = (
        "AWS_SESSION_TOKEN",
        "AZURE_STORAGE_KEY",
        "AZURE_CLIENT_SECRET",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "no_proxy",
    )
    for name in names:
        monkeypatch.setenv(name, "planted.invalid")
    project.write("planted.invalid", "a key of Google's")  # which its variable names
    project.adding_does(
        f"import os; print('sees', *(name for name in {names} if name in os.environ)); "
        "print(Path('planted.invalid').read_text())"
    )
    pipeline = (project.root / "pipeline.py").read_text(encoding="utf-8")
    foreign = """@dsl.container_component
def look():
    return dsl.ContainerSpec(image="python:3.13-slim", command=["env"])


@dsl.pipeline"""
    pipeline = pipeline.replace("@dsl.pipeline", foreign).replace("    first = add", "    look()\n    first = add")
    project.write("pipeline.py", pipeline)
    settings = (project.root / "invoke.yaml").read_text(encoding="utf-8")
    project.write("invoke.yaml", settings + "steps: {adding: {env_from_secrets: {AWS_SESSION_TOKEN: storage/token}}}\n")
    project.inv("run", "--on", "docker")
    logs = project.root / "runs" / project.runs()[0]["id"] / "logs"
    assert f"sees {' '.join(names)}\na key of Google's" in (logs / "adding.log").read_text(encoding="utf-8")
    seen = (logs / "look.log").read_text(encoding="utf-8")
    assert [line.split("=")[0] for line in seen.splitlines() if line.endswith("planted.invalid")] == ["no_proxy"]


def test_two_steps_of_a_loop_run_side_by_side(project: DockerProject) -> None:
    project.write(
        "pipeline.py",
        (project.root / "pipeline.py")
        .read_text()
        .replace(
            '    add(a=first.outputs["sum"], b=100)\n',
            '    with dsl.ParallelFor([10, 20]) as item:\n        add(a=item, b=first.outputs["sum"])\n',
        ),
    )
    started = time.monotonic()
    project.adding_does("import time; time.sleep(3 if a >= 10 else 0)")
    project.inv("run", "--on", "docker")
    assert time.monotonic() - started < 30
    assert sorted(outputs(project.record()).values()) == [4, 14, 24]
