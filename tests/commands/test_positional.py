"""Positional arguments that are lists or optional, slips, and the two methods of invoke's parser that are replaced."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from invoke.parser.context import ParserContext
from invoke.parser.parser import ParseMachine

from helpers.template import Bake

PARSE = """
import json, sys
from invoke import Program
from invoke.exceptions import ParseError
from invoke.parser import Parser
from tasks import ns
parser = Parser(ns.to_contexts(ignore_unknown_help=True), initial=Program().initial_context)
try:
    print([[each.name, *[arg.value for arg in each.positional_args]] for each in parser.parse_argv(sys.argv[1:])[1:]])
except ParseError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    return bake()


@pytest.mark.parametrize(
    ("given", "parsed"),
    {
        "build": "[['build', []]]",
        "build training prediction": "[['build', ['training', 'prediction']]]",
        "build training --platform linux/amd64 prediction": "[['build', ['training', 'prediction']]]",
        "build --names training prediction": "[['build', ['training', 'prediction']]]",
        "build training push prediction": "[['build', ['training']], ['push', ['prediction']]]",
        "runs.logs latest": "[['runs.logs', 'latest', []]]",
        "runs.logs latest training validation": "[['runs.logs', 'latest', ['training', 'validation']]]",
        "runs.compare a b c": "[['runs.compare', ['a', 'b', 'c']]]",
        "runs.logs": "[['runs.logs', 'latest', []]]",
        "runs.report --open 2026": "[['runs.report', '2026']]",
        "runs.report 2026 runs.show": "[['runs.report', '2026'], ['runs.show', 'latest']]",
        "step": "'step' did not receive required positional arguments: 'name'",
        "build training --platfrom": "No idea what '--platfrom' is! Did you mean '--platform'?",
        "build training --nonsense": "No idea what '--nonsense' is! The flags there are: inv build --help",
        "rnu --on docker": "No idea what 'rnu' is! Did you mean 'run'?",
        "lint deplyo": "No idea what 'deplyo' is! Did you mean 'deploy'?",
        "runs.lgos latest": "No idea what 'runs.lgos' is! Did you mean 'runs.logs'?",
        "template": "No idea what 'template' is! There are: template.link, template.status, template.update.",
        "xyzzy": "No idea what 'xyzzy' is! The commands there are listed by: inv",
        "doctor xyzzy": "No idea what 'xyzzy' is! What doctor takes: inv doctor --help",
        "--collection": "--collection needed value and was not given one! See: inv --help",
        "prune --runs --yes": "--runs needed value and was not given one! See: inv prune --help",
        "--nonsense": "No idea what '--nonsense' is! The flags there are: inv --help",
    }.items(),
)
def test_what_the_command_line_takes(project: Path, given: str, parsed: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PARSE, *given.split()], cwd=project, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == parsed


@pytest.mark.parametrize("command", ["step", "runs.logs", "build", "component.new"])
def test_help_is_no_positional_argument(project: Path, command: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "invoke", command, "--help"], cwd=project, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert f"Usage: inv[oke] [--core-opts] {command} " in result.stdout


def test_the_seam_into_invoke_says_what_to_do_when_a_release_moves_it() -> None:
    """`tasks/commands/positional.py` replaces `ParseMachine.handle` and `.error`, and reads three more names of its.

    Where this fails after an upgrade of invoke: see in its changelog whether it takes lists as positional arguments
    (pyinvoke/invoke#760) and `--help` after one that is missing (pyinvoke/invoke#982); the tests above say what has to
    work, optional ones and the nearest word included. If it does, delete that file and the line in `tasks/__init__.py`;
    if not, bring it into line with `invoke/parser/parser.py` of the new release.
    """
    assert list(inspect.signature(ParseMachine.handle).parameters) == ["self", "token"]
    source = inspect.getsource(ParseMachine)
    for name in (
        "self.context.missing_positional_args",
        "self.waiting_for_flag_value",
        "self.contexts",
        "self.context",
    ):
        assert name in source, name
    assert "positional_args" in vars(ParserContext("x"))
    unpatched = subprocess.run(
        [
            sys.executable,
            "-c",
            "from invoke.parser import *; print(Parser([ParserContext('a', args=[Argument('b', "
            "kind=list, positional=True)])]).parse_argv(['a', 'c']))",
        ],
        capture_output=True,
        text=True,
    )
    assert "No idea what 'c' is!" in unpatched.stderr, "invoke takes positional lists by itself now: see above"
