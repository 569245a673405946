"""The command line of a step: KFP's placeholders in its command and arguments, filled in.

The backend does so twice, in the driver (driver/util.go, resolveContainerArgs) and in the launcher
(component/launcher_v2.go, compileCmdAndArgs), the second time also in what the first has put in. Here each is filled in
once, in what the pipeline says and never in a value. How numbers are written follows from who of the two does it.
"""

import json
import re
from typing import Any

from .executions import Unresolved
from .values import Value, argument_of, text_of

PLACEHOLDER = re.compile(
    r"\{\{\$\}\}"
    r"|\{\{\$\.inputs\.parameters\['(?P<input>.+?)'\]\}\}"
    r"|\{\{\$\.(?P<way>inputs|outputs)\.artifacts\['(?P<artifact>.+?)'\]\.(?P<part>path|uri)\}\}"
    r"|\{\{\$\.outputs\.parameters\['(?P<output>.+?)'\]\.output_file\}\}"
)


def command_line(parts: list[str], parameters: dict[str, Value], executor_input: dict[str, Any]) -> list[str]:
    """The parts of a command with every placeholder filled in.

    `parameters` are the inputs that were given, without defaults; artifacts and outputs are those of the executor input
    (KFP's `ExecutorInput`, as JSON). An `IfPresent` gives none, one or several parts. Raises `Unresolved` for an input
    that has no value.
    """
    found: list[str] = []
    for part in parts:
        found += [_filled(each, parameters, executor_input) for each in _alternatives(part, parameters)]
    return found


def _alternatives(part: str, parameters: dict[str, Value]) -> list[str]:
    """What an `IfPresent` stands for; anything else as it is. Only parameters can be present, not artifacts.

    One that names an output is left as it is, in JSON (driver/util.go).
    """
    if "$.outputs" in part or not part.strip().startswith('{"IfPresent":'):
        return [part]
    choice = json.loads(part)["IfPresent"]
    chosen = choice.get("Then" if parameters.get(choice["InputName"]) is not None else "Else")
    parts = [chosen] if isinstance(chosen, str) else chosen or []
    if not all(isinstance(each, str) for each in parts):
        raise Unresolved("KFP 2.17 knows no Concat or IfPresent inside of an IfPresent")
    return parts


def _filled(part: str, parameters: dict[str, Value], executor_input: dict[str, Any]) -> str:
    """One part of a command with what it names put in, in one pass: nothing is looked for in what was put in."""
    write = text_of if "$.outputs" in part else argument_of  # the driver leaves the former to the launcher

    def stands_for(match: re.Match[str]) -> str:
        if name := match["input"]:
            if name not in parameters:
                raise Unresolved(f"its input '{name}' was not given, and KFP puts no default in its place")
            return write(parameters[name])
        if name := match["artifact"]:
            listed = executor_input[match["way"]]["artifacts"].get(name, {}).get("artifacts")
            return _place(listed[0], match["part"]) if listed else match[0]
        if name := match["output"]:
            declared = executor_input["outputs"]["parameters"].get(name)
            return str(declared["outputFile"]) if declared else match[0]
        return json.dumps(executor_input, ensure_ascii=False)

    return PLACEHOLDER.sub(stands_for, part)


def _place(artifact: dict[str, Any], part: str) -> str:
    return str(artifact.get("customPath") or artifact["uri"]) if part == "path" else str(artifact["uri"])
