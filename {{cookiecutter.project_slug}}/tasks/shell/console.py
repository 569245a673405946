"""`inv shell`: a prompt with the runs at hand, IPython's where that is installed, else Python's own."""

import code
import importlib
import importlib.util
import rlcompleter
import sys
from typing import Any

from ..files import ROOT
from .trouble import Trouble
from .views import RunView, StepView, runs

GREETING = 'runs.latest["STEP"].OUTPUT is what a step made, runs lists the runs; it ends with: exit()'


def start() -> None:
    """Take what is typed, until its end."""
    sys.path.insert(0, str(ROOT))  # so that the project's own files can be imported
    names: dict[str, Any] = {"__name__": "__console__", "runs": runs}
    if importlib.util.find_spec("IPython"):
        print(GREETING, file=sys.stderr)
        importlib.import_module("IPython").start_ipython(argv=["--no-banner"], user_ns=names)
        return
    _complete(names)
    Console(names).interact(banner=GREETING, exitmsg="")


class Console(code.InteractiveConsole):
    """Python's own prompt, at which our mistakes are a sentence."""

    def showtraceback(self) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, Trouble):
            self.write(f"error: {error}\n")
        else:
            super().showtraceback()


class Completer(rlcompleter.Completer):
    """Completes what a step has by name: Python's own would load each output to see whether it can be called."""

    def attr_matches(self, text: str) -> list[str]:
        before, _, start = text.rpartition(".")
        thing: Any = self.namespace.get(before)  # type: ignore[attr-defined]
        if isinstance(thing, StepView | RunView):
            return [f"{before}.{name}" for name in dir(thing) if name.startswith(start or tuple(_public(thing)))]
        return list(super().attr_matches(text))


def _public(thing: object) -> list[str]:
    return [name for name in dir(thing) if not name.startswith("_")]


def _complete(names: dict[str, Any]) -> None:
    """Let Tab complete, where this Python has readline."""
    if importlib.util.find_spec("readline"):
        readline = importlib.import_module("readline")
        readline.set_completer(Completer(names).complete)
        readline.parse_and_bind("tab: complete")
