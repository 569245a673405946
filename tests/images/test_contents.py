"""What is in the five images, with a real engine."""

import json
import re
import subprocess
import uuid
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from helpers.docker_flow import DockerProject
from helpers.engine import REGISTRY, docker, needs_engine
from helpers.images import STEPS, references
from helpers.inv import inv


@needs_engine
def test_the_images_share_their_layers_and_are_small(built: Path) -> None:
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
    assert largest <= 520e6, sizes
    assert sum(layers.values()) <= 670e6, sizes


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
    "unused": [str(path) for path in files if "flight" in path.name or path.match("pygments/lexers/c_cpp.*")],
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
    assert found["tests"] == [] and found["sources"] == [] and found["compilers"] == [] and found["unused"] == []
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
    target = ("--target", "sex", "--problem-type", "classification")
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
