"""The values of parameters: how KFP's backend writes them as text, reads them from text, and checks their types.

A value is what JSON has: None, str, bool, float (every number: the backend knows no other), list or dict.
"""

import json
import math
import re
from decimal import Decimal
from typing import Any

from ..terminal import cut

Value = Any

ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
TRUE, FALSE = {"1", "t", "T", "true", "TRUE", "True"}, {"0", "f", "F", "false", "FALSE", "False"}
TYPES = {
    "STRING": str,
    "NUMBER_INTEGER": float,
    "NUMBER_DOUBLE": float,
    "BOOLEAN": bool,
    "LIST": list,
    "STRUCT": dict,
    "TASK_FINAL_STATUS": dict,
    "TASK_CONFIG": dict,
}
WORDS = {
    "STRING": "a text",
    "NUMBER_INTEGER": "a whole number",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "LIST": "a list",
    "STRUCT": "a struct",
}


def value_of(found: Any) -> Value:
    """JSON with every number as a float, as in the backend's `structpb.Value`."""
    if isinstance(found, list):
        return [value_of(item) for item in found]
    if isinstance(found, dict):
        return {name: value_of(item) for name, item in found.items()}
    return float(found) if isinstance(found, int) and not isinstance(found, bool) else found


def json_text(value: Value) -> str:
    """Compact JSON with sorted keys, escaped angle brackets, and numbers as Go's encoding/json writes them."""
    if isinstance(value, list):
        return f"[{','.join(map(json_text, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{json_text(name)}:{json_text(value[name])}' for name in sorted(value))}}}"
    if isinstance(value, float):
        exponent = Decimal(repr(value)).adjusted()
        return _decimal(value) if not value or -7 < exponent < 21 else repr(value).replace("e-0", "e-")
    return re.sub("[<>&\u2028\u2029]", lambda found: ESCAPED[found[0]], json.dumps(value, ensure_ascii=False))


def text_of(value: Value) -> str:
    """A value inside a text, or as a text: numbers without exponent (metadata/converter.go, PbValueToText)."""
    if isinstance(value, float):
        return _decimal(value)
    return _text_of_others(value)


def argument_of(value: Value) -> str:
    """A value as an argument of its own: numbers as Go's `%g`, whole ones as `%d` (driver/util.go, pbValueToString)."""
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < 2**63
        return str(int(value)) if whole else _shortest(value)
    return _text_of_others(value)


def _text_of_others(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json_text(value)


def _decimal(number: float) -> str:
    """The digits of a number's shortest form, without exponent: Go's `FormatFloat(number, 'f', -1, 64)`."""
    if not math.isfinite(number):
        return {"inf": "+Inf", "-inf": "-Inf"}.get(str(number), "NaN")
    return format(Decimal(repr(number)), "f").removesuffix(".0")


def _shortest(number: float) -> str:
    """Go's `%g`: the shortest form, with an exponent below -4, and from a million on."""
    exponent = Decimal(repr(number)).adjusted() if math.isfinite(number) else 0
    if -4 <= exponent < 6:
        return _decimal(number)
    first, *rest = Decimal(repr(number)).normalize().as_tuple().digits
    mantissa = f"{first}.{''.join(map(str, rest))}".removesuffix(".")
    return f"{'-' if number < 0 else ''}{mantissa}e{exponent:+03d}"


def parsed(text: str, kind: str) -> Value:
    """The value of an output that a step wrote as text (metadata/converter.go, TextToPbValue).

    `kind` is its ParameterType. Raises `ValueError` where the text is no such value.
    """
    stripped = text.strip()
    if kind == "STRING":
        return text
    if kind == "NUMBER_INTEGER" and re.fullmatch(r"[+-]?\d+", stripped) and abs(int(stripped)) < 2**63:
        return float(int(stripped))
    if kind == "NUMBER_DOUBLE" and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", stripped):
        return float(stripped)
    if kind == "BOOLEAN" and stripped in TRUE | FALSE:
        return stripped in TRUE
    if kind in ("LIST", "STRUCT"):
        value = value_of(json.loads(text))
        if isinstance(value, TYPES[kind]):
            return value
    raise ValueError(f"it takes {WORDS.get(kind, kind)}, and got {cut(text, 80)!r}")


def converted(value: Value, kind: str) -> Value:
    """A value for an input of this ParameterType: anything becomes a text, and nothing else is changed.

    Raises `ValueError` where it has another type (driver/resolve.go, handleParamTypeValidationAndConversion).
    """
    if kind == "STRING":
        return text_of(value)
    if not isinstance(value, TYPES.get(kind, object)):
        raise ValueError(f"it takes {WORDS.get(kind, kind)}, and got {cut(json_text(value), 80)}")
    return value


def read_back(metadata: dict[str, Value]) -> dict[str, Value]:
    """An artifact's metadata as the next step gets it from ML Metadata (metadata/converter.go, StructValueToMLMDValue).

    Raises `ValueError` for what cannot be kept there.
    """
    found: dict[str, Value] = {}
    for name, value in metadata.items():
        if value is None:
            raise ValueError(f"the metadata '{name}' is null, which KFP does not keep")
        if isinstance(value, bool):
            found[name] = float(value)
        elif isinstance(value, list | dict):
            found[name] = {"list" if isinstance(value, list) else "struct": value}
        else:
            found[name] = value
    return found
