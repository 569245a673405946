"""How much of each part a page has room for, so that no data can make it larger than 1.5 MB."""

from collections.abc import Callable, Iterable
from typing import TypeVar

# Bytes of HTML: of all steps' reports, of all logs, of the graph, of the timeline, of the tables of loops, of each
# other table, and of all runs.
ROOM = {
    "reports": 550_000,
    "logs": 150_000,
    "graph": 200_000,
    "timeline": 40_000,
    "loops": 100_000,
    "table": 80_000,
    "runs": 1_200_000,
}
LINKS = 50_000  # of the room for reports: for links to those that are not shown
LISTED = 200  # reports and logs, even if each is but a link

T = TypeVar("T")


class Room:
    """What is left of the room for a part."""

    def __init__(self, part: str) -> None:
        self.left = ROOM[part]

    def take(self, size: int, keep: int = 0) -> bool:
        """Take so many bytes; where less than `keep` would be left, take none and say so."""
        fits = size + keep <= self.left
        self.left -= size if fits else 0
        return fits


def fitting(made: Callable[[T], str], things: Iterable[T], part: str) -> list[str]:
    """What a macro makes of each thing, as long as there is room for them."""
    room = Room(part)
    found = []
    for thing in things:
        text = made(thing)
        if not room.take(len(text.encode())):
            break
        found.append(text)
    return found
