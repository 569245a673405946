"""A figure: what was measured for a promise, with its samples and the load meanwhile."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    key: str  # of the promise
    value: float | None = None  # in the promise's unit; None where nothing was measured
    detail: str = ""  # what the value was made of, or why there is none
    samples: list[float] = field(default_factory=list)  # of the value
    load: float | None = None  # cores that others kept busy meanwhile


def taken(key: str, samples: Sequence[float], load: float, detail: str = "") -> Figure:
    """The median."""
    return Figure(key, statistics.median(samples), detail, list(samples), load)


def compared(key: str, ours: Sequence[float], theirs: Sequence[float], load: float, detail: str = "") -> Figure:
    """The ratio of two medians, of seconds that were measured in turn."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    said = f"{mine:.3g} s against {other:.3g} s"
    ratios = [one / two for one, two in zip(ours, theirs, strict=True)]
    return Figure(key, mine / other, f"{said}; {detail}" if detail else said, ratios, load)


def counted(key: str, value: float, detail: str = "") -> Figure:
    """What is the same each time."""
    return Figure(key, value, detail)


def skipped(key: str, why: str) -> Figure:
    return Figure(key, detail=why)
