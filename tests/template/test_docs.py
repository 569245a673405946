"""Every `inv` command in the READMEs and the docs is one that there is, with the flags that it has."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.template import PROJECT, TEMPLATE, Bake

PAGES = [TEMPLATE / "README.md", PROJECT / "README.md", *sorted((TEMPLATE / "docs").rglob("*.md"))]
WITHOUT = ("comparison.md", "index.md")  # pages that may name no command


PARSE = """
import json, sys
from invoke import Program
from invoke.parser import Parser
from tasks import ns
for page, arguments in json.load(sys.stdin):
    try:
        if len(arguments) == 1:  # a name in a sentence
            ns[arguments[0]]
            continue
        Parser(ns.to_contexts(ignore_unknown_help=True), initial=Program().initial_context).parse_argv(arguments)
    except Exception as error:
        print(page, ":", " ".join(arguments), "->", type(error).__name__, error)
"""


def commands(page: Path) -> list[str]:
    """The commands of a page: of its code blocks, and of what is in backticks within a line."""
    text = page.read_text(encoding="utf-8").replace("\\|", "|")
    text = re.sub(r"## Not yet\n.*?(?=\n## )", "", text, flags=re.DOTALL)
    blocks = re.findall(r"^(?:    |\$ )?(?:uv run )?(inv [^#\n]+)", text, re.MULTILINE)
    spans = re.findall(r"`(?:uv run |[A-Z_]+=\S+ )?(inv [^`]+)`", text)
    return [command.strip() for command in [*blocks, *spans]]


def arguments(command: str) -> list[str]:
    """A command as it would be typed: without what is optional in it, the first of several values."""
    command = re.sub(r"\[[^\]]*\]", "", command) if not re.search(r"=\[", command) else command
    command = re.sub(r"--on (\w+)(\|\w+)+", r"--on \1", command)
    parts = shlex.split(command)[1:]
    return parts[2:] if parts[:1] == ["-f"] else parts


def test_every_command_of_a_page_can_be_typed(bake: Bake) -> None:
    project = bake(cloud="azure")  # which has all the commands
    found = []
    for page in PAGES:
        typed = [arguments(command) for command in commands(page)]
        typed = [parts for parts in typed if parts and not parts[0].startswith(("-", "*")) and "*" not in parts[0]]
        assert typed or page.name in WITHOUT, page
        found += [(page.relative_to(TEMPLATE).as_posix(), parts) for parts in typed]
    result = subprocess.run(
        [sys.executable, "-c", PARSE], cwd=project, input=json.dumps(found), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_takes_every_command_of_the_docs() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    found = {
        command for text in texts for command in re.findall(r"(?:^    |`)(kubectl (?!`)[^`#\n]+)", text, re.MULTILINE)
    }
    assert len(found) >= 3
    for command in found:
        # Without a cluster, kubectl gets no further than its own flags.
        nowhere = [*shlex.split(command), "--server", "http://localhost:9", "--request-timeout", "1s"]
        said = subprocess.run(nowhere, capture_output=True, text=True).stderr
        assert "localhost:9" in said, (command, said)
