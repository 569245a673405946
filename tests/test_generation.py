"""The questions and the hooks: what is refused, what is kept as it was given, what each choice makes."""

import ast
import hashlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from cookiecutter.exceptions import FailedHookException
from cookiecutter.generate import generate_files

from conftest import TEMPLATE, Bake

QUESTIONS: dict[str, Any] = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
RENDERED = {"README.md", "invoke.yaml", "pyproject.toml"}
TEMPLATE_CHECK = ".github/workflows/template.yml"
CI = {"github": ".github/workflows/ci.yml", "gitlab": ".gitlab-ci.yml", "azure-devops": "azure-pipelines.yml"}
CACHES = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}

Finished = subprocess.CompletedProcess[str]


def files(folder: Path) -> dict[str, Path]:
    """Every file of a folder by its relative path, without what tools leave behind."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in found.items() if not CACHES & set(Path(name).parts)}


@pytest.fixture
def cli(cookiecutter_config: Path, tmp_path: Path) -> Any:
    """Runs the command a user runs; what it makes goes into `tmp_path / "out"`."""

    def run(*answers: str, typed: str | None = None) -> Finished:
        no_input = ["--no-input"] if typed is None else []
        return subprocess.run(
            [
                *(sys.executable, "-m", "cookiecutter", str(TEMPLATE), *no_input),
                *("--config-file", str(cookiecutter_config), "--output-dir", str(tmp_path / "out"), *answers),
            ],
            input=typed,
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=tmp_path,
            env={**os.environ, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            timeout=60,
        )

    return run


# What is refused


@pytest.mark.parametrize(
    ("answer", "allowed"),
    [
        ("project_slug=My Project!", "lower-case letters, digits and single dashes"),
        ("project_slug=" + "a" * 64, "1 to 63"),
        ("project_slug=1st-model", "starting with a letter"),
        ("project_slug=a--b", "single dashes"),
        ("project_slug=ends-", "not ending with a dash"),
        ("project_slug=a\n", "lower-case letters"),
        ("project_slug=../elsewhere", "lower-case letters"),
        ("project_slug=", "such as my-kfp-project"),
        ("project_slug=class", "is a Python keyword: choose another name"),
        ("project_slug=tasks", "is a folder of the project: choose another name"),
        ("project_slug=components", "is a folder of the project: choose another name"),
        ("project_slug=kfp", "is a package the project installs: choose another name"),
        ("project_slug=null", "is a word with a meaning in YAML: choose another name"),
        ("project_slug=con", "is a device name on Windows: choose another name"),
        ("project_name=\N{ROCKET}", "give a project_slug of lower-case letters"),
        ("project_name=2 fast", "starting with a letter"),
        ("project_name=   ", "one line of 1 to 200 characters"),
        ("project_name=" + "a" * 201, "one line of 1 to 200 characters"),
        ("author=", "one line of 1 to 200 characters"),
        ("author=a\x1b[31mb", "without control characters"),
        ("description=one\ntwo", "one line"),
        ("registry=https://ghcr.io/team", "without https://"),
        ("registry=ghcr.io/team/", "a slash at the end"),
        ("registry=ghcr.io/team:latest", "tag"),
        ("registry=GHCR.io/team", "in lower case"),
        ("registry=localhost:99999", "host[:port][/path]"),
        ("registry=local host:5001", "spaces"),
        ("registry=team", "such as localhost:5001, ghcr.io/team or docker.io/team"),
        ("registry=", "host[:port][/path]"),
    ],
)
def test_a_bad_answer_stops_generation_before_anything_is_written(
    cli: Any, tmp_path: Path, answer: str, allowed: str
) -> None:
    done = cli(answer)
    sentences = done.stderr.splitlines()

    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stdout == "Nothing was generated.\n"
    assert len(sentences) >= 1 and allowed in sentences[0] and sentences[0].endswith(".")
    assert all(sentence.split()[0] in QUESTIONS for sentence in sentences)
    assert list(tmp_path.iterdir()) == []


def test_each_bad_answer_has_one_sentence(cli: Any) -> None:
    assert [line.split()[0] for line in cli("project_slug=1", "registry=A").stderr.splitlines()] == ["project_slug"]
    assert [line.split()[0] for line in cli("author=", "registry=A").stderr.splitlines()] == ["author", "registry"]


@pytest.mark.parametrize("question", ["problem_type", "python_version", "cloud", "ci"])
def test_an_unknown_choice_stops_generation_before_anything_is_written(cli: Any, tmp_path: Path, question: str) -> None:
    done = cli(f"{question}=nosuch")

    assert done.returncode == 1
    # Cookiecutter checks choices itself, before the template has a say; its traceback ends with the sentence.
    sentence = done.stderr.splitlines()[-1]
    assert "nosuch" in sentence and all(choice in sentence for choice in QUESTIONS[question])
    assert list(tmp_path.iterdir()) == []


def test_a_question_is_refused_when_it_is_answered_and_not_at_the_end(cli: Any, tmp_path: Path) -> None:
    done = cli(typed="My KFP Project\nNot A Slug\n")

    assert done.returncode == 1
    assert "project_slug 'Not A Slug' must be" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_hook_refuses_what_did_not_go_through_the_questions(tmp_path: Path, capfd: Any) -> None:
    answers = {**QUESTIONS, "project_name": "x", "project_slug": "1x", "registry": 'a"""\\'}
    with pytest.raises(FailedHookException):
        generate_files(TEMPLATE, {"cookiecutter": answers}, output_dir=tmp_path)

    assert [line.split()[0] for line in capfd.readouterr().err.splitlines()] == ["project_slug", "registry"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "registry",
    ["localhost", "localhost:5001", "ghcr.io/org", "docker.io/a/b-c_d.e", "10.0.0.1:5000", "team.azurecr.io", "reg:80"],
)
def test_registries_that_are_allowed(registry: str) -> None:
    rules = runpy.run_path(str(TEMPLATE / "hooks/pre_gen_project.py"))
    assert rules["problems"]({"registry": registry}) == []


