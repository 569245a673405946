"""Texts in conditions, quoted: kfp 2.17 pastes them into CEL as they are, and the server then refuses an apostrophe."""

import contextlib
from collections.abc import Iterator
from typing import Any

ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


@contextlib.contextmanager
def quoted() -> Iterator[None]:
    """While it lasts, conditions are made with their texts escaped for CEL."""
    from kfp.dsl import pipeline_channel

    plain = pipeline_channel.ConditionOperation

    def quoted_operation(operator: str, left_operand: Any, right_operand: Any, negate: bool = False) -> Any:
        return plain(operator, _escaped(left_operand), _escaped(right_operand), negate)

    pipeline_channel.ConditionOperation = quoted_operation
    try:
        yield
    finally:
        pipeline_channel.ConditionOperation = plain


def _escaped(operand: Any) -> Any:
    return operand.translate(ESCAPES) if isinstance(operand, str) else operand
