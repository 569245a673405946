"""A run from the cache loads and starts only what it needs, and believes nothing that changed."""

import subprocess
import sys

import pytest

from helpers.flow import Project

NOT_NEEDED = ("pydantic", "requests", "typer", "docker", "kubernetes", "kfp.client")


@pytest.fixture
def warm(flow: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that ran once, with its bytecode."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    flow.inv("run")
    flow.inv("run")
    return flow


def test_it_loads_only_what_it_needs(warm: Project) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "invoke", "run"]
    done = subprocess.run(command, cwd=warm.root, capture_output=True, text=True, encoding="utf-8")
    assert "every step was served from the cache" in done.stdout
    loaded = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert "kfp.dsl" in loaded
    assert not set(NOT_NEEDED) & set(loaded)
    compiled = {path.name.partition(".")[0] for path in (warm.root / "tasks/engine/__pycache__").glob("*.pyc")}
    assert {"run", "walk", "steps"} <= compiled
    assert list((warm.root / "tasks/report/__pycache__").glob("*.j2c"))


def test_a_slip_in_settings_that_were_right_is_found(warm: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = (warm.root / "invoke.yaml").read_text(encoding="utf-8")
    warm.write("invoke.yaml", settings + "jobs: many\n")
    assert "jobs takes a number of steps" in warm.inv("run", code=1).stderr
    warm.write("invoke.yaml", settings + "jobs: 1\n")
    warm.inv("run")
    monkeypatch.setenv("INVOKE_JOBS", "-1")
    assert "jobs takes a number of steps" in warm.inv("run", code=1).stderr


def test_markdown_is_made_into_html_once_and_few_are_kept(warm: Project) -> None:
    code = """
import sys
from tasks.report import markdown
made = [markdown.html("# title\\n\\n<b>" + str(number)) for number in [0, *range(30), 29]]
print(len(list(markdown.FOLDER.glob("*.md.html"))), made[-1] == made[-2], made[-1].splitlines())
"""
    again = "\nimport sys; sys.modules['markdown_it'] = None; print(markdown.html('# title\\n\\n<b>29') == made[-1])"
    done = subprocess.run([sys.executable, "-c", code + again], cwd=warm.root, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["20 True ['<h1>title</h1>', '<p>&lt;b&gt;29</p>']", "True"], done.stderr


def test_a_template_that_changed_is_compiled_anew(warm: Project) -> None:
    template = warm.root / "tasks/report/page.html.j2"
    text = template.read_text(encoding="utf-8")
    template.write_text(text.replace("<head>", "<head><!-- changed -->"), encoding="utf-8")
    warm.inv("run")
    page = next(warm.root.glob(f"runs/{warm.runs()[0]['id']}/report.html"))
    assert "<!-- changed -->" in page.read_text(encoding="utf-8")


def test_bytecode_that_was_cut_is_made_anew(warm: Project) -> None:
    for path in (warm.root / "tasks").rglob("__pycache__/*.j2c"):
        path.write_bytes(path.read_bytes()[:40])
    warm.inv("run")
