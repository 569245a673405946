"""Projects made from earlier versions of the template, changed by their teams, and brought to the newest."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.git import commit, edit, git
from helpers.inv import inv
from helpers.template import CACHES, TEMPLATE

pytestmark = pytest.mark.usefixtures("identity")
PROJECT = "{{cookiecutter.project_slug}}"


VERSIONS = ["v0.0.1", "v0.0.2", "v0.0.3"]


PASSING = '"""What a team tests."""\n\n\ndef test_nothing() -> None:\n    assert True\n'


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with three earlier versions of it, and the tests of its projects made short."""
    folder = tmp_path_factory.mktemp("template")
    for name in ("cookiecutter.json", "kf_template_answers.py", "hooks", PROJECT):
        source = TEMPLATE / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns(*CACHES))
        else:
            shutil.copy(source, folder / name)
    inside = folder / PROJECT
    for path in (inside / "tests").glob("*.py"):
        path.write_text(PASSING, encoding="utf-8")
    newest = {
        name: (inside / name).read_text(encoding="utf-8")
        for name in ("tasks/upkeep/checks.py", "pipeline.py", "components/gathering/Dockerfile", "README.md")
    }
    git(folder, "init", "--quiet", "--initial-branch", "main")

    def version(number: str) -> None:
        edit(folder / "cookiecutter.json", '"_template_version": "', f'"_template_version": "{number}-')
        text = (folder / "cookiecutter.json").read_text(encoding="utf-8")
        answers = json.loads(text)
        answers["_template_version"] = number
        (folder / "cookiecutter.json").write_text(json.dumps(answers, indent=2), encoding="utf-8")
        (folder / "CHANGELOG.md").write_text(
            f"# Changelog\n\n## [{number}]\n\n### Upgrade notes\n\nNote of {number}.\n\n### Added\n\n- x\n", "utf-8"
        )

    version("0.0.1")
    (inside / "tasks/old.py").write_text('"""What is gone in a later version."""\n', encoding="utf-8")
    edit(inside / "tasks/upkeep/checks.py", '"""', '"""Older. ')
    edit(inside / "pipeline.py", "max_iter: int = 100", "max_iter: int = 50")
    edit(inside / "components/gathering/Dockerfile", "# Any user id", "# Some user id")
    commit(folder, "v0.0.1")
    version("0.0.2")
    (inside / "tasks/old.py").unlink()
    (inside / "tasks/upkeep/checks.py").write_text(newest["tasks/upkeep/checks.py"], encoding="utf-8")
    commit(folder, "v0.0.2")
    version("0.0.3")
    (inside / "pipeline.py").write_text(newest["pipeline.py"], encoding="utf-8")
    edit(inside / "README.md", "A machine-learning pipeline", "A learning pipeline")
    commit(folder, "v0.0.3")
    version("0.1.0")
    for name, text in newest.items():
        (inside / name).write_text(text, encoding="utf-8")
    commit(folder, "v0.1.0")
    return folder


def make(template: Path, folder: Path, version: str) -> Path:
    """A project that cruft made from a version, committed."""
    config = folder / "config.yaml"
    config.write_text(f"cookiecutters_dir: {folder / 'clones'}\nreplay_dir: {folder / 'replay'}\n", encoding="utf-8")
    command = [sys.executable, "-m", "cruft", "create", str(template), "--checkout", version, "--no-input"]
    environment = {**os.environ, "COOKIECUTTER_CONFIG": str(config)}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    project = folder / "my-kfp-project"
    git(project, "init", "--quiet", "--initial-branch", "main")
    commit(project)
    return project


