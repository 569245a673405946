"""git, cruft, and what they keep of where the project comes from."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..files import ROOT
from ..terminal import fail

CRUFT = ("--from", "cruft==2.16.0", "--with", "cookiecutter==2.7.1", "cruft")


STATE = ROOT / ".cruft.json"


def git(*arguments: str, cwd: Path = ROOT, check: bool = True) -> str:
    """What git prints. Raises `Exit` where it fails."""
    try:
        result = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, encoding="utf-8")
    except FileNotFoundError:
        raise fail("git is not installed: https://git-scm.com/downloads") from None
    if check and result.returncode:
        raise fail(f"git {arguments[0]}: {(result.stderr.strip() or result.stdout.strip()).splitlines()[-1]}")
    return result.stdout.rstrip("\n")


def cruft(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run cruft in an environment of its own, with settings of its own: a person's Cookiecutter defaults stay out."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(f"cookiecutters_dir: {json.dumps(folder)}\nreplay_dir: {json.dumps(folder)}\n", "utf-8")
        command = [sys.executable, "-m", "uv", "tool", "run", "--quiet", *CRUFT, *arguments]
        environment = {**os.environ, "COOKIECUTTER_CONFIG": str(config), "GIT_TERMINAL_PROMPT": "0"}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8")


def said(result: "subprocess.CompletedProcess[str]") -> str:
    lines = [line.strip(" │╭╰─╮╯") for line in (result.stderr + result.stdout).splitlines()]
    lines = [line for line in lines if line]
    known = [line for line in lines if re.search(r"fatal:|error:|Failed|could not", line)]
    return (known or lines or ["no reason given"])[-1][:300]


def state() -> dict[str, Any]:
    """Where the project comes from, as cruft keeps it. Raises `Exit` where it was never linked."""
    if not STATE.is_file():
        raise fail("this project is not linked to its template: inv template.link URL")
    found: dict[str, Any] = json.loads(STATE.read_text(encoding="utf-8"))
    return found


def check_template(template: str) -> None:
    """Raises `Exit` where the template cannot be reached."""
    result = subprocess.run(
        ["git", "ls-remote", "--exit-code", template, "HEAD"],
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        words = (result.stderr.strip() or "no reason given").splitlines()
        raise fail(f"the template {template} cannot be reached: {words[0]}")


def version(found: dict[str, Any]) -> str:
    return f"{found['context']['cookiecutter'].get('_template_version', '?')} ({found['commit'][:7]})"


def newest(found: dict[str, Any]) -> bool:
    """Whether the template has nothing newer than the project. Raises `Exit` where it cannot be reached."""
    check_template(found["template"])
    result = cruft("check")
    if "out of date" in result.stdout + result.stderr:
        return False
    if result.returncode:
        raise fail(f"cruft cannot tell: {said(result)}")
    return True
