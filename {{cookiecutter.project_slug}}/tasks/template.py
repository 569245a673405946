"""A newer template for a project that exists: cruft merges it, on a branch, and what cruft passes over is told here."""

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from .files import ROOT, write
from .terminal import fail, say

CRUFT = ("--from", "cruft==2.16.0", "--with", "cookiecutter==2.7.1", "cruft")
STATE = ROOT / ".cruft.json"
# What is the project's own: the template's changes reach it only where the project has not changed it.
YOURS = ("components/", "tests/", "pipeline.py", "requirements.txt")
PROJECT = "{" * 2 + "cookiecutter.project_slug" + "}" * 2  # the folder in the template
CI = {"github": ".github", "gitlab": ".gitlab-ci.yml", "azure-devops": "azure-pipelines.yml"}


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


def _said(result: "subprocess.CompletedProcess[str]") -> str:
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


# Updating


@task(help={"to": "a tag, branch or commit of the template; without, its newest"})
def update(c: Context, to: str = "") -> None:
    """Bring a newer template into this project, on a branch of its own."""
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
    _check_template(before["template"])
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
    git("commit", "--quiet", "--no-verify", "--message", f"Template updated to {_version(state())}")
    say(f"updated on the branch {branch}: {git('show', '--shortstat', '--format=').strip()}")
    _notes(before)
    if re.search(r"requirements\.txt$", git("show", "--name-only", "--format="), re.MULTILINE):
        say("the locks changed: renewing the environment")
        python("uv", "pip", "install", "--quiet", "--require-hashes", "--requirement", "requirements.txt")
    for check in ("lint", "test"):
        if python("invoke", check):
            raise fail(f"inv {check} does not pass with the newer template, on the branch {branch}; {undo}")
    say(f"inv lint and inv test pass; next: git switch {home} && git merge {branch}")


def python(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT).returncode


def _check_template(template: str) -> None:
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


def _changed_of_yours() -> list[str]:
    """The project's own files that differ from what the template once made."""
    result = cruft("diff")
    if result.returncode and not result.stdout:
        raise fail(f"cruft cannot compare the project with its template: {_said(result)}")
    paths = re.findall(r"^diff --git \S+?/(.+?) \S+?/.+$", result.stdout, re.MULTILINE)
    return sorted({path for path in paths if path.startswith(YOURS) and (ROOT / path).exists()})


def _merge(before: dict[str, Any], kept: list[str], base: str, to: str) -> bool:
    """Let cruft merge all but `kept`; whether there was anything to merge."""
    if kept:  # cruft reads what to leave alone from a file, and wants a clean tree
        write(STATE, json.dumps({**before, "skip": [*before.get("skip", []), *kept]}, indent=2) + "\n")
        git("commit", "--quiet", "--no-verify", "--all", "--message", "what cruft leaves alone")
    result = cruft("update", "--skip-apply-ask", *(["--checkout", to] if to else []))
    if result.returncode:
        raise fail(f"cruft could not update the project: {_said(result)}")
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


def _version(found: dict[str, Any]) -> str:
    return f"{found['context']['cookiecutter'].get('_template_version', '?')} ({found['commit'][:7]})"


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


@task
def status(c: Context) -> None:
    """Say which template the project has; exit code 1 where there is a newer one."""
    found = state()
    say(f"{found['template']}, version {_version(found)}")
    _check_template(found["template"])
    result = cruft("check")
    if "out of date" in result.stdout + result.stderr:
        raise fail("there is a newer template: inv template.update")
    if result.returncode:
        raise fail(f"cruft cannot tell: {_said(result)}")
    say("it is the newest")


# Linking a project that plain Cookiecutter made


@task(positional=["url"], help={"url": "the template's git address", "to": "the version it came from, if you know it"})
def link(c: Context, url: str, to: str = "") -> None:
    """Link a project that was made without cruft to its template, once."""
    if STATE.exists():
        raise fail(f"this project is linked already, to {state()['template']}.")
    if urlsplit(url).password or (urlsplit(url).username and urlsplit(url).scheme.startswith("http")):
        raise fail("the address holds credentials, which would be written to .cruft.json: give it without.")
    _check_template(url)
    with tempfile.TemporaryDirectory() as folder:
        git("clone", "--quiet", url, folder)
        clone = Path(folder)
        commit, same, whole = (git("rev-parse", f"{to}^{{commit}}", cwd=clone), 0, 0) if to else _origin(clone)
        tag = git("describe", "--tags", "--always", commit, cwd=clone)
    result = cruft("link", url, "--checkout", commit, "--no-input", "--extra-context", json.dumps(answers()))
    if result.returncode or not STATE.is_file():
        raise fail(f"cruft could not link the project: {_said(result)}")
    say(f"linked to {url} at {tag}" + (f", from which {same} of {whole} files are unchanged" if whole else ""))
    say("commit .cruft.json; then: inv template.status")


def _origin(clone: Path) -> tuple[str, int, int]:
    """The commit of the template that most files of the project are from, how many, and of how many that commit has.

    Almost all files are copied as they are, so git's hashes tell, without making anything.
    """
    best = ("", -1, 0)
    for commit in git("log", "--format=%H", "--all", cwd=clone).splitlines()[:500]:
        listed = git("ls-tree", "-r", "-z", commit, "--", PROJECT, cwd=clone).split("\0")
        files = {
            path.partition("/")[2]: about.split()[2]
            for about, _, path in (line.partition("\t") for line in listed)
            if path
        }
        there = [path for path in files if (ROOT / path).is_file()]
        if not there:
            continue
        hashes = git("hash-object", "--no-filters", "--", *there).splitlines()
        same = sum(files[path] == digest for path, digest in zip(there, hashes, strict=True))
        if same > best[1]:
            best = (commit, same, len(files))
    if not best[0]:
        raise fail("this project is not made from that template: none of its files is in any version of it.")
    return best


def answers() -> dict[str, str]:
    """The answers that the project was made with, as its files have them."""
    settings = yaml.safe_load((ROOT / "invoke.yaml").read_text(encoding="utf-8"))
    with (ROOT / "pyproject.toml").open("rb") as file:
        about = tomllib.load(file).get("project", {})
    readme = (ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").is_file() else ""
    title = re.match(r"# (.+)", readme)
    return {
        "project_name": title[1].strip() if title else settings["project"],
        "project_slug": settings["project"],
        "description": about.get("description", ""),
        "author": next((each["name"] for each in about.get("authors", []) if "name" in each), ""),
        "problem_type": (settings.get("parameters") or {}).get("problem_type", "classification"),
        "python_version": str(settings["python_version"]),
        "registry": settings["registry"],
        "cloud": settings.get("cloud", "none"),
        "ci": next((name for name, path in CI.items() if (ROOT / path).exists()), "none"),
    }
