"""Bringing a newer template into the project: a three-way merge of two renderings by git, on a branch."""

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit

from ..files import ROOT, write
from ..terminal import fail, say
from ..upkeep.python import python
from .git import STATE, cloned, commit_of, git, origin_of, state, version
from .rendering import render

# What is the project's own: the template's changes reach it only where the project has not changed it.
YOURS = ("components", "environments", "tests", "pipeline.py", "requirements.txt")
# Who makes the two commits that are merged; neither is ever on a branch.
SOMEBODY = {
    **{"GIT_AUTHOR_NAME": "template", "GIT_AUTHOR_EMAIL": "template@localhost"},
    **{"GIT_COMMITTER_NAME": "template", "GIT_COMMITTER_EMAIL": "template@localhost"},
}


def update(to: str, answers: list[str]) -> None:
    """Bring a version of the template (empty: its newest) into this project, on a branch of its own.

    `answers` are texts `question=answer` for that version.
    """
    before, given = state(), _given(answers)
    branch = "template-update" + (f"-{re.sub(r'[^A-Za-z0-9._-]+', '-', to).strip('-.')}" if to else "")
    _check_ready(branch)
    base = git("rev-parse", "HEAD")
    home = git("symbolic-ref", "--quiet", "--short", "HEAD", check=False)
    back = f"git switch {home}" if home else f"git switch --detach {base[:7]}"
    with _stoppable(), cloned(before["template"]) as clone:
        old, new = origin_of(clone, before), commit_of(clone, to)
        notes = _notes(clone, old, new, before["context"]["cookiecutter"].get("_template_version", ""))
        if old == new and not given:
            say(f"the project has {'the newest' if new == commit_of(clone, '') else 'this'} template already")
            return
        with tempfile.TemporaryDirectory() as folder:
            after, change, kept = _change(clone, old, new, before, given, Path(folder))
    git("switch", "--quiet", "--create", branch)
    try:
        _merge(change)
        write(STATE, json.dumps(after, indent=2) + "\n")
        git("add", "--", str(STATE))
        found = conflicts()
    except (Exit, KeyboardInterrupt):
        git("reset", "--quiet", "--hard", base)
        git(*back.split()[1:])
        git("branch", "--quiet", "-D", branch)
        with _stoppable():
            raise
    undo = f"to give it up: git reset --hard {base[:7]} && {back} && git branch -D {branch}"
    _say_questions(before["context"]["cookiecutter"], after["context"]["cookiecutter"], given)
    if kept:
        say("yours, and left as you have them:")
        for path in kept:
            say(f"  {path}")
    if found:
        lines = "".join(f"\n  {line}" for line in found)
        raise fail(
            f"the newer template and this project changed the same places, on the branch {branch}:{lines}\n"
            f"mend each, then git add and commit, inv lint, inv test; {undo}"
        )
    git("commit", "--quiet", "--no-verify", "--message", f"Template updated to {version(after)}")
    say(f"updated on the branch {branch}: {git('show', '--shortstat', '--format=').strip()}")
    for note in notes:
        say(note)
    _check_updated(branch, undo)
    say(undo)
    say(f"inv lint and inv test pass; next: {back} && git merge {branch}")


def _given(answers: list[str]) -> dict[str, str]:
    """Raises `Exit` for a text that is no `question=answer`."""
    if wrong := [text for text in answers if "=" not in text]:
        raise fail(f"--answer takes question=answer, and '{wrong[0]}' has no '='.")
    return dict(text.split("=", 1) for text in answers)


def _say_questions(before: dict[str, Any], after: dict[str, Any], given: dict[str, str]) -> None:
    """Say what the other version of the template asks, and what it asks no more."""
    for name in [name for name in after if name[:1] != "_" and name not in before and name not in given]:
        say(f"a question that is new: {name}, answered {after[name]!r}; otherwise, once more: --answer {name}=...")
    for name in [name for name in before if name[:1] != "_" and name not in after]:
        say(f"asked no more: {name} (it was {before[name]!r})")


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise Exit("stopped; the project is as it was.", code=130) from None


def _merge(change: str) -> None:
    """Merge a change into the work tree. Raises `Exit` where that fails but for conflicts, or overwrites a file."""
    for path in git("diff", "--name-only", "--diff-filter=A", "-z", f"{change}^", change, "--relative").split("\0"):
        if path and (ROOT / path).exists() and not git("ls-files", "--", path):
            raise fail(f"{path} is in the way: the newer template has a file of this name. Move it, and try again.")
    command = ["git", "cherry-pick", "--no-commit", "-X", "ignore-cr-at-eol", change]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    if result.returncode and not git("diff", "--name-only", "--diff-filter=U"):
        words = (result.stderr.strip() or "no reason given").splitlines()
        raise fail(f"git could not merge the newer template: {words[0]}")


