"""The five images, with a real engine, buildx and registry: what is in them, building, pushing, and every fault."""

import contextlib
import http.client
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from conftest import TEMPLATE, Bake, docker, needs_engine
from test_docker import DockerProject, running
from test_engine import wait_for

PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
REGISTRY = "localhost:5001"
STEPS = ["gathering", "prediction", "preprocessing", "training", "validation"]
BASE = "python:3.13-slim"


def inv(project: Path, *arguments: str, code: int = 0, **variables: str) -> str:
    """Run `inv`, expect an exit code and never a traceback; what it says."""
    result = subprocess.run(
        [sys.executable, "-m", "invoke", *arguments],
        cwd=project,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
    )
    said = result.stdout + result.stderr
    assert result.returncode == code, said
    assert "Traceback" not in said
    return said


def states(said: str) -> dict[str, str]:
    """What `inv build` or `inv push` says of each component."""
    found = re.findall(r"^  ([a-z]+) +(up to date|built|already there|pushed|pulled)", said, re.MULTILINE)
    return dict(found)


def references(project: Path) -> dict[str, str]:
    inv(project, "compile")
    found = {}
    for name in STEPS:
        text = (project / "build" / f"{name}.yaml").read_text(encoding="utf-8")
        match = re.search(r"image: (\S+)", text)
        assert match
        found[name] = match[1]
    return found


def manifest(reference: str) -> dict[str, Any] | None:
    """What the registry has under a reference; None for nothing."""
    host, _, rest = reference.partition("/")
    repository, _, tag = rest.rpartition(":")
    kinds = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
    request = urllib.request.Request(f"http://{host}/v2/{repository}/manifests/{tag}", headers={"Accept": kinds})
    try:
        with urllib.request.urlopen(request) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        assert error.code == 404
        return None


