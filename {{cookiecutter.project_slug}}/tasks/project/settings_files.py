"""Where settings come from: `invoke.yaml`, the file of `inv -f`, and `INVOKE_` variables."""

import difflib
import functools
import json
import math
import os
import sys
import traceback
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from invoke.config import AmbiguousMergeError, Config, merge_dicts
from invoke.exceptions import ParseError
from invoke.parser import Parser
from invoke.program import Program

from ..files import ROOT
from ..terminal import fail, near

VARIABLE = "KF_ENVIRONMENT"  # names a file of environments/, as `inv -f` does
INVOKES_OWN = {"INVOKE_DEBUG", "INVOKE_RUNTIME_CONFIG"}
ENVIRONMENTS = ROOT / "environments"


@functools.cache
def documents() -> dict[str, dict[str, Any]]:
    """The files that settings come from, by their names: `invoke.yaml`, and that of `inv -f` above it; read once.

    Raises `Exit` for one that cannot be read.
    """
    found = {"invoke.yaml": _document("invoke.yaml", ROOT / "invoke.yaml")}
    other = _other_file()
    if other is not None:
        found[name_of(other)] = _document(name_of(other), other.expanduser())
    return found


def acting_file() -> Path:
    """The file that a setting is written to: that of `inv -f` or of the environment where there is one."""
    return _other_file() or ROOT / "invoke.yaml"


def name_of(file: Path) -> str:
    """How a file of settings is called: by its place in the project, where it is there."""
    return file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else str(file)


def _other_file() -> Path | None:
    """The file of `inv -f`, read from the command line with invoke's own parser, or of the variable's environment."""
    try:
        core = Parser(initial=Program().initial_context, ignore_unknown=True).parse_argv(sys.argv[1:])[0]
    except ParseError:  # which invoke says itself
        return None
    if core.args.config.value == "":
        raise fail("inv -f takes the name of a file, and was given an empty one.")
    path = core.args.config.value or os.environ.get("INVOKE_RUNTIME_CONFIG")
    if not path and (name := os.environ.get(VARIABLE)):
        path = os.environ["INVOKE_RUNTIME_CONFIG"] = str(_of_environment(name))  # where invoke looks after this
    if not path:
        return None
    try:
        Path(path).expanduser()
    except RuntimeError:
        raise fail(f"inv -f: {path} begins with a home that is not known here: give the whole path.") from None
    if Path(path).suffix not in (".yaml", ".yml", ".json", ".py"):
        raise fail(f"inv -f: {path} is of a kind that invoke does not read; it reads .yaml, .yml, .json and .py.")
    return Path(path)


def _of_environment(name: str) -> Path:
    """The file of an environment. Raises `Exit` with the nearest name where there is none."""
    known = sorted(path.stem for path in ENVIRONMENTS.glob("*.yaml"))
    if name not in known:
        listed = ", ".join(known) or "none"
        raise fail(f"{VARIABLE}: there is no file environments/{name}.yaml; there are: {listed}.{near(name, known)}")
    return ENVIRONMENTS / f"{name}.yaml"


def environments() -> dict[str, dict[str, Any]]:
    """The files of all environments, by their names. Raises `Exit` for one that cannot be read."""
    names = sorted(path.name for path in ENVIRONMENTS.glob("*.yaml"))
    return {f"environments/{name}": _document(f"environments/{name}", ENVIRONMENTS / name) for name in names}


def acting() -> str:
    """The environment whose settings act: the name of a file of environments/; empty where invoke.yaml acts alone."""
    paths = [base / Path(name).expanduser() for name in documents() for base in (ROOT, Path.cwd())]
    return next((path.stem for path in paths if path.resolve().parent == ENVIRONMENTS.resolve()), "")


