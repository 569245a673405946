"""Where each task of a graph stands in its drawing: layers from top to bottom, groups around what is in them."""

import itertools
from dataclasses import dataclass, field
from typing import Any

WIDTH, HEIGHT = 164, 46  # of a task, in pixels; so are the rest
GAP, DROP = 18, 34  # between two beside each other, and between two layers
FRAME, HEAD = 12, 24  # around what is in a group, and for what it is for
LETTER = 6.2  # of that text, on average
ALIKE = 4  # tasks with the same neighbours: more are drawn as one stack
MOST = 100  # tasks and stacks that are drawn, with ten times as many edges

Node = dict[str, Any]  # of graph.py
Edges = dict[tuple[str, ...], set[tuple[str, str]]]  # by the group they are drawn in
Before = dict[str, list[str]]  # the boxes that each box comes after


@dataclass
class Box:
    """A task, a stack of tasks, or a group with what is in it: `x` and `y` are those of its top left corner."""

    names: list[str]
    width: float = WIDTH
    height: float = HEIGHT
    x: float = 0
    y: float = 0
    inner: "Layout | None" = None


@dataclass
class Layout:
    """Boxes in layers from top to bottom, each below all that it comes after. `edges` are the points that each passes;
    all places count from the layout's own top left corner."""

    boxes: list[Box] = field(default_factory=list)
    edges: list[list[tuple[float, float]]] = field(default_factory=list)
    width: float = 0
    height: float = 0

    def drawn(self) -> int:
        return sum(box.inner.drawn() if box.inner else 1 for box in self.boxes)


def layout(nodes: list[Node], groups: dict[str, str]) -> Layout | None:
    """The drawing of a graph: groups around what is in them, wide enough for what they are for, as far as that goes,
    and no edge behind a box that it passes. None for a graph that is too large."""
    edges = _edges(nodes)
    if len(nodes) > 10 * MOST or sum(map(len, edges.values())) > 10 * MOST:
        return None
    made = _level(nodes, groups, edges, ())
    return made if made.drawn() <= MOST else None


def _edges(nodes: list[Node]) -> Edges:
    """Between tasks of different groups, an edge joins those groups."""
    places: dict[str, list[tuple[str, ...]]] = {}
    found: Edges = {}
    for node in nodes:
        own = (*node["inside"], node["name"])
        for name in node["after"]:
            # A name may stand in several groups: the nearest of the earlier ones is meant.
            for other in sorted(places.get(name, []), key=lambda place: -_shared(place, own))[:1]:
                common = _shared(other, own)
                if common < min(len(other), len(own)):
                    found.setdefault(own[:common], set()).add((other[common], own[common]))
        places.setdefault(node["name"], []).append(own)
    return found


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _level(nodes: list[Node], groups: dict[str, str], edges: Edges, path: tuple[str, ...]) -> Layout:
    """The layout of what is inside of the groups `path`."""
    boxes = _boxes(nodes, groups, edges, path)
    order = {name: number for number, name in enumerate(boxes)}
    before: Before = {name: [] for name in boxes}
    for first, second in sorted(edges.get(path, ()), key=lambda edge: (order[edge[0]], order[edge[1]])):
        before[second].append(first)
    _stack(boxes, before)
    layers = _layers(before)
    chains = _chains(layers, boxes, before)
    _untangle(layers, chains)
    return _placed(layers, boxes, chains)


def _boxes(nodes: list[Node], groups: dict[str, str], edges: Edges, path: tuple[str, ...]) -> dict[str, Box]:
    """The tasks and groups that are directly inside of the groups `path`, in the order of the nodes."""
    depth = len(path)
    boxes: dict[str, Box] = {}
    for node in [node for node in nodes if tuple(node["inside"][:depth]) == path]:
        grouped = len(node["inside"]) > depth
        name = node["inside"][depth] if grouped else node["name"]
        if name in boxes:
            continue
        boxes[name] = box = Box([name])
        if grouped:
            box.inner = _level(nodes, groups, edges, (*path, name))
            label = min(len(groups.get(name, name)) * LETTER + 2 * FRAME, 2 * WIDTH)
            box.width, box.height = max(box.inner.width + 2 * FRAME, label), box.inner.height + HEAD + FRAME
    return boxes


