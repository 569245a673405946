"""KFP's tasks as `pipeline.py` makes them: who wants to hear of each, and from which line it comes."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from .replacing import replaced

Made = dict[tuple[str, str], int]  # the lines in which tasks are made, by function and task
Listener = Callable[[Any, Any], None]  # of a component and the task that was made of it


@contextlib.contextmanager
def heard_by(*listeners: Listener) -> Iterator[None]:
    """While it lasts, each listener is told of every task as it is made, before `pipeline.py` does anything with it."""
    from kfp.dsl.base_component import BaseComponent

    make = BaseComponent.__call__

    def made(self: Any, *arguments: Any, **inputs: Any) -> Any:
        task = make(self, *arguments, **inputs)
        for listener in listeners:
            listener(self, task)
        return task

    with replaced(BaseComponent, __call__=made):
        yield


def noting_lines(made: Made, path: str) -> Listener:
    """A listener that keeps the line of the file `path` in which each task is made, by the function it is made in and
    the task's name."""

    def note(component: Any, task: Any) -> None:
        frame = sys._getframe()
        while frame.f_back is not None and frame.f_code.co_filename != path:
            frame = frame.f_back
        if frame.f_code.co_filename == path:
            made[frame.f_code.co_name, task.name] = frame.f_lineno

    return note


def of_function(made: Made, name: str) -> dict[str, int]:
    """The lines of tasks by their names, in the order in which they were made; where several functions have one of a
    name, that of this function counts."""
    own = {task for function, task in made if function == name}
    return {task: line for (function, task), line in made.items() if function == name or task not in own}
