"""What the items of a loop over constants are, for kfp's checks of types and for what it declares.

kfp 2.17 takes all items to be as the first one, all parts of an item to be as its first part, and the items of a list
that is a part to be texts: it then refuses what is right, or declares a text where the server is given a number.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from .replacing import replaced

TYPES = {str: "str", bool: "bool", int: "int", float: "float", list: "list", dict: "dict"}
UNKNOWN = "String"  # kfp's own for it, which may be given to any input, and is declared as a text


@contextlib.contextmanager
def typed_items() -> Iterator[None]:
    """While it lasts, items of loops over constants, and their parts, have the types of all their values."""
    from kfp.dsl.for_loop import LoopArgumentVariable, LoopParameterArgument

    def typing(make: Any) -> Any:
        def made(self: Any, *arguments: Any, **named: Any) -> None:
            make(self, *arguments, **named)
            if (values := _constants(self)) is not None:
                self.channel_type = type_of(values)

        return made

    items = replaced(LoopParameterArgument, __init__=typing(LoopParameterArgument.__init__))
    with items, replaced(LoopArgumentVariable, __init__=typing(LoopArgumentVariable.__init__)):
        yield


@contextlib.contextmanager
def parts_in_groups() -> Iterator[None]:
    """While it lasts, what is in a group in a loop over constants may take a part of an item.

    kfp 2.17 looks for the whole item there, and ends in an assertion; the part, where it is missing, is mended later.
    """
    from kfp.compiler import pipeline_spec_builder as builder
    from kfp.compiler.compiler_utils import additional_input_name_for_pipeline_channel as passed
    from kfp.dsl.for_loop import LoopArgumentVariable
    from kfp.dsl.pipeline_channel import PipelineParameterChannel

    build = builder.build_task_spec_for_task

    def built(task: Any, parent_component_inputs: Any, *others: Any, **named: Any) -> Any:
        there = parent_component_inputs.parameters
        for name, value in task.inputs.items():
            if isinstance(value, LoopArgumentVariable) and passed(value.loop_argument) not in there:
                task.inputs[name] = PipelineParameterChannel(value.name, value.channel_type, task_name=value.task_name)
        return build(task, parent_component_inputs, *others, **named)

    with replaced(builder, build_task_spec_for_task=built):
        yield


def type_of(values: list[Any]) -> str:
    """The type, as kfp calls it, of all these values."""
    found = {TYPES.get(type(value), UNKNOWN) for value in values}
    if found == {"int", "float"}:
        return "float"
    return found.pop() if len(found) == 1 else UNKNOWN


def _constants(channel: Any) -> list[Any] | None:
    """All values of an item, or of a part of one, that stand in the pipeline; None where they do not."""
    from kfp.dsl.for_loop import LoopArgumentVariable, LoopParameterArgument

    if isinstance(channel, LoopArgumentVariable):
        items, part = _constants(channel.loop_argument), channel.subvar_name
        return None if items is None else [item[part] for item in items if isinstance(item, dict) and part in item]
    if not isinstance(channel, LoopParameterArgument):
        return None
    if isinstance(channel.items_or_pipeline_channel, list):
        return channel.items_or_pipeline_channel
    lists = _constants(channel.items_or_pipeline_channel)
    return None if lists is None else [item for each in lists if isinstance(each, list) for item in each]
