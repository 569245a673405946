"""Refuses a bad answer as soon as it is given, when there is no folder yet.

The hook `pre_gen_project` holds the rules and would refuse it too, but only when the folder has been made and every
question answered, and Cookiecutter prints a traceback of its own when a hook fails. So cookiecutter.json calls the
filter `checked` between its questions. The filter `quoted` is for the few files that Jinja renders.
"""

import difflib
import json
import runpy
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment, Template, TemplateError
from jinja2.ext import Extension

# Read once, on import: cruft removes its copy of the template while this module stays loaded.
HERE = Path(__file__).parent
RULES = runpy.run_path(str(HERE / "hooks" / "pre_gen_project.py"))
ROOM = 8  # MB that a project takes, and what it needs to be made
QUESTIONS = [name for name in json.loads((HERE / "cookiecutter.json").read_text("utf-8")) if name[:1] != "_"]


def refusal(*sentences: str) -> FailedHookException:
    """What ends Cookiecutter with exit code 1, these sentences and no traceback."""
    print("\n".join(sentences), file=sys.stderr)
    return FailedHookException("Nothing was generated.")


def checked(answers: Mapping[str, str]) -> str:
    """Nothing, or an exception that ends Cookiecutter."""
    context = click.get_current_context(silent=True)
    options = context.params if context else {}  # of Cookiecutter's own command, or of another that calls it
    output = options.get("output_dir")
    there = project_there(str(output), answers) if options.get("overwrite_if_exists") else []
    if refused := [*no_room(output), *unasked(options.get("extra_context")), *there]:
        raise refusal(*refused)
    if refused := RULES["problems"](answers):
        raise refusal(*refused)
    return ""


def no_room(output: Any) -> list[str]:
    """A sentence where the disk is too full for a project."""
    if not isinstance(output, str):
        return []
    folder = Path(output).absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free / 1e6
    return [f"There is no room for a project in {folder}: {free:.0f} MB are free, and it takes {ROOM}."] * (free < ROOM)


def project_there(output: str, answers: Mapping[str, str]) -> list[str]:
    """A sentence where there is a project already: `cookiecutter -f` would write over it, and with -s add what was
    deleted.
    """
    slug = answers.get("project_slug", "")
    project = Path(output) / slug
    there = bool(slug) and not RULES["slug_problem"](slug) and (project / "invoke.yaml").exists()
    return [f"{project} is a project already. Update it, in it: inv template.update"] * there


def unasked(given: Any) -> list[str]:
    """A sentence for each answer on the command line to what is not asked, which Cookiecutter would pass over."""
    found = []
    for name in [name for name in given if name not in QUESTIONS] if isinstance(given, dict) else []:
        near = difflib.get_close_matches(name, QUESTIONS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        found.append(f"There is no question {RULES['shown'](name)}; there are: {', '.join(QUESTIONS)}.{hint}")
    return found


class Answer(Template):
    """An answer that was given beforehand, which Cookiecutter takes for Jinja."""

    def render(self, *args: Any, **kwargs: Any) -> str:
        try:
            return super().render(*args, **kwargs)
        except FailedHookException:
            raise
        except Exception as problem:  # whatever an expression can come to
            raise no_jinja(problem) from None


def no_jinja(problem: Exception) -> FailedHookException:
    words = str(problem).rstrip(".")
    return refusal(
        f"An answer that is given beforehand is taken for Jinja, and one is none that works: {words}. "
        "To have its braces as they are, leave it out, and type it when it is asked for."
    )


def quoted(text: str) -> str:
    """A string of TOML or YAML. Jinja's `tojson` would write an emoji as two surrogates, which TOML refuses."""
    return json.dumps(text, ensure_ascii=False)


class Answers(Extension):
    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["checked"] = checked
        environment.filters["quoted"] = quoted
        plain = environment.from_string

        def from_string(source: Any, globals: Any = None, template_class: Any = None) -> Template:
            try:
                return plain(source, globals, template_class or Answer)
            except TemplateError as problem:
                raise no_jinja(problem) from None

        environment.from_string = from_string  # type: ignore[method-assign]
