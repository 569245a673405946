"""A project as a version of the template makes it, from the answers that are kept."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..files import ROOT
from ..terminal import fail, last_line
from .git import git

COOKIECUTTER = ("uv", "tool", "run", "--quiet", "cookiecutter==2.7.1")


def render(
    clone: Path, commit: str, answers: dict[str, Any], output: Path, given: dict[str, str] | None = None
) -> dict[str, Any]:
    """Make the project of a version into `output`; return all answers: those kept, those `given` instead, and the
    defaults of new questions. What that version does not ask is left out.

    A person's own defaults of Cookiecutter stay out. Raises `Exit` where that version does not take the answers.
    """
    git("checkout", "--quiet", "--detach", commit, cwd=clone)
    answers = _asked(clone, commit, answers, given or {})
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(f"cookiecutters_dir: {json.dumps(folder)}\nreplay_dir: {json.dumps(folder)}\n", "utf-8")
        texts = [f"{name}={_literal(value)}" for name, value in answers.items()]
        command = [sys.executable, "-m", *COOKIECUTTER, "--no-input", "--config-file", str(config)]
        result = subprocess.run(
            [*command, "--output-dir", str(Path(folder, "made")), str(clone), *texts],
            cwd=ROOT,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        made = list(Path(folder, "made").glob("*"))
        if result.returncode or len(made) != 1:
            reason = last_line(result.stderr + result.stdout) or "no reason given"
            raise fail(f"the template's version {commit[:7]} cannot be made with this project's answers: {reason}")
        shutil.move(made[0], output)
        replay = json.loads(Path(folder, f"{clone.name}.json").read_text(encoding="utf-8"))
        local = ("_repo_dir", "_output_dir", "_checkout")  # of this machine
        return {name: value for name, value in replay["cookiecutter"].items() if name not in local}


def _asked(clone: Path, commit: str, answers: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    """The answers to what a version asks. Raises `Exit` for one to what it does not ask, and for a choice it lacks."""
    try:
        found = json.loads((clone / "cookiecutter.json").read_text(encoding="utf-8"))
        questions = {name: default for name, default in found.items() if name[:1] != "_"}
    except (OSError, ValueError, AttributeError):
        raise fail(f"the template's version {commit[:7]} has no cookiecutter.json that can be read.") from None
    if unknown := sorted(given.keys() - questions.keys()):
        raise fail(
            f"the template's version {commit[:7]} has no question '{unknown[0]}'; it has: {', '.join(questions)}."
        )
    kept = {name: value for name, value in (answers | given).items() if name in questions and isinstance(value, str)}
    for name, value in kept.items():
        if isinstance(questions[name], list) and value not in questions[name]:
            choices = ", ".join(map(str, questions[name]))
            raise fail(
                f"the template's version {commit[:7]} has no choice '{value}' for '{name}'; it has: {choices}. "
                f"Choose one: inv template.update --answer {name}=CHOICE"
            )
    return kept


def _literal(text: str) -> str:
    """An answer as Cookiecutter takes it: for Jinja, so that braces in it are put into a text of Jinja's."""
    return f"{'{' * 2} {json.dumps(text, ensure_ascii=False)} {'}' * 2}" if "{" in text else text
