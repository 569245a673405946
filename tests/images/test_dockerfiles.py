"""The Dockerfiles and locks, and what an image's tag depends on."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.images import STEPS
from helpers.template import PROJECT


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
        "python-calamine": "python_calamine",
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