@pytest.mark.parametrize("version", VERSIONS)
def test_edits_stay_and_the_templates_files_move(template: Path, tmp_path: Path, version: str) -> None:
    project = make(template, tmp_path, version)
    train = project / "components/training/src/train.py"
    edit(train, '"""Training:', '"""Our training:')
    edit(project / "invoke.yaml", "experiment: my-kfp-project", "experiment: ours")
    shutil.copytree(project / "components/preprocessing", project / "components/cleaning")
    edit(project / "components/cleaning/component.yaml", "image: preprocessing", "image: cleaning")
    (project / "components/cleaning/src/preprocess.py").rename(project / "components/cleaning/src/clean.py")
    edit(project / "components/cleaning/component.yaml", "preprocess]", "clean]")
    shutil.rmtree(project / "components/drift")
    pipeline = project / "pipeline.py"
    text = pipeline.read_text(encoding="utf-8")
    gone = [line for line in text.splitlines() if "compare" in line]
    pipeline.write_text("\n".join(line for line in text.splitlines() if line not in gone) + "\n", encoding="utf-8")
    edit(project / "pyproject.toml", '  "components/drift/src",\n', "")
    commit(project)

    said = inv(project, "template.update")
    assert git(project, "rev-parse", "--abbrev-ref", "HEAD") == "template-update"
    assert git(project, "status", "--porcelain") == ""
    assert "inv lint and inv test pass; next: git switch main && git merge template-update" in said
    assert "Note of 0.1.0." in said and f"Note of {version[1:]}." not in said
    assert '"""Our training:' in train.read_text(encoding="utf-8")
    assert "experiment: ours" in (project / "invoke.yaml").read_text(encoding="utf-8")
    assert "template_version: 0.1.0" in (project / "invoke.yaml").read_text(encoding="utf-8")
    assert not (project / "components/drift").exists()
    assert (project / "components/cleaning/src/clean.py").is_file()
    for name in ("tasks/upkeep/checks.py", "components/gathering/Dockerfile"):
        assert (project / name).read_bytes() == (template / PROJECT / name).read_bytes(), name
    assert not (project / "tasks/old.py").exists()
    assert "pipeline.py" in said, "changed here, so it is left alone, and that is said"
    assert '"skip"' not in (project / ".cruft.json").read_text(encoding="utf-8")
    git(project, "switch", "--quiet", "main")
    git(project, "merge", "--quiet", "template-update")
    assert "it is the newest" in inv(project, "template.status")
    assert "has the newest template already" in inv(project, "template.update", "--to", "v0.1.0")
    assert git(project, "branch", "--list", "template-update-*") == ""


def test_conflicts_are_conflicts(template: Path, tmp_path: Path) -> None:
    project = make(template, tmp_path, "v0.0.1")
    assert "there is a newer template: inv template.update" in inv(project, "template.status", code=1)
    edit(project / "tasks/upkeep/checks.py", "Older. ", "Mine. ")
    edit(project / "README.md", "A machine-learning pipeline", "Our pipeline")
    said = inv(project, "template.update", code=1)
    assert "there are uncommitted changes (" in said and "README.md" in said
    commit(project)
    said = inv(project, "template.update", code=1)
    assert "changed the same places, on the branch template-update:" in said
    assert "tasks/upkeep/checks.py: both changed it" in said
    assert "git switch main && git branch -D template-update" in said
    said = inv(project, "template.update", code=1)
    assert "there are uncommitted changes" in said
    git(project, "reset", "--quiet", "--hard")
    git(project, "switch", "--quiet", "main")
    assert "the branch template-update exists already" in inv(project, "template.update", code=1)


def test_a_newer_template_that_does_not_pass_is_said(template: Path, tmp_path: Path) -> None:
    project = make(template, tmp_path, "v0.0.3")
    (project / "tests/test_components.py").write_text(
        "def test_ours() -> None:\n    assert len([]) == 1\n", encoding="utf-8"
    )
    commit(project)
    said = inv(project, "template.update", code=1)
    assert "inv test does not pass with the newer template, on the branch template-update; to give it up:" in said
    assert git(project, "status", "--porcelain") == ""


def test_a_project_of_plain_cookiecutter_is_linked_to_the_version_it_is_from(template: Path, tmp_path: Path) -> None:
    project = make(template, tmp_path, "v0.0.2")
    before = json.loads((project / ".cruft.json").read_text(encoding="utf-8"))
    (project / ".cruft.json").unlink()
    edit(project / "components/training/src/train.py", '"""Training:', '"""Our training:')
    commit(project)
    for command in ("template.update", "template.status"):
        assert "is not linked to its template: inv template.link URL" in inv(project, command, code=1)
    assert "cannot be reached" in inv(project, "template.link", str(tmp_path / "nowhere"), code=1)
    secret = "https://me:planted@git.example.com/template"
    said = inv(project, "template.link", secret, code=1)
    assert "the address holds credentials" in said and "planted" not in said
    assert f"linked to {template} at v0.0.2, from which" in inv(project, "template.link", str(template))
    after = json.loads((project / ".cruft.json").read_text(encoding="utf-8"))
    assert after["commit"] == before["commit"]
    for name, value in before["context"]["cookiecutter"].items():
        if not name.startswith("_"):
            assert after["context"]["cookiecutter"][name] == value, name
    assert "is linked already" in inv(project, "template.link", str(template), code=1)
    commit(project)
    assert "inv lint and inv test pass" in inv(project, "template.update", "--to", "v0.1.0")


def test_what_keeps_an_update_from_starting(template: Path, tmp_path: Path) -> None:
    project = make(template, tmp_path, "v0.0.3")
    said = inv(project, "template.update", "--to", "v9", code=1)
    assert "the template has no version 'v9'; its newest: v0.1.0" in said
    assert git(project, "rev-parse", "--abbrev-ref", "HEAD") == "main"
    assert git(project, "branch", "--list") == "* main" and git(project, "status", "--porcelain") == ""
    state = project / ".cruft.json"
    state.write_text(state.read_text(encoding="utf-8").replace(str(template), str(tmp_path / "gone")), "utf-8")
    commit(project)
    said = inv(project, "template.update", code=1)
    assert f"the template {tmp_path / 'gone'} cannot be reached: fatal: " in said
    shutil.rmtree(project / ".git")
    assert "this project is not in git" in inv(project, "template.update", code=1)


