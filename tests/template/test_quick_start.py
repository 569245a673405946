"""The quick start works when it is pasted: from a git address, and from a clone."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.git import commit, git
from helpers.template import CACHES, TEMPLATE

PARTS = ("cookiecutter.json", "hooks", "kf_template_answers.py", "{{cookiecutter.project_slug}}")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the template, beside the bare repository that it is of."""
    folder = tmp_path_factory.mktemp("quick")
    source = folder / "source"
    source.mkdir()
    for name in PARTS:
        path = TEMPLATE / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns(*CACHES))
        else:
            shutil.copyfile(path, source / name)
    git(source, "init", "--quiet")
    git(source, "config", "user.name", "t")
    git(source, "config", "user.email", "t@example.com")
    commit(source)
    git(folder, "clone", "--quiet", "--bare", str(source), "bare/kf-template.git")
    git(folder, "clone", "--quiet", (folder / "bare/kf-template.git").as_uri(), "kf-template")
    return folder / "kf-template"


@pytest.mark.parametrize("page", ["README.md", "docs/quick-start.md", "docs/fr/quick-start.md"])
@pytest.mark.parametrize("of", ["address", "address without git in it", "clone"])
def test_the_quick_start_of_a_page_can_be_pasted(
    page: str, of: str, clone: Path, cookiecutter_config: Path, tmp_path: Path
) -> None:
    text = (TEMPLATE / page).read_text(encoding="utf-8")
    pasted = (
        r"^(?:\$ |    )(uvx cookiecutter gh:org/kf-template).*\n(?:\$ |    )(cd \S+)\n(?:\$ |    )(uv run inv run)$"
    )
    found = re.search(pasted, text, re.MULTILINE)
    assert found, "three lines: make it, go there, run it"
    assert "`gh:org/kf-template`" in text, "and what the address stands for"
    bare = clone.parent / "bare/kf-template.git"
    where = {"address": bare.as_uri(), "clone": str(clone)}.get(of, f"git+{clone.as_uri()}")
    made = found[1].replace("gh:org/kf-template", where).split()[2:]
    environment = {**os.environ, "COOKIECUTTER_CONFIG": str(cookiecutter_config), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "cookiecutter", *made, "--no-input"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=120)
    project = tmp_path / found[2].removeprefix("cd ")
    listed = subprocess.run([sys.executable, "-m", "invoke"], cwd=project, capture_output=True, text=True, check=True)
    assert "today    run " in listed.stdout
