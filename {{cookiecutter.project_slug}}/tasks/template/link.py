"""Linking a project that plain Cookiecutter made to its template, once."""

import json
import re
import tempfile
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from ..files import ROOT, write
from ..terminal import fail, say
from .git import STATE, cloned, commit_of, git, state
from .rendering import render

PROJECT = "{" * 2 + "cookiecutter.project_slug" + "}" * 2  # the folder in the template


CI = {"github": ".github", "gitlab": ".gitlab-ci.yml", "azure-devops": "azure-pipelines.yml"}


def link(url: str, to: str) -> None:
    """Link a project that was made without cruft to its template, once."""
    if STATE.exists():
        raise fail(f"this project is linked already, to {state()['template']}.")
    if urlsplit(url).password or (urlsplit(url).username and urlsplit(url).scheme.startswith("http")):
        raise fail("the address holds credentials, which would be written to .cruft.json: give it without.")
    with cloned(url) as clone, tempfile.TemporaryDirectory() as folder:
        commit, same, whole = (commit_of(clone, to), 0, 0) if to else _origin(clone)
        tag = git("describe", "--tags", "--always", commit, cwd=clone)
        context = render(clone, commit, answers(), Path(folder, "made")) | {"_template": url}
    kept = {"template": url, "commit": commit, "checkout": None, "context": {"cookiecutter": context}}
    write(STATE, json.dumps(kept, indent=2) + "\n")
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
