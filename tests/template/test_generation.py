"""What each choice makes."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import yaml

from helpers.questions import CI, ODD, QUESTIONS, Finished, files
from helpers.template import CACHES, PROJECT, TEMPLATE, Bake

RENDERED = {"README.md", "invoke.yaml", "pyproject.toml"}


TEMPLATE_CHECK = ".github/workflows/template.yml"


@pytest.mark.parametrize(("ci", "cloud"), list(product(QUESTIONS["ci"], QUESTIONS["cloud"])))
def test_a_project_has_what_was_chosen_and_nothing_else(bake: Bake, ci: str, cloud: str) -> None:
    made = files(bake(ci=ci, cloud=cloud))

    unchosen = {path for provider, path in CI.items() if provider != ci} | (
        {TEMPLATE_CHECK} if ci != "github" else set()
    )
    expected = set(files(PROJECT)) - unchosen
    if cloud == "none":
        azure = ("deploy/aks/", "tasks/clusters/aks/", "tasks/commands/aks.py")
        expected = {name for name in expected if not name.startswith(azure)}
    assert set(made) == expected
    assert ("azure-pipelines.yml" in made) == (ci == "azure-devops")


@pytest.mark.parametrize("provider", CI)
def test_every_ci_runs_the_same_commands(provider: str) -> None:
    text = (PROJECT / CI[provider]).read_text(encoding="utf-8")
    yaml.safe_load(text)

    if provider == "github":
        text += (PROJECT / TEMPLATE_CHECK).read_text(encoding="utf-8")
    commands = re.findall(r"uv run inv ([\w.]+)", text)
    checks = ["lint", "audit", "test", "run", "build", "push", "deploy", "run", "schedule"]
    outside = re.findall(r"uv run inv (?:push|deploy|run --on|schedule)\b[^;\n]*", text)
    assert len(outside) == 4 and all("--yes" in line for line in outside), "there is nobody to ask"
    assert "KF_ENVIRONMENT" in text
    assert commands == [*checks, "template.status", "template.update"]
    assert set(re.findall(r"pip install \S+", text)) == {"pip install uv==0.13.9"}


@pytest.mark.parametrize("provider", CI)
def test_every_ci_is_what_its_provider_takes(provider: str) -> None:
    schema = {"github": "github-workflows", "gitlab": "gitlab-ci", "azure-devops": "azure-pipelines"}[provider]
    more = [PROJECT / TEMPLATE_CHECK] if provider == "github" else []
    checker = [str(Path(sys.executable).with_name("check-jsonschema")), "--regex-variant", "python"]
    result = subprocess.run(
        [*checker, "--builtin-schema", f"vendor.{schema}", PROJECT / CI[provider], *more],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.skipif(not shutil.which("go"), reason="go, which builds actionlint, is not installed")
def test_actionlint_finds_nothing() -> None:
    actionlint = ["go", "run", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"]
    workflows = [*PROJECT.glob(".github/workflows/*.yml"), *TEMPLATE.glob(".github/workflows/*.yml")]
    assert len(workflows) == 3
    result = subprocess.run([*actionlint, *workflows], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_actions_are_pinned_by_commit() -> None:
    workflows = [*PROJECT.glob(".github/workflows/*.yml"), *TEMPLATE.glob(".github/workflows/*.yml")]
    used = [action for path in workflows for action in re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))]
    assert used and all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action) for action in used)


def test_jinja_stays_out_of_all_but_three_files(default_project: Path) -> None:
    for name, path in files(default_project).items():
        if name not in RENDERED:
            assert path.read_bytes() == (PROJECT / name).read_bytes(), name
            assert path.stat().st_mode == (PROJECT / name).stat().st_mode, name


def test_nothing_of_cookiecutter_is_left(bake: Bake) -> None:
    project = bake()  # in which no other test has run anything, which leaves caches
    for name, path in files(project).items():
        assert b"{{ cookiecutter" not in path.read_bytes() and b"{{cookiecutter" not in path.read_bytes(), name
    assert "${{ github.ref }}" in (project / CI["github"]).read_text(encoding="utf-8")
    assert not (project / ".git").exists()
    assert all(path.name not in CACHES for path in project.rglob("*"))


def test_a_default_project_is_small(default_project: Path) -> None:
    theirs = [name for name in files(default_project) if not name.startswith("tasks/")]
    assert len(theirs) <= 116, "what a data team owns: every module of theirs has to earn its place"
    drift = [name for name in theirs if name.startswith("components/drift/")]
    assert len(drift) <= 10, "a folder to delete, with a program that asks four questions and a page"
    notify = [name for name in theirs if "notify" in name or "webhook" in name]
    assert len(notify) <= 3, "one step, and what it shares with those that tell of something themselves"
    environments = [name for name in theirs if name.startswith("environments/")]
    assert environments == ["environments/production.yaml", "environments/staging.yaml"], "two of them, which CI names"


def test_the_same_answers_give_the_same_bytes(bake: Bake) -> None:
    def digest(project: Path) -> dict[str, tuple[str, int]]:
        return {
            name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode)
            for name, path in files(project).items()
        }

    answers = {"project_name": "Twice", "ci": "gitlab", "cloud": "azure", "problem_type": "regression"}
    assert digest(bake(**answers)) == digest(bake(**answers))


def test_cruft_makes_a_project_and_updates_it(cookiecutter_config: Path, tmp_path: Path) -> None:
    template, home = tmp_path / "template", tmp_path / "home"
    home.mkdir()
    identity = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.com"}
    identity |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in identity.items()}
    environment = {**os.environ, **identity, "HOME": str(home), "COOKIECUTTER_CONFIG": str(cookiecutter_config)}

    def run(*command: str, cwd: Path = tmp_path) -> Finished:
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def commit(folder: Path) -> None:
        run("git", "add", "--all", cwd=folder)
        run("git", "commit", "--quiet", "--no-verify", "--message", "x", cwd=folder)

    for name in ("cookiecutter.json", "kf_template_answers.py", "hooks", PROJECT.name):
        source = TEMPLATE / name
        target = template / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(*CACHES))
        else:
            shutil.copy(source, target)
    run("git", "init", "--quiet", cwd=template)
    commit(template)
    cruft = [sys.executable, "-m", "cruft"]
    run(*cruft, "create", str(template), "--no-input", "--extra-context", json.dumps({"author": ODD[1]}))
    project = tmp_path / "my-kfp-project"
    run("git", "init", "--quiet", cwd=project)
    commit(project)

    with (template / PROJECT.name / "pipeline.py").open("a", encoding="utf-8") as pipeline:
        pipeline.write("# newer\n")
    commit(template)
    run(*cruft, "update", "--skip-apply-ask", cwd=project)

    assert (project / "pipeline.py").read_text(encoding="utf-8").endswith("# newer\n")
    assert run("git", "status", "--porcelain", cwd=project).stdout.split() == ["M", ".cruft.json", "M", "pipeline.py"]
