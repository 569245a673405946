"""Positional arguments that invoke 3.0.3 does not know, as in `inv runs.logs ID [STEP ...]` and `inv build [NAME ...]`.

invoke takes a fixed number of them (pyinvoke/invoke#760), and `inv step --help` runs a step called --help
(pyinvoke/invoke#982). Neither can be had from outside of its parser: what a token is, one method of it decides. So this
one method is replaced. `tests/commands/test_positional.py` of the template says what to do when it moves.
"""

from typing import Any

from invoke.parser.parser import ParseMachine

_handle = ParseMachine.handle


def install() -> None:
    """Let the last positional argument of a command be a list, and `--help` be a flag of each command."""
    ParseMachine.handle = _handle_rest  # type: ignore[method-assign]


def _handle_rest(self: Any, token: str) -> None:
    if token == "--help" and self.context and not self.waiting_for_flag_value:
        for missing in self.context.missing_positional_args:
            missing.value = ""
    arguments = self.context.positional_args if self.context else []
    rest = next((argument for argument in arguments if argument.kind is list), None)
    taken = self.waiting_for_flag_value or token.startswith("-") or token in self.contexts
    if rest is None or taken or self.context.missing_positional_args:
        _handle(self, token)
    else:
        rest.value = token
