"""What the checkers find."""

from collections.abc import Callable

from ..project.component_check import check_components
from .python import python

Say = Callable[[str], None]


def audit() -> int:
    """Look up every package of the lock in the advisories on Python packages; return pip-audit's exit code.

    A package that cannot be looked up counts as a finding. The lock has the versions of every step too.
    """
    tool = ("uv", "tool", "run", "--quiet", "--from", "pip-audit==2.10.1", "pip-audit")
    options = ("--strict", "--progress-spinner", "off", "--disable-pip", "--require-hashes")
    return python(*tool, *options, "--requirement", "requirements.txt")


def lint_problems(say: Say) -> list[str]:
    """Run ruff, mypy and the component check; return one line for each that found something."""
    problems = []
    for name, arguments in {
        "ruff check": ("ruff", "check", "--quiet"),
        "ruff format": ("ruff", "format", "--check", "--quiet"),
        "mypy": ("mypy", "--no-error-summary"),
    }.items():
        if python(*arguments):
            remedy = {"ruff check": "python -m ruff check --fix", "ruff format": "python -m ruff format"}.get(name)
            problems.append(f"{name} found problems" + (f" (mend them with: {remedy})" if remedy else ""))
    found = check_components()
    for line in found:
        say(line)
    return [*problems, *(["component.yaml check found problems"] if found else [])]
