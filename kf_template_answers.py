"""Refuses a bad answer as soon as it is given, when there is no folder yet.

The hook `pre_gen_project` holds the rules and would refuse it too, but only when the folder has been made and every
question answered, and Cookiecutter prints a traceback of its own when a hook fails. So cookiecutter.json calls the
filter `checked` between its questions. The filter `quoted` is for the few files that Jinja renders.
"""

import json
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path

from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension

# Read once, on import: cruft removes its copy of the template while this module stays loaded.
problems = runpy.run_path(str(Path(__file__).parent / "hooks" / "pre_gen_project.py"))["problems"]


def checked(answers: Mapping[str, str]) -> str:
    """Nothing, or an exception that ends Cookiecutter with exit code 1 and no traceback."""
    if refused := problems(answers):
        print("\n".join(refused), file=sys.stderr)
        raise FailedHookException("Nothing was generated.")
    return ""


def quoted(text: str) -> str:
    """A string of TOML or YAML. Jinja's `tojson` would write an emoji as two surrogates, which TOML refuses."""
    return json.dumps(text, ensure_ascii=False)


class Answers(Extension):
    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["checked"] = checked
        environment.filters["quoted"] = quoted
