"""Conditions as texts: made of what stands in `pipeline.py`, and made readable again."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from .replacing import replaced

ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


@contextlib.contextmanager
def quoted() -> Iterator[None]:
    """While it lasts, conditions are made with their texts escaped for CEL.

    kfp 2.17 pastes them in as they are, and the server then refuses an apostrophe.
    """
    from kfp.dsl import pipeline_channel

    plain = pipeline_channel.ConditionOperation

    def quoted_operation(operator: str, left_operand: Any, right_operand: Any, negate: bool = False) -> Any:
        return plain(operator, _escaped(left_operand), _escaped(right_operand), negate)

    with replaced(pipeline_channel, ConditionOperation=quoted_operation):
        yield


def _escaped(operand: Any) -> Any:
    return operand.translate(ESCAPES) if isinstance(operand, str) else operand


def readable(condition: str) -> str:
    """A compiled condition as it stood in the pipeline."""
    text = re.sub(r"\b(?:int|double|string|bool)\((inputs\.parameter_values\['.*?'\])\)", r"\1", condition)
    text = re.sub(r"inputs\.parameter_values\['(.*?)'\]", lambda match: readable_name(match[1]), text)
    return text.replace("&&", "and").replace("||", "or").replace("!(", "not (")


def readable_name(name: str) -> str:
    return name.removeprefix("pipelinechannel--")