def edited(project: Path) -> dict[str, str]:
    """Make one edit of each kind, and say which words have to be in which file whatever comes; empty: not there."""
    edit(project / "components/training/src/train.py", '"""Training:', '"""Our training:')
    edit(project / "pipeline.py", "max_iter: int", "max_iter: int ")
    edit(project / "invoke.yaml", "experiment: my-kfp-project", "experiment: ours")
    for name in ("tasks/upkeep/checks.py", "tasks/terminal.py"):
        with (project / name).open("a", encoding="utf-8") as file:
            file.write("\n# ours, at the end\n")
    (project / "tasks/ours.py").write_text('"""A file of ours."""\n', encoding="utf-8")
    (project / "components/prediction/src/predict.py").unlink()
    (project / "components/validation/src/validate.py").rename(project / "components/validation/src/check.py")
    crlf = project / "components/gathering/src/gather.py"
    crlf.write_bytes(crlf.read_bytes().replace(b"\n", b"\r\n"))
    return {
        "components/training/src/train.py": '"""Our training:',
        "pipeline.py": "max_iter: int ",
        "invoke.yaml": "experiment: ours",
        "tasks/upkeep/checks.py": "# ours, at the end",
        "tasks/terminal.py": "# ours, at the end",
        "tasks/ours.py": "A file of ours.",
        "components/prediction/src/predict.py": "",
        "components/validation/src/validate.py": "",
        "components/validation/src/check.py": "import",
        "components/gathering/src/gather.py": "import",
    }


def kept(project: Path, words: dict[str, str]) -> None:
    for name, word in words.items():
        path = project / name
        assert path.exists() == bool(word), name
        assert not word or word in path.read_text(encoding="utf-8"), name


@pytest.mark.parametrize("version", VERSIONS)
def test_with_a_conflict_nothing_is_lost_and_the_way_back_is_one_command(
    template: Path, tmp_path: Path, version: str
) -> None:
    project = make(template, tmp_path, version)
    words = edited(project)
    clash = "invoke.yaml"
    edit(project / clash, f"template_version: {version[1:]}", "template_version: 9.9.9")
    commit(project)
    before = git(project, "rev-parse", "HEAD")
    said = inv(project, "template.update", code=1)
    listed = re.findall(r"^  (\S+): ", said, re.MULTILINE)
    assert listed == [clash], said
    kept(project, words)
    assert b"\r\n" in (project / "components/gathering/src/gather.py").read_bytes()
    assert not (project / "tasks/old.py").exists()
    (back,) = re.findall(r"to give it up: (.+)", said)
    subprocess.run(back, shell=True, cwd=project, check=True, capture_output=True)
    assert git(project, "rev-parse", "HEAD") == before
    assert git(project, "rev-parse", "--abbrev-ref", "HEAD") == "main" and git(project, "status", "--porcelain") == ""
    assert git(project, "branch", "--list") == "* main"
    kept(project, words)


def test_what_is_odd_is_said_and_leaves_all_as_it_was(template: Path, tmp_path: Path) -> None:
    project = make(template, tmp_path, "v0.0.3")
    for to in ("--help", "--upload-pack=touch x", "a..b", ""):
        said = inv(project, "template.update", f"--to={to}", code=1) if to else ""
        assert not to or f"the template has no version '{to}'" in said
    (project / "tasks/old.py").write_text("ours, and ignored\n", encoding="utf-8")
    with (project / ".git/info/exclude").open("a", encoding="utf-8") as file:
        file.write("tasks/old.py\n")
    assert "tasks/old.py is in the way" in inv(project, "template.update", "--to", "v0.0.1", code=1)
    assert git(project, "branch", "--list") == "* main" and git(project, "status", "--porcelain") == ""
    (project / "tasks/old.py").unlink()
    git(project, "switch", "--quiet", "--detach")
    edit(project / "invoke.yaml", "template_version: 0.0.3", "template_version: 9.9.9")
    commit(project)
    head = git(project, "rev-parse", "HEAD")
    said = inv(project, "template.update", code=1)
    (back,) = re.findall(r"to give it up: (.+)", said)
    subprocess.run(back, shell=True, cwd=project, check=True, capture_output=True)
    assert git(project, "rev-parse", "HEAD") == head and git(project, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
    state = project / ".cruft.json"
    for text in ("{}", "", "[]", '{"template": 1, "commit": "x", "context": {}}'):
        state.write_text(text, encoding="utf-8")
        commit(project)
        for command in ("template.update", "template.status"):
            assert ".cruft.json does not say where the project comes from" in inv(project, command, code=1)
