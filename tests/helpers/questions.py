"""The template's questions, what is chosen by them, and answers that are odd."""

import json
import subprocess
from pathlib import Path
from typing import Any

from helpers.template import CACHES, TEMPLATE

QUESTIONS: dict[str, Any] = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))


CI = {"github": ".github/workflows/ci.yml", "gitlab": ".gitlab-ci.yml", "azure-devops": "azure-pipelines.yml"}


Finished = subprocess.CompletedProcess[str]


def files(folder: Path) -> dict[str, Path]:
    """Every file of a folder by its relative path, without what tools leave behind."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in found.items() if not CACHES & set(Path(name).parts)}


ODD = [
    "Zoë \N{FAMILY} \N{ROCKET} 株式会社",
    "\"double\" 'single' `backticks` \"\"\" '''",
    "back\\slash \\n \\u0041 \\",
    "$(touch executed) `touch executed` ; touch executed | touch executed && touch executed",
    "%PATH% $HOME ${HOME} #{x} # no comment",
    "<script>alert(1)</script> & [brackets]: {braces} - * |",
    "é" * 200,
]