def _layers(before: Before) -> list[list[str]]:
    """Each box one layer below the lowest of those that it comes after."""
    layer = dict.fromkeys(before, 0)
    for _ in before:  # where they come in topological order, the second time changes nothing
        known = dict(layer)
        for name in before:
            layer[name] = max((layer[each] + 1 for each in before[name]), default=0)
        if layer == known:
            break
    return [[name for name in before if layer[name] == each] for each in sorted(set(layer.values()))]


def _chains(layers: list[list[str]], boxes: dict[str, Box], before: Before) -> list[list[str]]:
    """The boxes that each edge passes: over several layers, it gets a place of its own in each of those between."""
    layer = {name: number for number, names in enumerate(layers) for name in names}
    chains = []
    for name in list(boxes):
        for first in before[name]:
            chain = [first]
            for between in range(layer[first] + 1, layer[name]):
                place = f"{first}\0{name}\0{between}"
                boxes[place] = Box([], width=GAP, height=0)
                layers[between].append(place)
                chain.append(place)
            chains.append([*chain, name])
    return chains


def _stack(boxes: dict[str, Box], before: Before) -> None:
    """Make one box of many tasks that come after the same and before the same."""
    after: dict[str, list[str]] = {name: [] for name in boxes}
    for name, firsts in before.items():
        for first in firsts:
            after[first].append(name)
    alike: dict[tuple[Any, ...], list[str]] = {}
    for name, box in boxes.items():
        if not box.inner:
            alike.setdefault((tuple(sorted(before[name])), tuple(sorted(after[name]))), []).append(name)
    for names in alike.values():
        if len(names) > ALIKE:
            boxes[names[0]].names = names
            for name in names[1:]:
                del boxes[name], before[name]
    for name, firsts in before.items():
        before[name] = [first for first in firsts if first in boxes]


def _untangle(layers: list[list[str]], chains: list[list[str]]) -> None:
    """Order each layer by the middle of its neighbours, down and up again: the barycenter heuristic of Sugiyama."""
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for chain in chains:
        for one, other in itertools.pairwise(chain):
            above.setdefault(other, []).append(one)
            below.setdefault(one, []).append(other)
    place = {name: i for layer in layers for i, name in enumerate(layer)}
    for sweep in range(4):
        near, way = (above, layers) if sweep % 2 == 0 else (below, layers[::-1])
        for layer in way:
            middle = {name: place[name] * 1.0 for name in layer}
            middle |= {
                name: sum(place[each] for each in near[name]) / len(near[name]) for name in layer if name in near
            }
            layer.sort(key=lambda name: middle[name])
            place.update({name: i for i, name in enumerate(layer)})


def _placed(layers: list[list[str]], boxes: dict[str, Box], chains: list[list[str]]) -> Layout:
    """Give each box its place, each layer in the middle, and each edge its points."""
    widths = [sum(boxes[name].width for name in layer) + GAP * (len(layer) - 1) for layer in layers]
    made = Layout(width=max(widths))
    floors: dict[str, tuple[float, float]] = {}  # top and bottom of the layer that a box is in
    y = 0.0
    for layer, width in zip(layers, widths, strict=True):
        x, tall = (made.width - width) / 2, max(boxes[name].height for name in layer)
        for name in layer:
            box = boxes[name]
            box.x, box.y = x, y
            floors[name] = (y, y + tall)
            x += box.width + GAP
            if box.names:
                made.boxes.append(box)
        y += tall + DROP
    made.height = y - DROP
    made.edges = [_points(chain, boxes, floors) for chain in chains]
    return made


def _points(
    chain: list[str], boxes: dict[str, Box], floors: dict[str, tuple[float, float]]
) -> list[tuple[float, float]]:
    """The points of an edge: straight down to the floor of each layer, so that it passes behind no box."""
    points = []
    for name in chain:
        box, (top, bottom) = boxes[name], floors[name]
        middle = box.x + box.width / 2
        if name != chain[0]:
            points.append((middle, top))
        if name != chain[-1]:
            points += [(middle, box.y + box.height), (middle, bottom)] if box.names else [(middle, bottom)]
    return points