# What is kept as it was given

ODD = [
    "Zoë \N{FAMILY} \N{ROCKET} 株式会社",
    "\"double\" 'single' `backticks` \"\"\" '''",
    "back\\slash \\n \\u0041 \\",
    "$(touch executed) `touch executed` ; touch executed | touch executed && touch executed",
    "%PATH% $HOME ${HOME} #{x} # no comment",
    "<script>alert(1)</script> & [brackets]: {braces} - * |",
    "é" * 200,
]


@pytest.mark.parametrize("odd", ODD)
def test_odd_text_is_kept_and_never_executed(bake: Bake, odd: str) -> None:
    project = bake(project_name=odd, project_slug="odd", description=odd, author=odd)

    assert_kept(project, odd)
    assert not list(project.parent.rglob("executed")) and not Path("executed").exists()


def test_text_that_looks_like_jinja_is_kept_when_it_is_typed(cli: Any, tmp_path: Path) -> None:
    odd = "{{7*7}} {% raw %} {{ cookiecutter }}"
    done = cli(typed="\n".join([odd, "odd", odd, odd, *[""] * 5, ""]))

    assert done.returncode == 0, done.stdout + done.stderr
    assert_kept(tmp_path / "out" / "odd", odd)


def assert_kept(project: Path, text: str) -> None:
    described = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert described["description"] == text
    assert [author["name"] for author in described["authors"]] == [text]
    assert described["name"] == project.name

    readme = (project / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(f"# {text}\n")
    assert text in readme.split("\n", 1)[1]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("My KFP Project", "my-kfp-project"),
        ("  Café Müller & Söhne (2027)!", "cafe-muller-sohne-2027"),
        ("Churn_model.v2", "churn-model-v2"),
        ("東京", "dong-jing"),
        ("a" * 200, "a" * 63),
        ("b" * 62 + " c", "b" * 62),
    ],
)
def test_the_slug_comes_from_the_name(bake: Bake, name: str, slug: str) -> None:
    assert bake(project_name=name).name == slug


# What each choice makes


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
    checks = ["lint", "audit", "test", "run", "build", "push", "deploy"]
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


def test_nothing_of_cookiecutter_is_left(default_project: Path) -> None:
    for name, path in files(default_project).items():
        assert b"{{ cookiecutter" not in path.read_bytes() and b"{{cookiecutter" not in path.read_bytes(), name
    assert "${{ github.ref }}" in (default_project / CI["github"]).read_text(encoding="utf-8")
    assert not (default_project / ".git").exists()
    assert all(path.name not in CACHES for path in default_project.rglob("*"))


def test_a_default_project_is_small(default_project: Path) -> None:
    assert len([name for name in files(default_project) if not name.startswith("tasks/")]) <= 50


def test_the_same_answers_give_the_same_bytes(bake: Bake) -> None:
    def digest(project: Path) -> dict[str, tuple[str, int]]:
        return {
            name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode)
            for name, path in files(project).items()
        }

    answers = {"project_name": "Twice", "ci": "gitlab", "cloud": "azure", "problem_type": "regression"}
    assert digest(bake(**answers)) == digest(bake(**answers))


# The questions and the hooks themselves


def test_there_are_nine_questions_and_each_has_a_readable_prompt() -> None:
    questions = {name: value for name, value in QUESTIONS.items() if not name.startswith("_")}

    assert len(questions) == 9
    assert set(QUESTIONS["__prompts__"]) == set(questions)
    for name, value in questions.items():
        if isinstance(value, list):
            assert set(QUESTIONS["__prompts__"][name]) == {"__prompt__", *value}


@pytest.mark.parametrize("hook", sorted((TEMPLATE / "hooks").glob("*.py")), ids=lambda path: path.stem)
def test_a_hook_is_python_of_the_standard_library_and_starts_no_program(hook: Path) -> None:
    source = hook.read_text(encoding="utf-8")
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(source))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert imported <= set(sys.stdlib_module_names) - {"subprocess", "os", "socket", "urllib", "random", "time"}
    assert re.findall(r"\{[{%#]", source) == ["{{"]


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
