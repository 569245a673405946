"""What the command line takes that invoke 3.0.3 does not, and the nearest right word for one that it does not know.

invoke takes a fixed number of positional arguments (pyinvoke/invoke#760), none that may be left out, and `inv step
--help` runs a step called --help (pyinvoke/invoke#982): here `inv build [NAME ...]` and `inv runs.logs [ID] [STEP ...]`
are possible. What a token is, one method of its parser decides, which cannot be had from outside, and another one says
what is wrong. So these two are replaced. `tests/commands/test_positional.py` of the template says what to do when they
move.
"""

from typing import Any

from invoke.exceptions import ParseError
from invoke.parser.parser import ParseMachine

from ..terminal import near

_handle, _error = ParseMachine.handle, ParseMachine.error


def install() -> None:
    """Let positional arguments be optional or a list, `--help` be a flag of each command, and a slip be understood."""
    ParseMachine.handle = _handle_more  # type: ignore[method-assign]
    ParseMachine.error = _error_in_words  # type: ignore[method-assign]


def _handle_more(self: Any, token: str) -> None:
    if token == "--help" and self.context and not self.waiting_for_flag_value:
        for missing in self.context.missing_positional_args:
            missing.value = ""
    taken = self.waiting_for_flag_value or token.startswith("-") or token in self.contexts
    free = None if taken or not self.context or self.context.missing_positional_args else _free(self.context)
    if free is not None:
        free.value = token
        return
    try:
        _handle(self, token)
    except ParseError as error:
        if not str(error).startswith("No idea what"):
            raise
        raise ParseError(f"{error}{_hint(self, token)}", error.context) from None


def _error_in_words(self: Any, msg: str) -> None:
    """A flag is called as it is written."""
    if self.flag:
        where = " ".join(filter(None, ("inv", self.context.name, "--help")))
        msg = f"{msg.replace(f'Flag {self.flag!r}', f'--{self.flag.name}')} See: {where}"
    _error(self, msg)


def _free(context: Any) -> Any:
    """The positional argument that takes the next word: one that has its default, or else the list; None for none."""
    its = context.positional_args
    return next((each for each in its if each.kind is list or not each.got_value), None)


def _hint(self: Any, token: str) -> str:
    """What may have been meant, or where all that there is is listed."""
    name = self.context.name
    if token.startswith("-"):
        flags = [*self.context.flags, *self.context.inverse_flags]
        return near(token, flags) or f" The flags there are: inv {f'{name} ' if name else ''}--help"
    if family := sorted(each for each in self.contexts if each.startswith(f"{token}.")):
        return f" There are: {', '.join(family)}."
    hint = f" What {name} takes: inv {name} --help" if name else " The commands there are listed by: inv"
    return near(token, self.contexts) or hint