def registry_answers() -> bool:
    try:
        with urllib.request.urlopen(f"http://{REGISTRY}/v2/", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


needs_registry = pytest.mark.skipif(not registry_answers(), reason=f"no registry answers at {REGISTRY}")


@pytest.fixture(scope="module")
def built(bake: Bake) -> Iterator[Path]:
    """A project whose five images are built."""
    project = bake(project_slug=f"images-{uuid.uuid4().hex[:8]}")
    inv(project, "build")
    yield project
    inv(project, "prune", "--all", "--yes")


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    """A copy of it, to change; the images are the same as long as their content is."""
    return Path(shutil.copytree(built, tmp_path / "a project"))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[DockerProject]:
    """A project of one component whose image is made in a second."""
    made = DockerProject(tmp_path / "flöw with spaces")
    yield made
    made.remove()


# Dockerfiles


@pytest.mark.parametrize("name", STEPS)
def test_hadolint_finds_nothing(name: str) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    dockerfile = PROJECT / "components" / name / "Dockerfile"
    result = subprocess.run([hadolint, dockerfile], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_dockerfiles_differ_in_the_components_name_and_in_scikit_learn_alone() -> None:
    texts = {
        name: (PROJECT / f"components/{name}/Dockerfile").read_text("utf-8").replace(name, "NAME") for name in STEPS
    }
    learning = re.compile(r"COPY components/shared/learning.txt /build/\n(.+\n){3}")
    assert len({learning.sub("", text) for text in texts.values()}) == 1
    with_it = {name for name, text in texts.items() if learning.search(text)}
    assert with_it == {
        path.parent.name
        for path in PROJECT.glob("components/*/requirements.in")
        if "learning.in" in path.read_text("utf-8")
    }


def test_what_the_steps_install_is_what_they_or_the_shared_code_import() -> None:
    modules = {
        "scikit-learn": "sklearn",
        "pyyaml": "pandera.io",
        "aiohttp": "fsspec",
    }  # yaml and http are read by those
    shared = "".join(path.read_text("utf-8") for path in PROJECT.glob("components/shared/*.py"))
    learning = (PROJECT / "components/shared/learning.in").read_text("utf-8")
    common = (PROJECT / "components/shared/requirements.in").read_text("utf-8")
    checked = 0
    for path in [*PROJECT.glob("components/*/requirements.in")]:
        own = path.read_text("utf-8")
        code = shared + "".join(source.read_text("utf-8") for source in path.parent.glob("src/*.py"))
        named = own + (learning if "learning.in" in own else "") + common
        for package in re.findall(r"^([a-z][a-z0-9-]*)", named, re.MULTILINE):
            module = modules.get(package, package)
            assert re.search(rf"^\s*(from|import) {module}\b", code, re.MULTILINE), f"{path}: {package}"
            checked += 1
    assert checked > 20


def test_every_file_that_goes_into_an_image_changes_its_tag_and_no_other_does(default_project: Path) -> None:
    script = """
import json, sys
sys.path.insert(0, ".")
from pathlib import Path
from tasks.project.components import image_reference
from tasks.project.settings import Settings
config = Settings("p", "r", "3.13", "e", "0", {})
before = image_reference("training", config)
changed, unchanged = [], []
for path in sorted(Path().rglob("*")):
    if path.is_file() and "__pycache__" not in path.parts:
        kept = path.read_bytes()
        path.write_bytes(kept + b"#")
        (changed if image_reference("training", config) != before else unchanged).append(path.as_posix())
        path.write_bytes(kept)
assert image_reference("training", config) == before
print(json.dumps([changed, unchanged]))
"""
    result = subprocess.run([sys.executable, "-c", script], cwd=default_project, capture_output=True, text=True)
    changed, unchanged = json.loads(result.stdout)
    inside = {path for path in changed if not path.startswith(("components/shared/", "components/training/"))}
    assert inside == {"tasks/images/install.py", ".dockerignore"}
    assert "components/training/Dockerfile" in changed
    assert "components/training/requirements.txt" in changed
    outside = {path for path in unchanged if path.startswith(("components/shared/", "components/training/"))}
    names = {"shared": {"requirements.in", "learning.in"}, "training": {"component.yaml", "requirements.in"}}
    assert outside == {f"components/{folder}/{name}" for folder, found in names.items() for name in found}


# What is in the images


@needs_engine
def test_the_images_share_their_layers_and_are_small(built: Path) -> None:
    base = int(docker("image", "inspect", BASE, "--format", "{{.Size}}"))
    sizes = {}
    layers: dict[str, int] = {}
    for name, reference in references(built).items():
        found = json.loads(docker("image", "inspect", reference))[0]
        sizes[name] = found["Size"]
        history = docker("history", "--no-trunc", "--human=false", "--format", "{{.Size}}", reference).split()
        amounts = [int(size) for size in reversed(history) if int(size) > 0]
        digests = [digest for digest in found["RootFS"]["Layers"]]
        assert len(digests) >= len(amounts)
        # WORKDIR has a layer of no bytes, the last one.
        layers.update(dict(zip(digests, amounts, strict=False)))
    largest = max(sizes.values())
    assert largest - base <= 450e6
    assert sum(layers.values()) <= 1.25 * largest


@needs_engine
@pytest.mark.parametrize("name", STEPS)
def test_an_image_has_the_packages_of_its_lock_and_nothing_that_it_does_not_need(built: Path, name: str) -> None:
    script = """
import importlib.metadata, json, os, pathlib, shutil
site = pathlib.Path("/opt/venv/lib").glob("python3*/site-packages").__next__()
files = [path for path in pathlib.Path("/opt/venv").rglob("*") if path.is_file() and not path.is_symlink()]
installed = importlib.metadata.distributions(path=[site])
print(json.dumps({
    "packages": sorted(each.metadata["Name"].lower().replace("_", "-") for each in installed),
    "tests": [str(path) for path in files if {"test", "tests"} & set(path.parts)],
    "sources": [str(path) for path in files if path.suffix in (".c", ".h", ".pyx")],
    "uncompiled": sum(not list(path.parent.glob(f"__pycache__/{path.stem}.*.pyc")) for path in files
                      if path.suffix == ".py"),
    "compilers": [tool for tool in ("gcc", "cc", "g++", "make", "ld") if shutil.which(tool)],
    "pip cache": os.path.exists("/root/.cache") and os.listdir("/root/.cache"),
    "app": sorted(str(path.relative_to("/app")) for path in pathlib.Path("/app").rglob("*") if path.is_file()),
    "user": os.getuid(),
    "home": os.access(os.environ["HOME"], os.W_OK),
}))
"""
    found = json.loads(docker("run", "--rm", references(built)[name], "python", "-c", script))
    lock = (built / "components" / name / "requirements.txt").read_text(encoding="utf-8")
    pins = [Requirement(line) for line in re.findall(r"^(\S+==[^\\\n]+?) \\$", lock, re.MULTILINE)]
    there = {"python_version": "3.13", "python_full_version": "3.13.0", "sys_platform": "linux"}
    wanted = {pin.name for pin in pins if not pin.marker or pin.marker.evaluate(there)}
    assert set(found["packages"]) == wanted
    assert found["tests"] == [] and found["sources"] == [] and found["compilers"] == []
    assert not found["pip cache"]
    assert found["uncompiled"] < 20, "files that are no Python 3"
    assert found["user"] == 1000 and found["home"]
    folders = {Path(path).parts[1] for path in found["app"]}
    assert folders == {"shared", name}
    assert not any(path.endswith(("component.yaml", "Dockerfile", ".in", ".pyc")) for path in found["app"])


@needs_engine
def test_any_builder_makes_the_same_image_from_the_projects_root(project: Path) -> None:
    image = f"plain-{uuid.uuid4().hex[:8]}"
    command = ["docker", "build", "--quiet", "--tag", image, "-f", "components/gathering/Dockerfile", "."]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    try:
        listing = ("find", "/app", "/opt/venv", "-type", "f", "-printf", "%P %s\\n")
        ours, plain = (docker("run", "--rm", each, *listing) for each in (references(project)["gathering"], image))
        assert sorted(ours.split("\n")) == sorted(plain.split("\n"))
    finally:
        docker("rmi", image)


@needs_engine
def test_labels_say_where_an_image_comes_from_without_credentials(project: Path) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["commit", "-qm", "all"],
        ["remote", "add", "origin", "https://me:planted-token@git.example.com/team/project.git"],
    ):
        subprocess.run([*git, *command], cwd=project, check=True)
    (project / "components/gathering/src/gather.py").open("a").write("# changed\n")
    subprocess.run([*git, "commit", "-qam", "changed"], cwd=project, check=True)
    inv(project, "build", "gathering")
    labels = json.loads(
        docker("image", "inspect", references(project)["gathering"], "--format", "{{json .Config.Labels}}")
    )
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True).stdout.strip()
    assert labels["org.opencontainers.image.revision"] == commit
    assert labels["org.opencontainers.image.version"] == "0.1.0"
    assert labels["org.opencontainers.image.source"] == "https://git.example.com/team/project.git"


