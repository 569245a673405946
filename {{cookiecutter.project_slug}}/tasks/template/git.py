"""git, and what is kept of where the project comes from."""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..files import ROOT
from ..terminal import fail

STATE = ROOT / ".cruft.json"  # cruft's file, so that projects that cruft made are updated too
KEYS = {"template": str, "commit": str, "context": dict}


def git(*arguments: str, cwd: Path = ROOT, check: bool = True, variables: dict[str, str] | None = None) -> str:
    """What git prints. Raises `Exit` where it fails."""
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", **(variables or {})}
    try:
        result = subprocess.run(
            ["git", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8"
        )
    except FileNotFoundError:
        raise fail("git is not installed: https://git-scm.com/downloads") from None
    if check and result.returncode:
        words = (result.stderr.strip() or result.stdout.strip() or "no reason given").splitlines()
        raise fail(f"git {arguments[0]}: {words[-1]}")
    return result.stdout.rstrip("\n")


def state() -> dict[str, Any]:
    """Where the project comes from: the `template`, its `commit`, and the answers in `context`.

    Raises `Exit` where it was never linked, or the file is broken.
    """
    if not STATE.is_file():
        raise fail("this project is not linked to its template: inv template.link URL")
    try:
        found = json.loads(STATE.read_text(encoding="utf-8"))
        whole = all(isinstance(found[key], kind) for key, kind in KEYS.items())
        whole = whole and isinstance(found["context"]["cookiecutter"], dict)
    except (ValueError, KeyError, TypeError, OSError):
        whole = False
    if not whole:
        raise fail(
            ".cruft.json does not say where the project comes from: bring it back (git checkout -- .cruft.json), "
            "or delete it, and: inv template.link URL"
        )
    return dict(found)


def check_template(template: str) -> None:
    """Raises `Exit` where the template cannot be reached."""
    result = subprocess.run(
        ["git", "ls-remote", "--exit-code", "--", template, "HEAD"],
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        words = (result.stderr.strip() or "no reason given").splitlines()
        raise fail(
            f"the template {template} cannot be reached: {words[0]}\n"
            "where it has moved, correct 'template' in .cruft.json, and commit that"
        )


@contextmanager
def cloned(template: str) -> Iterator[Path]:
    """The template with all its versions, while it lasts. Raises `Exit` where it cannot be reached."""
    check_template(template)
    with tempfile.TemporaryDirectory() as folder:
        git("clone", "--quiet", "--", template, folder)
        yield Path(folder)


def commit_of(clone: Path, wanted: str) -> str:
    """The commit of a tag, a branch or a commit of the template; of its newest for an empty one.

    Raises `Exit` where there is none.
    """
    for name in (wanted, f"origin/{wanted}") if wanted else ("HEAD",):
        command = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if found := re.search(r"^[0-9a-f]{40,64}$", git(*command, cwd=clone, check=False), re.MULTILINE):
            return found[0]
    known = ", ".join(git("tag", "--sort=-version:refname", cwd=clone).splitlines()[:5])
    raise fail(f"the template has no version {wanted!r}; its newest: {known or 'no tags'}.")


def origin_of(clone: Path, found: dict[str, Any]) -> str:
    """The commit that the project is from. Raises `Exit` where the template does not hold it."""
    commit: str = found["commit"]
    if not re.fullmatch(r"[0-9a-f]{7,64}", commit) or not git("cat-file", "-t", commit, cwd=clone, check=False):
        raise fail(
            f"{found['template']} does not hold the version that this project is from ({commit[:40]}): correct "
            "'template' in .cruft.json, and commit that; or delete .cruft.json, and: inv template.link URL"
        )
    return commit_of(clone, commit)


def version(found: dict[str, Any]) -> str:
    return f"{found['context']['cookiecutter'].get('_template_version', '?')} ({found['commit'][:7]})"


def newest(found: dict[str, Any]) -> bool:
    """Whether the template has nothing newer than the project. Raises `Exit` where it cannot be reached."""
    with cloned(found["template"]) as clone:
        mine, last = origin_of(clone, found), commit_of(clone, "")
        return mine == last or not git("diff", "--name-only", mine, last, cwd=clone)
