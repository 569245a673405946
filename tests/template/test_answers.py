"""The questions and the hooks: what is refused, and what is kept as it was given."""

import ast
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.exceptions import FailedHookException
from cookiecutter.generate import generate_files

from helpers.mounting import mounted, needs_mount
from helpers.questions import ODD, QUESTIONS
from helpers.template import TEMPLATE, Bake


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
        ("engine=docker", "There is no question 'engine'; there are: project_name, project_slug,"),
        ("problemtype=regression", "Did you mean problem_type?"),
        ("_template_version=9", "There is no question '_template_version'"),
        ("author={{ us", "taken for Jinja, and one is none that works: unexpected end of template"),
        ("author={{ 1/0 }}", "none that works: division by zero. To have its braces as they are"),
        ("description={{ cookiecutter.nope }}", "has no attribute 'nope'"),
        ("project_slug={{ us.too }}", "'us' is undefined"),
        ("registry={% if %}", "none that works: Expected an expression"),
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
    assert len(sentences) >= 1 and allowed in sentences[0] and sentences[0].endswith((".", "?"))
    assert all(sentence.split()[0] in {*QUESTIONS, "There", "An"} for sentence in sentences)
    assert list(tmp_path.iterdir()) == []


@needs_mount
def test_a_full_disk_stops_generation_before_anything_is_written(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with mounted(tmp_path / "out", "2m"):
        done = cli()
        assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
        assert "There is no room for a project in" in done.stderr and "it takes 8." in done.stderr
        assert list((tmp_path / "out").iterdir()) == []


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
    assert described["name"] == f"{project.name}-environment"

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


def test_a_project_may_be_called_like_a_package_that_it_installs(
    bake: Bake, default_project: Path, tmp_path: Path
) -> None:
    settings = tomllib.loads((default_project / "pyproject.toml").read_text(encoding="utf-8"))
    locked = {re.split("[=; ]", line)[0].lower() for line in settings["dependency-groups"]["locked"]}
    assert len(locked) > 90
    rules = runpy.run_path(str(TEMPLATE / "hooks/pre_gen_project.py"))
    assert [name for name in locked if rules["problems"]({"project_slug": name})] == []
    assert not {f"{slug}-environment" for slug in locked} & locked
    # uv says that a project depends on itself before it asks any index.
    project = bake(project_slug="six")
    lock = [sys.executable, "-m", "uv", "lock", "--offline", "--no-cache"]
    said = subprocess.run(lock, cwd=project, capture_output=True, text=True).stderr
    assert "six-environment" in said and "depends on itself" not in said
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    (project / "pyproject.toml").write_text(text.replace("six-environment", "six"), encoding="utf-8")
    said = subprocess.run(lock, cwd=project, capture_output=True, text=True).stderr
    assert "depends on itself" in said, "this is how it would be told"


@pytest.mark.parametrize("options", [["-f"], ["-f", "-s"]])
def test_a_project_that_exists_is_not_generated_over(cli: Any, tmp_path: Path, options: list[str]) -> None:
    assert cli().returncode == 0
    project = tmp_path / "out" / "my-kfp-project"
    (project / "README.md").write_text("ours", encoding="utf-8")
    (project / "pipeline.py").unlink()
    done = cli(*options)

    assert done.returncode == 1
    assert f"{project} is a project already. Update it, in it: inv template.update" in done.stderr
    assert "Traceback" not in done.stderr
    assert (project / "README.md").read_text(encoding="utf-8") == "ours" and not (project / "pipeline.py").exists()