@needs_engine
def test_the_steps_run_as_any_user_on_a_read_only_root_without_rights(built: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents:  # the container's user is no one here
        if parent.owner() == Path.home().owner() and parent not in (Path("/"), Path("/tmp")):
            parent.chmod(0o755)
    images = references(built)

    def step(name: str, module: str, *arguments: str) -> None:
        metadata = json.dumps({"outputs": {"outputFile": f"{tmp_path}/{module}.json"}})
        docker(
            *("run", "--rm", "--read-only", "--tmpfs", "/tmp", "--user", "4242:4242", "--cap-drop", "ALL"),
            *("--security-opt", "no-new-privileges", "--network", "none", "--volume", f"{tmp_path}:{tmp_path}"),
            *(images[name], "python", "-m", module, *arguments, "--executor-input", metadata),
        )

    at = {name: f"{tmp_path}/{name}" for name in ("table", "valid", "train", "test", "model", "said")}
    target = ("--target", "species", "--problem-type", "classification")
    step("gathering", "gather", "--source", "sample://penguins", "--table", at["table"])
    step("validation", "validate", "--table", at["table"], "--validated", at["valid"], "--report", f"{tmp_path}/r.html")
    step("preprocessing", "preprocess", "--table", at["valid"], *target, "--train", at["train"], "--test", at["test"])
    step("training", "train", "--train", at["train"], *target, "--model", at["model"], "--metrics", f"{tmp_path}/m")
    step(
        "prediction",
        *("predict", "--model", at["model"], "--table", at["test"], *target, "--predictions", at["said"]),
        *("--metrics", f"{tmp_path}/n", "--evaluation", f"{tmp_path}/e", "--report", f"{tmp_path}/p.html"),
    )
    assert Path(at["said"]).stat().st_uid == 4242
    assert "<svg" in Path(tmp_path, "p.html").read_text(encoding="utf-8")


@needs_engine
def test_an_index_and_proxies_reach_the_build_and_stay_out_of_the_image(small: DockerProject) -> None:
    text = (small.root / "components/adding/Dockerfile").read_text(encoding="utf-8")
    # Words that are not in the command itself: it is in the history, as it may be.
    seen = (
        "RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.pem "
        "grep -q planted.secret /run/secrets/pip.conf && grep -q planted.authority /run/secrets/ca.pem "
        '&& [ "${NO_PROXY#planted}" != "$NO_PROXY" ]\nUSER 1000'
    )
    small.write("components/adding/Dockerfile", text.replace("USER 1000", seen))
    authority = small.root.parent / "ca.pem"
    authority.write_text("planted-authority", encoding="utf-8")
    index = "https://me:planted-secret@index.example.com/simple"
    planted = {"PIP_INDEX_URL": index, "PIP_CERT": str(authority), "NO_PROXY": "planted-proxy"}
    inv(small.root, "build", code=0, **planted)
    reference = f"{REGISTRY}/{small.name}/adding:{small.images()[0]}"
    assert "planted-" not in docker("history", "--no-trunc", reference)
    assert "planted-" not in docker("image", "inspect", reference)
    archive = subprocess.run(["docker", "save", reference], check=True, capture_output=True).stdout
    assert b"planted-" not in archive
    assert not [path for path in small.root.rglob("*") if path.is_file() and b"planted-" in path.read_bytes()]


# Building


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
    assert "there is no component 'trainning'; there are: gathering, prediction" in said
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


class Relay:
    """A socket that hands everything on to the engine's, until it is cut."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen(64)
        self.open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.server.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect("/var/run/docker.sock")
            except OSError:
                return
            self.open += [client, engine]
            for source, target in ((client, engine), (engine, client)):
                threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self) -> None:
        self.path.unlink(missing_ok=True)
        for each in (self.server, *self.open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.fixture
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    made = Relay(tmp_path_factory.mktemp("s") / "d.sock")
    yield made
    made.cut()


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


# Pushing


@needs_engine
@needs_registry
def test_push_upload_once_and_run_from_the_registry_with_the_results_of_the_host(project: Path) -> None:
    sweep = ("-p", "learning_rates=[0.03,0.3]")
    on_host = inv(project, "run", *sweep)
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
    assert states(said) == dict.fromkeys(STEPS, "pulled")
    metrics = re.compile(r"^  (\S+ [\d.]+|training-2 .*|iteration .*)$", re.MULTILINE)
    assert metrics.findall(said) == metrics.findall(on_host)
    given = [line.split()[:3] for line in metrics.findall(said) if line.startswith("iteration")]
    assert given == [["iteration", "0", "0.03"], ["iteration", "1", "0.3"]]


class Faulty(http.server.BaseHTTPRequestHandler):
    """The real registry, but for one fault."""

    fault = ""
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        parts = [self.rfile.read(int(self.headers.get("Content-Length") or 0))]
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        body = b"".join(parts)
        upload = self.command in ("PATCH", "PUT", "POST")
        if self.fault == "no login":
            return self._say(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": 'Basic realm="r"'})
        if self.fault == "denied" and upload:
            return self._say(403, "DENIED", "requested access to the resource is denied")
        if self.fault == "full" and self.command == "PATCH":
            return self._say(500, "UNKNOWN", "write: no space left on device")
        connection = http.client.HTTPConnection(REGISTRY)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():  # Accept is there several times
            if name not in ("Transfer-Encoding", "Content-Length"):
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name != "Content-Length":
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(data)
        return None

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _answer

    def _say(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        data = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def faulty() -> Iterator[str]:
    """The address of a registry with a fault, which `Faulty.fault` names."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Faulty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"localhost:{server.server_address[1]}"
    server.shutdown()
    Faulty.fault = ""


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


# Disk


@needs_engine
def test_prune_frees_what_is_not_todays_and_nothing_of_others(small: DockerProject) -> None:
    stranger = f"stranger-{uuid.uuid4().hex[:8]}"
    docker("tag", BASE, f"{stranger}:1")
    docker("create", "--name", stranger, BASE)
    try:
        for number in range(3):
            small.adding_does(f"pass  # {number}")
            inv(small.root, "build")
            inv(small.root, "run")
        shown = inv(small.root, "disk")
        assert re.search(r"^  images +1 +\d", shown, re.MULTILINE)
        assert re.search(r"^  old images +2 +\d", shown, re.MULTILINE)
        assert re.search(r"^  runs +3 ", shown, re.MULTILINE)
        assert "free, of" in shown
        asked = inv(small.root, "prune", "--runs", "1", code=1)
        assert "2 images of content that is not today's" in asked and "say it with --yes" in asked
        assert len(small.images()) == 3, "nothing is freed unasked"
        inv(small.root, "prune", "--runs", "1", "--yes")
        assert len(small.images()) == 1
        assert len(small.runs()) == 1
        assert "up to date" in inv(small.root, "build")
        inv(small.root, "prune", "--all", "--yes")
        assert small.images() == []
        assert docker("images", "--quiet", f"{stranger}:1")
        assert docker("ps", "--all", "--quiet", "--filter", f"name={stranger}")
        again = inv(small.root, "prune", "--yes")
        assert not re.search(r"images|containers|runs", again), "the build cache is shared with other projects' builds"
    finally:
        docker("rm", "--force", stranger)
        docker("rmi", f"{stranger}:1")


def test_prune_keeps_the_runs_whose_artifacts_a_kept_one_uses(small: DockerProject) -> None:
    if engine := needs_engine.args[0]:
        pytest.skip(str(engine))
    for _ in range(3):
        small.inv("run")
    oldest, middle, newest = sorted(run["id"] for run in small.runs())
    inv(small.root, "prune", "--runs", "1", "--yes")
    assert {run["id"] for run in small.runs()} == {oldest, newest}, f"{oldest} made what {newest} was served"
    assert not (small.root / "runs" / middle).exists()
    assert "takes the number of runs to keep" in inv(small.root, "prune", "--runs", "some", code=1)
