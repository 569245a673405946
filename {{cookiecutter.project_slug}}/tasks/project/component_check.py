"""Whether each `component.yaml`, or `component.{part}.yaml` beside it, is one that KFP takes, and fits its program."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from ..terminal import last_line
from .compiling import import_kfp, sentence
from .components import COMPONENTS, component_files, component_names


def check_components() -> list[str]:
    """What is wrong with the `component.yaml` files: one line each, with the file and what to do; empty if nothing is.

    Each is loaded as KFP loads it, and held against its program: the same options, required ones and defaults.
    """
    problems = []
    for path in [path for name in component_names() for path in component_files(name)]:
        try:
            _check_component(path.parent.name, path.read_text(encoding="utf-8"))
        except ValueError as error:
            problems.append(f"components/{path.parent.name}/{path.name}: {error}")
    return problems


def _check_component(name: str, text: str) -> None:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"is not valid YAML: {' '.join(str(error).split())}") from error
    document = document if isinstance(document, dict) else {}
    for kind in ("inputs", "outputs"):
        for item in document.get(kind) or []:
            for key in ("type", "description"):
                if not item.get(key):
                    raise ValueError(f"{kind[:-1]} '{item.get('name')}' has no {key}; add one.")
    container = (document.get("implementation") or {}).get("container") or {}
    if container.get("image") != name:
        raise ValueError(f"image must be '{name}', the component's name; registry and tag are filled in by the tasks.")
    options = _options_of_yaml(container, document)
    import_kfp()
    from kfp.components import load_component_from_text

    try:
        load_component_from_text(text)
    except Exception as error:
        raise ValueError(f"KFP cannot load it: {sentence(error)}") from error
    program = _options_of_program(container["command"], COMPONENTS / name / "src")
    for option in sorted(options.keys() | program.keys()):
        if option not in program:
            raise ValueError(f"passes {option}, which the program does not take; remove it, or add it to the program.")
        required, default = program[option]
        if option not in options:
            if required:
                raise ValueError(f"does not pass {option}, which the program requires; add it to args.")
        elif options[option] is not None and options[option] != default:
            raise ValueError(
                f"gives {option} the default {options[option]!r}, and the program {default!r}; make them equal."
            )


def _options_of_yaml(container: dict[str, Any], document: dict[str, Any]) -> dict[str, str | None]:
    """The options that `args` passes, each with the default of its input as text, or None where it has none."""
    inputs = {item["name"]: item for item in document.get("inputs") or []}
    outputs = {item["name"] for item in document.get("outputs") or []}
    options: dict[str, str | None] = {}
    option = None
    for part in container.get("args") or []:
        if isinstance(part, str) and part.startswith("--"):
            option = part
            options[option] = None
            continue
        if isinstance(part, dict):
            (placeholder, target), *rest = part.items()
            if rest or placeholder not in (
                "inputValue",
                "inputPath",
                "inputUri",
                "outputPath",
                "outputUri",
                "executorInput",
            ):
                raise ValueError(
                    f"unknown placeholder '{placeholder}'; use inputValue, inputPath, outputPath or executorInput."
                )
            known = outputs if placeholder.startswith("output") else inputs.keys()
            if placeholder != "executorInput" and target not in known:
                raise ValueError(
                    f"{{{placeholder}: {target}}} names nothing that is declared; declared are "
                    f"{', '.join(sorted(known))}."
                )
            if option and placeholder == "inputValue" and "default" in inputs[target]:
                options[option] = str(inputs[target]["default"])
        option = None
    return options


def _options_of_program(command: list[str], src: Path) -> dict[str, tuple[bool, str]]:
    """The options of a step's program: whether each is required, and its default as text.

    Asked of the program in a process of its own, so that steps may have modules of the same name.
    """
    module = command[-1]
    script = (
        "import importlib, json, sys, typer\n"
        "from shared.step import command\n"
        f"parameters = typer.main.get_command(command(importlib.import_module({module!r}).main)).params\n"
        "print(json.dumps({p.opts[0]: [p.required, '' if p.default is None else str(p.default)]"
        " for p in parameters if p.name != 'help'}))"
    )
    path = os.pathsep.join([str(src), str(COMPONENTS)])
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if result.returncode:
        raise ValueError(f"its program '{module}' cannot be imported: {last_line(result.stderr) or 'no message'}")
    found: dict[str, list[Any]] = json.loads(result.stdout)
    return {option: (bool(required), str(default)) for option, (required, default) in found.items()}
