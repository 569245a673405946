"""The parameters of a run: the pipeline's, those of `invoke.yaml`, and those that were given."""

import contextlib
import json
import math
import re
from collections import ChainMap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..masking import MASK, learn, masked_values
from ..terminal import cut, fail, near
from .pipelines import check_name
from .settings import Settings

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec


# Settings that are the value of a pipeline's parameter of the same name.
SETTINGS = ("models", "promotion", "drift")


# parameter_type of a compiled pipeline -> its name in Python, how a text becomes one, what it may be already
def _flag(text: str) -> bool:
    try:
        return {"true": True, "false": False}[text.lower()]
    except KeyError:
        raise ValueError(text) from None


def _float(text: Any) -> float:
    """A number that JSON can hold too: no infinity, and no NaN."""
    if not math.isfinite(value := float(text)):
        raise ValueError(text)
    return value


def _finite(value: Any) -> bool:
    """Whether JSON can hold a value: it has no infinity, and no NaN."""
    if isinstance(value, list | dict):
        return all(map(_finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)


def _json(kind: type) -> Any:
    def parse(text: str) -> Any:
        value = json.loads(text)
        if not isinstance(value, kind) or not _finite(value):
            raise ValueError(text)
        return value

    return parse


_TYPES: dict[int, tuple[str, Any, tuple[type, ...]]] = {
    1: ("float", _float, (int, float)),
    2: ("int", int, (int,)),
    3: ("str", str, (str,)),
    4: ("bool", _flag, (bool,)),
    5: ("list", _json(list), (list,)),
    6: ("dict", _json(dict), (dict,)),
}


def typed(name: str, value: Any, known: dict[str, int], where: str = "-p") -> Any:
    """The value of a pipeline parameter in its own type.

    `value` is a text from the command line or a value from `invoke.yaml`, `known` maps the pipeline's parameters to
    their types. Raises `Exit` for an unknown name or a value of another type, with the list of the right ones.
    """
    learn(value, name)
    listing = ", ".join(f"{key} ({_TYPES[known[key]][0]})" for key in sorted(known)) or "none"
    if name not in known:
        raise fail(f"{where}: the pipeline has no parameter '{name}'.{near(name, known)} It takes: {listing}.")
    kind, parse, allowed = _TYPES[known[name]]
    found: Any = None
    with contextlib.suppress(ValueError, OverflowError, TypeError):
        json.dumps(value, ensure_ascii=False).encode()  # a byte that is no UTF-8, a date
        if isinstance(value, allowed) and _finite(value) and not (isinstance(value, bool) and bool not in allowed):
            found = parse(value) if kind == "float" else value
        elif isinstance(value, str):
            found = parse(value)
    if found is None:
        given = cut(repr(value), 200)
        raise fail(f"{where}: parameter '{name}' takes a value of type {kind}, not {given}. The parameters: {listing}.")
    if number := next(_not_kept(found), ""):
        raise fail(
            f"{where}: parameter '{name}' holds {number}, and KFP keeps whole numbers as doubles, which are exact up "
            "to 2**53; write it as a text, for a parameter of type str."
        )
    return found


def _not_kept(value: Any) -> Iterator[str]:
    """The whole numbers in a value that would change on their way, or that no step could read."""
    if isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _not_kept(item)
    elif isinstance(value, int) and (abs(value) >= 2**63 or int(float(value)) != value):
        yield cut(str(value), 60)


def settings_values(pipeline: str, known: dict[str, int], config: Settings) -> dict[str, Any]:
    """What `invoke.yaml` gives the parameters of a pipeline: those that all share, and above them its own.

    `known` are the pipeline's parameters with their types. Raises `Exit` as `typed` does.
    """
    shared = {name: value for name, value in config.parameters.items() if name in known}
    given = {name: getattr(config, name) for name in SETTINGS}
    if "://" not in config.models:
        del given["models"]  # a folder of this machine, which is filled in where a run can see it
    shared |= {name: value for name, value in given.items() if name in known and value}
    found = {name: typed(name, value, known, "invoke.yaml") for name, value in shared.items()}
    own = (config.pipelines.get(pipeline) or {}).items()
    return found | {name: typed(name, value, known, f"invoke.yaml: pipelines: {pipeline}") for name, value in own}


def check_settings_names(types: dict[str, dict[str, int]], config: Settings) -> None:
    """Raises `Exit` for a parameter or a pipeline in `invoke.yaml` that there is none of.

    `types` are the parameters of each pipeline with their types.
    """
    for name in config.pipelines:
        check_name(name, list(types), "invoke.yaml: pipelines: pipeline.py")
    for name, value in config.parameters.items():
        if not any(name in known for known in types.values()):
            typed(name, value, dict(ChainMap(*types.values())), "invoke.yaml")


def parameter_values(spec: "PipelineSpec", given: list[str]) -> dict[str, Any]:
    """All parameters of a run: `name=value` texts over the compiled defaults.

    Raises `Exit` for an unknown, ill-typed, repeated or missing parameter.
    """
    known = spec.root.input_definitions.parameters
    values = given_values(spec, given)
    compiled = default_values(spec)
    for name in sorted(known):
        if name in values:
            continue
        if name not in compiled:
            raise fail(f"the parameter '{name}' has no value; give one with -p {name}=... or in invoke.yaml.")
        values[name] = compiled[name]
    check_whole(values)
    return values


def check_whole(values: dict[str, Any]) -> None:
    """Raises `Exit` for a value that has a mask where its credentials were, as `inv data.adopt` leaves it."""
    for name, value in values.items():
        if isinstance(value, str) and re.search(rf"(?:://|=|%3D){re.escape(MASK)}", value):
            raise fail(
                f"the parameter '{name}' has {MASK} where its credentials were, {value!r}: give it whole, "
                f"in the variable INVOKE_PARAMETERS_{name.upper()}, or with -p {name}=..."
            )


def given_values(spec: "PipelineSpec", given: list[str]) -> dict[str, Any]:
    """What `name=value` texts give. Raises `Exit` for an unknown, ill-typed or repeated parameter."""
    definitions = spec.root.input_definitions.parameters
    types = {name: definitions[name].parameter_type for name in definitions}
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        learn(value, name)
        if not equals:
            raise fail(f"-p takes name=value, and '{text}' has no '='.")
        if name in values:
            raise fail(f"-p: parameter '{name}' is given twice.")
        values[name] = typed(name, value, types)
    return values


def default_values(spec: "PipelineSpec") -> dict[str, Any]:
    """The compiled defaults of a pipeline's parameters: those of `pipeline.py` and, above them, of `invoke.yaml`.

    An optional parameter without a default is None, as KFP's server has it.
    """
    from google.protobuf.json_format import MessageToDict

    found: dict[str, Any] = {}
    for name, definition in spec.root.input_definitions.parameters.items():
        given = definition.HasField("default_value")  # which a compiled file need not call optional
        if definition.is_optional or given:
            value = MessageToDict(definition.default_value) if given else None
            found[name] = value if definition.parameter_type == 1 else whole(value)
    learn(found)
    return found


def own_defaults(spec: "PipelineSpec") -> dict[str, Any]:
    """The defaults that a person may have set: without those that are filled in."""
    return {name: value for name, value in default_values(spec).items() if not is_filled_in(name)}


def is_filled_in(name: str) -> bool:
    """Whether a parameter's value comes from the project when a run starts (see filled_in.py)."""
    return name == "code" or name.endswith("_fingerprint")


def with_credentials(spec: "PipelineSpec") -> dict[str, Any]:
    """The compiled defaults that hold credentials, which no compiled file has."""
    return {name: value for name, value in default_values(spec).items() if masked_values(value, name) != value}


def whole(value: Any) -> Any:
    """A value with its whole numbers as int: protobuf knows floats alone. From 1e21 on they stay, as JSON has them."""
    if isinstance(value, list):
        return [whole(item) for item in value]
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e21 else value
