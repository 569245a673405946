"""How a table was understood, on the terminal: a line a column."""

import sys

from ..terminal import on_terminal, printable
from .schema_yaml import shown
from .understanding import Column

NAME = 80  # characters of a name that are shown


def show(columns: list[Column], target: str) -> None:
    """Print the columns; the notes of one go on below where the terminal is narrow."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("column", "kind"):
        table.add_column(heading, overflow="fold", max_width=32)
    for heading in ("missing", "distinct"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("values", overflow="fold", max_width=40)
    table.add_column("note", overflow="fold")
    for column in columns:
        name = column.name[:NAME] + "…" * (len(column.name) > NAME) + (" (target)" if column.name == target else "")
        gaps = f"{column.missing:,}" if column.missing else ""
        many = f"{column.distinct:,}" if column.kind != "left out" else ""
        cells = [name, column.kind, gaps, many, _values(column), "; ".join(column.notes)]
        table.add_row(*(Text(printable(cell)) for cell in cells))
    width = None if on_terminal() else 200
    Console(file=sys.__stdout__, highlight=False, width=width).print(table)


def _values(column: Column) -> str:
    """The ends of a range, or the most frequent values."""
    if column.low is not None:
        return f"{shown(column.low)} to {shown(column.high)}"
    return ", ".join(example[:20] + "…" * (len(example) > 20) for example in column.examples)
