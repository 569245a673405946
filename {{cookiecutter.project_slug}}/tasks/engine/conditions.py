"""Conditions and selectors, which are CEL expressions, evaluated by Google's own implementation of CEL.

As in the backend's expression/expression.go: a condition sees the inputs of its task as `inputs.parameter_values`, a
selector sees a value as `string_value` and as the field of its kind, and both know `parseJson`.
"""

import functools
import json
import re
from typing import Any

from ..project.condition_texts import readable, readable_name
from .values import Value, text_of, value_of

FIELDS = {bool: "bool_value", float: "number_value", list: "list_value", dict: "struct_value"}


def holds(condition: str, parameters: dict[str, Value]) -> bool:
    """Whether a condition is true. Raises `ValueError` where it cannot be evaluated."""
    found = _evaluated(condition, {"inputs": {"parameter_values": parameters}})
    if not isinstance(found, bool):
        raise ValueError(f"it is neither true nor false, but {found!r}")
    return found


def selected(selector: str, value: Value) -> Value:
    """The part of a value that a selector names. Raises `ValueError` where there is none."""
    fields = {"string_value": text_of(value)}
    if type(value) in FIELDS:
        fields[FIELDS[type(value)]] = value
    return value_of(_evaluated(selector, fields))


def shown(condition: str, parameters: dict[str, Value]) -> str:
    """A condition for people, with the values that it names."""
    names = list(dict.fromkeys(re.findall(r"inputs\.parameter_values\['(.*?)'\]", condition)))
    values = [f"{readable_name(name)} is {text_of(parameters.get(name)) or repr('')}" for name in names]
    return f"{readable(condition)} ({', '.join(values)})" if values else readable(condition)


def _evaluated(expression: str, variables: dict[str, Any]) -> Any:
    from cel_expr_python import cel

    try:
        result = _environment(tuple(variables)).compile(expression).eval(data=variables)
    except RuntimeError as error:
        raise ValueError(str(error).splitlines()[0]) from None
    if result.type() == cel.Type.ERROR:
        raise ValueError(str(result.value()))
    return result.plain_value()


@functools.cache
def _environment(names: tuple[str, ...]) -> Any:
    from cel_expr_python import cel

    parse = cel.Overload("parse_json", cel.Type.DYN, [cel.Type.STRING], impl=lambda text: value_of(json.loads(text)))
    functions = [cel.FunctionDecl("parseJson", [parse])]
    return cel.NewEnv(variables=dict.fromkeys(names, cel.Type.DYN), functions=functions)