def _document(name: str, path: Path) -> dict[str, Any]:
    try:
        document = _read(path)
        if isinstance(document, dict):
            _check(name, document)
    except FileNotFoundError:
        if path.parent == ROOT and name == "invoke.yaml":
            raise fail(f"there is no invoke.yaml in {ROOT}; it holds the settings of the project.") from None
        raise fail(f"inv -f: there is no file {name}.") from None
    except OSError as error:
        raise fail(f"{name} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # also a date that is none, a text that is no UTF-8
        language = "JSON" if path.suffix == ".json" else "YAML"
        raise fail(f"{name} is not valid {language}: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise fail(f"{name} must be lines of 'name: value'.")
    return document


def _read(path: Path) -> Any:
    """What a file holds, by its kind, which are those that invoke reads."""
    if path.suffix == ".py":
        return _of_python(path)
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


def _of_python(path: Path) -> dict[str, Any]:
    """The names in a file of Python, which invoke runs after this. Raises `Exit` where it fails, with the line."""
    source, found = path.read_bytes(), {"__name__": "settings", "__file__": str(path)}
    try:
        exec(compile(source, str(path), "exec"), found)
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = error.lineno if isinstance(error, SyntaxError) else (lines or [0])[-1]
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        raise fail(f"inv -f: line {line} of {name_of(path)} fails with {said}") from None
    modules = [name for name, value in found.items() if isinstance(value, ModuleType)]
    if modules:
        raise fail(f"inv -f: {name_of(path)} imports {modules[0]}, and invoke takes no module for a setting.")
    return {name: value for name, value in found.items() if not name.startswith("__")}


def _check(file: str, value: Any, place: str = "") -> None:
    """Raises `Exit` for what is no setting's name or value, whatever the setting: invoke and KFP know texts, numbers
    that have an end, true and false, lists and lines.
    """
    where = f"{file}: {place}" if place else file
    if isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str):
                why = "as it does with on, no or 1; put it in quotes"
                raise fail(f"{where}: YAML reads a name in it as {name!r}, {why}.")
            _check(file, inner, f"{place}: {name}" if place else name)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(file, inner, place)
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise fail(f"{where} is a whole number of more than 64 bits, which nothing here can hold.")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise fail(f"{where} is {value}, which is no number that a setting can hold.")
    elif value is not None and not isinstance(value, str):
        quotes = "; put it in quotes" if isinstance(value, date) else ""
        raise fail(f"{where} is read as a {type(value).__name__}, and no setting takes one{quotes}.")


def check_variables(defaults: dict[str, Any]) -> None:
    """Raises `Exit` for an `INVOKE_` variable that names no setting, or cannot be what it names."""
    known = _known(defaults)
    for variable in sorted(name for name in os.environ if name.startswith("INVOKE_") and name not in INVOKES_OWN):
        _check_variable(variable, known)


def _known(defaults: dict[str, Any]) -> dict[str, Any]:
    """The names of all variables that invoke takes for a setting, and what that is without them."""
    whole = Config.global_defaults() | defaults
    for file, document in documents().items():
        try:
            merge_dicts(whole, document)
        except AmbiguousMergeError:
            sections = [name for name, value in whole.items() if isinstance(value, dict) and name in document]
            name = next((name for name in sections if not isinstance(document[name], dict)), "")
            words = (
                f"{name} must be lines of 'name: value'"
                if name
                else "a setting is a value in it, and a section elsewhere"
            )
            raise fail(f"{file}: {words}.") from None

    def leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
        if not isinstance(value, dict):
            yield path.upper(), value
            return
        for name in value:
            yield from leaves(f"{path}_{name}", value[name])

    return dict(leaves("INVOKE", whole))


def _check_variable(variable: str, known: dict[str, Any]) -> None:
    """Raises `Exit` for a variable that invoke would pass over, or end with a traceback for."""
    if variable not in known:
        nearest = difflib.get_close_matches(variable, known, n=1)
        hint = f" Did you mean {nearest[0]}?" if nearest else ""
        raise fail(f"the variable {variable} names no setting that invoke.yaml has.{hint} Unset it, or correct it.")
    value, given = known[variable], os.environ[variable]
    words = ""
    if isinstance(value, list | tuple):
        words = "stands for a list, which no variable can hold: put it into a file, inv -f FILE"
    elif isinstance(value, bool) and given not in ("0", "1", ""):
        words = f"takes 1 for true or 0 for false, not '{given}'"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            type(value)(given)
        except ValueError:
            words = f"takes a number, not '{given}'"
    if words:
        raise fail(f"the variable {variable} {words}.")
