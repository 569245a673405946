"""What a person sees and is asked: sentences, errors, and what a command is at.

On a terminal a list changes in place; elsewhere there is a line for each thing that is done.
"""

import contextlib
import difflib
import functools
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from .masking import masked

if TYPE_CHECKING:
    from rich.table import Table


def fail(message: str) -> Exit:
    """The exception that ends a command with exit code 1 and this sentence, without a traceback."""
    return Exit(f"error: {masked(message)}", code=1)


def message_of(error: Exit) -> str:
    """The sentence of such an exception, for a message that goes on."""
    return str(error.message).removeprefix("error: ")


def near(name: str, known: Iterable[str]) -> str:
    """The nearest right name, as a question; empty where none is near."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean '{found[0]}'?" if found else ""


def last_line(words: str) -> str:
    """The last line of a program's words that says anything; empty where none does."""
    return next((line.strip() for line in reversed(words.splitlines()) if line.strip()), "")


def cut(text: str, most: int) -> str:
    """Text of at most `most` characters; the last is an ellipsis where there were more."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


above: Callable[[str], None] | None = None  # while a list changes on the terminal: what prints above it


def say(text: str = "") -> None:
    """Print to the real standard output, at once, even while kfp's own is redirected; without credentials."""
    text = masked(text)
    try:
        above(text) if above else print(f"{text}\n", end="", file=sys.__stdout__, flush=True)
    except OSError:  # nobody reads any more, as in `inv runs | head`: what is under way goes on
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


# What a terminal obeys: texts that it takes, such as a title or the clipboard's; the cursor and colours; the rest.
SEQUENCE = re.compile(
    r"(?:\x1b[P\]X^_]|[\x90\x98\x9d-\x9f]).*?(?:\x07|\x1b\\|\x9c)|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]"
)
COLOUR = re.compile(r"(\x1b\[[0-9;:]*m)")
RESET = "\x1b[0m"


def printable(text: str) -> str:
    """Text that a terminal prints and does not obey: without escape sequences, and on one line."""
    text = SEQUENCE.sub("", masked(text))
    return "".join(letter if letter.isprintable() else " " for letter in text)


def harmless(line: str) -> str:
    """A line of a step's log for a terminal: its colours stay, whatever else a terminal would obey goes.

    As it is where there is no terminal, for a file or another program.
    """
    if not (sys.__stdout__ and sys.__stdout__.isatty()):
        return line
    text, *rest = COLOUR.split(line)
    others = "".join(f"{colour}{_obeyed_by_none(part)}" for colour, part in zip(rest[::2], rest[1::2], strict=True))
    return f"{_obeyed_by_none(text)}{others}{RESET if rest else ''}"


def _obeyed_by_none(text: str) -> str:
    return "".join(letter if letter == "\t" or letter.isprintable() else " " for letter in SEQUENCE.sub("", text))


def on_terminal() -> bool:
    return bool(sys.__stdout__ and sys.__stdout__.isatty() and os.environ.get("TERM") != "dumb")


def sure(question: str, yes: bool) -> None:
    """Ask before something is lost. Raises `Exit` on a no, and where there is no terminal to ask on."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise fail(f"{question} There is no terminal to ask on: say it with --yes.")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise Exit("nothing was done", code=1)


# What a command is at

SIGNS = {"failed": "✗", "stopped": "■", "skipped": "-", "waiting": "·", "cached": "≡"}
COLOURS = {"failed": "red", "failing": "red", "stopped": "red", "skipped": "dim", "waiting": "dim", "cached": "cyan"}
DONE = ("succeeded", "built", "pushed", "pulled", "ready")


@dataclass
class Row:
    """One thing of several that are worked on: `seconds` that it has taken, and a `note` on what it is at."""

    name: str
    state: str = "waiting"
    seconds: float | None = None
    note: str = ""


def plain(text: str) -> None:
    """Say that something is done, where no list shows it."""
    if above is None:
        say(text)


@contextlib.contextmanager
def live(rows: Callable[[], list[Row]]) -> Iterator[None]:
    """Show `rows()` on a terminal while it lasts, and how they ended. What is said meanwhile stands above."""
    global above
    if not on_terminal():
        yield
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(file=sys.__stdout__, highlight=False)
    signs = console.encoding.startswith("utf")

    def shown() -> "Table":
        return _table(_fitting(rows(), max(console.height - 2, 3)), signs)

    try:
        with Live(get_renderable=shown, console=console, transient=True, redirect_stdout=False, redirect_stderr=False):
            above = functools.partial(console.print, markup=False, soft_wrap=True)
            yield
    finally:
        above = None
        with contextlib.suppress(OSError):  # a terminal that was closed
            console.print(_table(rows(), signs))


def _fitting(rows: list[Row], most: int) -> list[Row]:
    """Rows for a screen of `most` lines: what runs and what failed before what is done last and what waits."""
    if len(rows) <= most:
        return rows
    waiting = [row for row in rows if row.state in ("waiting", "skipped")]
    done = [row for row in rows if row.state in (*DONE, "cached")]
    busy = [row for row in rows if row not in waiting and row not in done]
    kept = [*busy, *done[::-1], *waiting][: most - 1]
    rest = Counter(row.state for row in rows if row not in kept)
    more = Row("", "", note=", ".join(f"{count} more {state}" for state, count in rest.items()))
    return [*(row for row in rows if row in kept), more]


def _table(rows: list[Row], signs: bool) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True, overflow="ellipsis")
    for row in rows:
        sign = "✓" if row.state in DONE else SIGNS.get(row.state, "…" if row.state else "")
        colour = "green" if row.state in DONE else COLOURS.get(row.state, "yellow" if row.state else "")
        cells = [f"  {row.name}", f"{sign if signs else ''} {row.state}".strip()]
        cells += ["" if row.seconds is None else f"{row.seconds:.1f} s", row.note]
        styles = ["", colour, "", "dim"]
        table.add_row(*(Text(printable(cell), style=style) for cell, style in zip(cells, styles, strict=True)))
    return table