def _check_ready(branch: str) -> None:
    """Raises `Exit` where git has no place for an update."""
    if git("rev-parse", "--is-inside-work-tree", check=False) != "true":
        raise fail("this project is not in git, without which nothing can be merged: git init, and commit it.")
    if dirty := git("status", "--porcelain").splitlines():
        files = ", ".join(line[3:] for line in dirty[:5])
        raise fail(f"there are uncommitted changes ({files}): commit them first, or git stash --include-untracked.")
    if git("branch", "--list", branch):
        raise fail(f"the branch {branch} exists already: merge it, or git branch -D {branch}")


def _change(
    clone: Path, old: str, new: str, before: dict[str, Any], given: dict[str, str], folder: Path
) -> tuple[dict[str, Any], str, list[str]]:
    """What the template changed between two versions: what is to be kept of where the project comes from, the commit of
    that change, which leaves out what the project has made its own, and the paths of that which are there.
    """
    answers = before["context"]["cookiecutter"]
    render(clone, old, answers, folder / "old")
    context = render(clone, new, answers, folder / "new", given)
    first = _commit(folder / "old")
    own = git("diff", "--name-only", "--no-renames", "-z", first, "HEAD", "--relative", "--", *YOURS).split("\0")
    left = {path for path in own if path}.union(before.get("skip") or [])
    for path in left:
        _leave(folder / "old" / path, folder / "new" / path)
    context["_template"] = before["template"]
    after = {**before, "commit": new, "context": {"cookiecutter": context}}
    return after, _commit(folder / "new", first), sorted(path for path in left if (ROOT / path).exists())


def _leave(old: Path, new: Path) -> None:
    """Let a file or folder of the newer rendering be what it was in the older one."""
    if new.is_dir():
        shutil.rmtree(new)
    new.unlink(missing_ok=True)
    if old.is_dir():
        shutil.copytree(old, new)
    elif old.exists():
        new.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(old, new)


def _commit(folder: Path, *parents: str) -> str:
    """A commit of a rendering in this repository, on no branch; of a project below its top, there too."""
    prefix = git("rev-parse", "--show-prefix")
    index = {"GIT_INDEX_FILE": str(folder.with_suffix(".index"))}
    where = {"GIT_DIR": git("rev-parse", "--absolute-git-dir"), "GIT_WORK_TREE": str(folder)}
    git("-c", "core.autocrlf=false", "add", "--all", "--force", ".", cwd=folder, variables=index | where)
    tree = git("write-tree", variables=index)
    if prefix:
        Path(index["GIT_INDEX_FILE"]).unlink()
        git("read-tree", f"--prefix={prefix}", tree, variables=index)
        tree = git("write-tree", variables=index)
    above = [part for parent in parents for part in ("-p", parent)]
    return git("commit-tree", tree, *above, "-m", "a rendering of the template", variables=SOMEBODY)


def conflicts() -> list[str]:
    """What a merge has left for a person: unmerged files, and files with conflict markers."""
    found = []
    prefix = git("rev-parse", "--show-prefix")  # of a project below the repository's top
    for line in git("status", "--porcelain", "--untracked-files=all", "--no-renames", "-z").split("\0"):
        code, path = line[:2], line[3:].removeprefix(prefix)
        if "U" in code or code in ("AA", "DD"):
            found.append(f"{path}: {WORDS.get(code, 'both changed it')}")
        elif path and (ROOT / path).is_file() and b"\n<<<<<<< " in b"\n" + (ROOT / path).read_bytes():
            found.append(f"{path}: has conflict markers")
    return sorted(found)


WORDS = {"DU": "you deleted it, and the template changed it", "UD": "the template deleted it, and you changed it"}


def _check_updated(branch: str, undo: str) -> None:
    """Bring the environment to the new locks. Raises `Exit` where lint or tests do not pass."""
    if re.search(r"requirements\.txt$", git("show", "--name-only", "--format="), re.MULTILINE):
        say("the locks changed: renewing the environment")
        python("uv", "pip", "install", "--quiet", "--require-hashes", "--requirement", "requirements.txt")
    for check in ("lint", "test"):
        if python("invoke", check):
            raise fail(f"inv {check} does not pass with the newer template, on the branch {branch}; {undo}")


def _notes(clone: Path, old: str, new: str, last: str) -> list[str]:
    """The upgrade notes of the releases since the project's, from the template's changelog; none for an older one."""
    found: list[str] = []
    if git("rev-list", "--count", f"{old}..{new}", cwd=clone) == "0":
        return found
    for release in re.split(r"(?m)^## ", git("show", f"{new}:CHANGELOG.md", cwd=clone, check=False))[1:]:
        if release.startswith(f"[{last}]"):
            break
        if notes := re.search(r"### Upgrade notes\n(.*?)(?=\n### |\Z)", release, re.DOTALL):
            found.append(f"upgrade notes of {release.splitlines()[0]}:\n{notes[1].strip()}")
    return found
