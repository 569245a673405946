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


def render(clone: Path, commit: str, answers: dict[str, Any], output: Path) -> dict[str, Any]:
    """Make the project of a version into `output`; return all answers: those kept, and the defaults of new questions.

    A person's own defaults of Cookiecutter stay out. Raises `Exit` where that version does not take the answers.
    """
    git("checkout", "--quiet", "--detach", commit, cwd=clone)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(f"cookiecutters_dir: {json.dumps(folder)}\nreplay_dir: {json.dumps(folder)}\n", "utf-8")
        texts = [f"{name}={value}" for name, value in answers.items() if isinstance(value, str) and name[:1] != "_"]
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
