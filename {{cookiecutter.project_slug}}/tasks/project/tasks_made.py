"""KFP's tasks as `pipeline.py` makes them: who wants to hear of each, and from which line it comes."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

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

    BaseComponent.__call__ = made
    try:
        yield
    finally:
        BaseComponent.__call__ = make


def noting_lines(lines: dict[str, int], path: str) -> Listener:
    """A listener that keeps the line of the file `path` in which each task is made, by the task's name."""

    def note(component: Any, task: Any) -> None:
        frame = sys._getframe()
        while frame.f_back is not None and frame.f_code.co_filename != path:
            frame = frame.f_back
        if frame.f_code.co_filename == path:
            lines[task.name] = frame.f_lineno

    return note
