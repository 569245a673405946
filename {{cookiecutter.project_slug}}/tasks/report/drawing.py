"""What graph.svg.j2 draws of a run: the layout of its graph, and what is said of each task in it."""

from typing import NamedTuple

from ..runs.loops import groups_of, task_of
from ..runs.record import Run, Step, state
from ..terminal import cut
from .layout import HEAD, LETTER, Box, layout

WORST = ("failed", "stopped", "running")


class Task(NamedTuple):
    """How a task is: its state, its seconds in words, and why it is not better."""

    status: str
    time: str
    reason: str


class Drawing:
    """The graph of a run's pipeline. Its `layout` is None where it is too large to be drawn."""

    head = HEAD

    def __init__(self, run: Run) -> None:
        self._run = run
        empty = _empty_loops(run)
        drawn = [node for node in run.graph if not empty & set(node["inside"])]
        self.names = [str(node["name"]) for node in drawn]
        self.left_out = [run.groups.get(name, name) for name in sorted(empty)]
        self.layout = layout(drawn, run.groups)
        self._placed = any(step.place for step in run.steps)

    def label(self, box: Box) -> str:
        """What a group is for."""
        return self._run.groups.get(box.names[0], box.names[0])

    def short_label(self, box: Box) -> str:
        """As much of that as there is room for."""
        return cut(self.label(box), int(box.width / LETTER) - 2)

    def task(self, box: Box, inside: list[str]) -> Task:
        """How a task is, or a stack of them: the worst of their states, and the seconds of all; so are iterations."""
        own = [step for step in self._run.steps if self._is_of(step, box.names, inside)]
        if not own:
            over = self._run.status in ("succeeded", "failed", "stopped")
            return Task("skipped" if over else "waiting", "", "")
        states = [state(step) for step in own]
        status = next((each for each in WORST if each in states), "")
        status = status or next((each for each in states if each != "skipped"), "skipped")
        times = len(own) - states.count("skipped")
        time = f"{sum(step.seconds for step in own):,.1f} s" if any(step.started for step in own) else ""
        reasons = {step.reason for step in own if step.reason and state(step) == status}
        return Task(status, f"{time}, {times}x" if times > len(box.names) else time, ", ".join(sorted(reasons)))

    def _is_of(self, step: Step, names: list[str], inside: list[str]) -> bool:
        if task_of(step) not in names:
            return False
        # Of an old record, a step's name has the loops and pipelines that it is in, but not the conditions.
        return groups_of(step) == inside if self._placed else set(groups_of(step)) <= set(inside)


def _empty_loops(run: Run) -> set[str]:
    """The loops of a run that succeeded which had no items, so that there is no step of them."""
    if run.status != "succeeded":
        return set()
    loops = {group for node in run.graph for group in node["inside"] if group.startswith("for-loop-")}
    return loops - {group for step in run.steps for group in groups_of(step)}


def curve(points: list[tuple[float, float]]) -> str:
    """The path of an edge: upright lines, and curves from one to the next."""
    (x, y), *rest = points
    path = f"M{x:.1f} {y:.1f}"
    for next_x, next_y in rest:
        if next_x == x:
            path += f" V{next_y:.1f}"
        else:
            middle = (y + next_y) / 2
            path += f" C{x:.1f} {middle:.1f} {next_x:.1f} {middle:.1f} {next_x:.1f} {next_y:.1f}"
        x, y = next_x, next_y
    return path


def tip(points: list[tuple[float, float]]) -> str:
    """The path of an edge's arrow."""
    x, y = points[-1]
    return f"M{x - 4:.1f} {y - 6:.1f} L{x:.1f} {y:.1f} L{x + 4:.1f} {y - 6:.1f}"
