"""Bringing a newer template into the project: cruft merges it, on a branch; what it passes over is told here."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit

from ..files import ROOT, write
from ..terminal import fail, say
from .git import STATE, check_template, cruft, git, said, state, version

# What is the project's own: the template's changes reach it only where the project has not changed it.
YOURS = ("components/", "tests/", "pipeline.py", "requirements.txt")


def update(to: str) -> None:
    """Bring a newer template (empty: its newest) into this project, on a branch of its own."""
    before = state()
    if git("rev-parse", "--is-inside-work-tree", check=False) != "true":
        raise fail("this project is not in git, without which nothing can be merged: git init, and commit it.")
    if dirty := git("status", "--porcelain").splitlines():
        files = ", ".join(line[3:] for line in dirty[:5])
        raise fail(f"there are uncommitted changes ({files}): commit them first, or git stash --include-untracked.")
    branch = "template-update" + (f"-{re.sub(r'[^A-Za-z0-9._-]+', '-', to).strip('-.')}" if to else "")
    if git("branch", "--list", branch):
        raise fail(f"the branch {branch} exists already: merge it, or git branch -D {branch}")
    home = git("rev-parse", "--abbrev-ref", "HEAD")
    base = git("rev-parse", "HEAD")
    check_template(before["template"])
    git("switch", "--quiet", "--create", branch)
    try:
        kept = _changed_of_yours()
        done = _merge(before, kept, base, to)
    except (Exit, KeyboardInterrupt) as stop:
        git("reset", "--quiet", "--hard", base)
        git("switch", "--quiet", home)
        git("branch", "--quiet", "-D", branch)
        if isinstance(stop, KeyboardInterrupt):
            raise Exit("stopped; the project is as it was.", code=130) from None
        raise
    if not done:
        git("switch", "--quiet", home)
        git("branch", "--quiet", "-D", branch)
        say("the project has the newest template already")
        return
    undo = f"to give it up: git reset --hard {base[:7]} && git switch {home} && git branch -D {branch}"
    if kept:
        say("yours, and left as you have them:")
        for path in kept:
            say(f"  {path}")
    if found := conflicts():
        lines = "".join(f"\n  {line}" for line in found)
        raise fail(
            f"the newer template and this project changed the same places, on the branch {branch}:{lines}\n"
            f"mend each, then git add and commit, inv lint, inv test; {undo}"
        )
    git("add", "--all")
    git("commit", "--quiet", "--no-verify", "--message", f"Template updated to {version(state())}")
    say(f"updated on the branch {branch}: {git('show', '--shortstat', '--format=').strip()}")
    _notes(before)
    if re.search(r"requirements\.txt$", git("show", "--name-only", "--format="), re.MULTILINE):
        say("the locks changed: renewing the environment")
        python("uv", "pip", "install", "--quiet", "--require-hashes", "--requirement", "requirements.txt")
    for check in ("lint", "test"):
        if python("invoke", check):
            raise fail(f"inv {check} does not pass with the newer template, on the branch {branch}; {undo}")
    say(f"inv lint and inv test pass; next: git switch {home} && git merge {branch}")


def conflicts() -> list[str]:
    """What a merge has left for a person: unmerged files, rejected hunks, and files with conflict markers."""
    found = []
    for line in git("status", "--porcelain", "--untracked-files=all", "-z").split("\0"):
        code, path = line[:2], line[3:]
        if "U" in code or code in ("AA", "DD"):
            found.append(f"{path}: both changed it")
        elif path.endswith(".rej"):
            found.append(f"{path}: what could not be applied to {path.removesuffix('.rej')}")
        elif path and (ROOT / path).is_file() and b"\n<<<<<<< " in b"\n" + (ROOT / path).read_bytes():
            found.append(f"{path}: has conflict markers")
    return sorted(found)


def python(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT).returncode


def _changed_of_yours() -> list[str]:
    """The project's own files that differ from what the template once made."""
    result = cruft("diff")
    if result.returncode and not result.stdout:
        raise fail(f"cruft cannot compare the project with its template: {said(result)}")
    paths = re.findall(r"^diff --git \S+?/(.+?) \S+?/.+$", result.stdout, re.MULTILINE)
    return sorted({path for path in paths if path.startswith(YOURS) and (ROOT / path).exists()})


def _merge(before: dict[str, Any], kept: list[str], base: str, to: str) -> bool:
    """Let cruft merge all but `kept`; whether there was anything to merge."""
    if kept:  # cruft reads what to leave alone from a file, and wants a clean tree
        write(STATE, json.dumps({**before, "skip": [*before.get("skip", []), *kept]}, indent=2) + "\n")
        git("commit", "--quiet", "--no-verify", "--all", "--message", "what cruft leaves alone")
    result = cruft("update", "--skip-apply-ask", *(["--checkout", to] if to else []))
    if result.returncode:
        raise fail(f"cruft could not update the project: {said(result)}")
    if kept:
        git("reset", "--quiet", "--soft", base)
    after = state()
    if after["commit"] == before["commit"]:
        git("reset", "--quiet", "--hard", base)
        return False
    if kept:
        after.pop("skip")
        write(STATE, json.dumps(after | ({"skip": before["skip"]} if "skip" in before else {}), indent=2) + "\n")
    return True


def _notes(before: dict[str, Any]) -> None:
    """Print the upgrade notes of the releases since the project's, from the template's changelog."""
    with tempfile.TemporaryDirectory() as folder:
        git("clone", "--quiet", before["template"], folder)
        text = git("show", f"{state()['commit']}:CHANGELOG.md", cwd=Path(folder), check=False)
    last = before["context"]["cookiecutter"].get("_template_version", "")
    for release in re.split(r"(?m)^## ", text)[1:]:
        if release.startswith(f"[{last}]"):
            break
        if notes := re.search(r"### Upgrade notes\n(.*?)(?=\n### |\Z)", release, re.DOTALL):
            say(f"upgrade notes of {release.splitlines()[0]}:\n{notes[1].strip()}")
