"""The graph of a pipeline: its tasks, read from the compiled spec, and where each stands in a drawing."""

import re
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import DagSpec, PipelineSpec, PipelineTaskSpec

WIDTH, HEIGHT = 164, 46  # of a task, in pixels; so are the rest
GAP, DROP = 18, 34  # between two beside each other, and between two layers
FRAME, HEAD = 12, 24  # around what is in a group, and for what it is for
LETTER = 6.2  # of that text, on average
ALIKE = 4  # tasks with the same neighbours: more are drawn as one stack
MOST = 100  # tasks and stacks that are drawn, with ten times as many edges

Node = dict[str, Any]  # a task: `name`, the names that it comes `after`, and the groups that it is `inside`
Edges = dict[tuple[str, ...], set[tuple[str, str]]]  # by the group they are drawn in


# From the compiled pipeline


def order(dag: "DagSpec") -> list[str]:
    """The tasks of a DAG, each after those it depends on, and else by name: `train-2` before `train-10`."""

    def key(name: str) -> list[tuple[int, str]]:
        return [(int(part or 0), "") if part.isdigit() else (0, part) for part in re.split("([0-9]+)", name)]

    return list(
        TopologicalSorter({name: dag.tasks[name].dependent_tasks for name in sorted(dag.tasks, key=key)}).static_order()
    )


def nodes_of(spec: "PipelineSpec") -> list[Node]:
    """The tasks that run something, in topological order, with what each comes after and is inside."""

    def tasks(dag: Any, inside: list[str], before: list[str]) -> list[Node]:
        found: list[Node] = []
        ends: dict[str, list[str]] = {}  # what a task of this DAG is, where it is a DAG itself: its last tasks
        for name in order(dag):
            component = spec.components[dag.tasks[name].component_ref.name]
            after = [each for own in dag.tasks[name].dependent_tasks for each in ends[own]] or before
            if component.WhichOneof("implementation") == "dag":
                inner = tasks(component.dag, [*inside, name], after)
                used = {each for node in inner for each in node["after"]}
                found += inner
                ends[name] = [node["name"] for node in inner if node["name"] not in used]
            else:
                found.append({"name": name, "after": after, "inside": inside})
                ends[name] = [name]
        return found

    return tasks(spec.root.dag, [], [])


def groups_of(spec: "PipelineSpec") -> dict[str, str]:
    """What each group of tasks is for: a condition, what a loop goes through, or the name it was given."""
    found = {}
    for dag in [spec.root.dag, *(part.dag for part in spec.components.values() if part.HasField("dag"))]:
        for name, task in dag.tasks.items():
            if spec.components[task.component_ref.name].WhichOneof("implementation") == "dag":
                found[name] = _label(name, task)
    return found


def _label(name: str, task: "PipelineTaskSpec") -> str:
    given = str(task.task_info.name or name)
    if task.trigger_policy.condition:
        held = re.sub(r"\b(?:int|double|string|bool)\((inputs\.parameter_values\['.*?'\])\)", r"\1", _plain(task))
        held = re.sub(r"inputs\.parameter_values\['(.*?)'\]", r"\1", held)
        return f"{'if' if re.match(r'condition-[0-9]+$', given) else f'{given}: if'} {held}"
    items = task.parameter_iterator.items
    each = items.input_parameter.removeprefix("pipelinechannel--") or items.raw
    if not each and task.HasField("artifact_iterator"):
        each = task.artifact_iterator.items.input_artifact.removeprefix("pipelinechannel--")
    if each:
        return f"{'for each of' if re.match(r'for-loop-[0-9]+$', given) else f'{given}: each of'} {each}"
    if re.match(r"condition-branches-[0-9]+$", given):
        return "one of"
    return "with an exit handler" if re.match(r"exit-handler-[0-9]+$", given) else given


def _plain(task: "PipelineTaskSpec") -> str:
    condition = str(task.trigger_policy.condition).replace("pipelinechannel--", "")
    return condition.replace("&&", "and").replace("||", "or").replace("!(", "not (")


# Where each stands


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
    depth = len(path)
    boxes: dict[str, Box] = {}
    for node in [node for node in nodes if tuple(node["inside"][:depth]) == path]:
        name = node["inside"][depth] if len(node["inside"]) > depth else node["name"]
        if name in boxes:
            continue
        boxes[name] = box = Box([name])
        if len(node["inside"]) > depth:
            box.inner = _level(nodes, groups, edges, (*path, name))
            label = min(len(groups.get(name, name)) * LETTER + 2 * FRAME, 2 * WIDTH)
            box.width, box.height = max(box.inner.width + 2 * FRAME, label), box.inner.height + HEAD + FRAME
    before: dict[str, list[str]] = {name: [] for name in boxes}
    order = {name: number for number, name in enumerate(boxes)}
    for first, second in sorted(edges.get(path, ()), key=lambda edge: (order[edge[0]], order[edge[1]])):
        before[second].append(first)
    _stack(boxes, before)
    layer = dict.fromkeys(boxes, 0)
    for _ in boxes:  # where they come in topological order, the second time changes nothing
        known = dict(layer)
        for name in boxes:
            layer[name] = max((layer[each] + 1 for each in before[name]), default=0)
        if layer == known:
            break
    used = sorted(set(layer.values()))
    layer = {name: used.index(each) for name, each in layer.items()}
    layers: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for name in boxes:
        layers[layer[name]].append(name)
    # An edge over several layers gets a place of its own in each of those between.
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
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
            for one, other in zip(chains[-1], chains[-1][1:], strict=False):
                above.setdefault(other, []).append(one)
                below.setdefault(one, []).append(other)
    _untangle(layers, above, below)
    return _placed(layers, boxes, chains)


def _stack(boxes: dict[str, Box], before: dict[str, list[str]]) -> None:
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


def _untangle(layers: list[list[str]], above: dict[str, list[str]], below: dict[str, list[str]]) -> None:
    """Order each layer by the middle of its neighbours, down and up again: the barycenter heuristic of Sugiyama."""
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
    for chain in chains:
        points = []
        for name in chain:
            box, (top, bottom) = boxes[name], floors[name]
            middle = box.x + box.width / 2
            if name != chain[0]:
                points.append((middle, top))
            if name != chain[-1]:
                points += [(middle, box.y + box.height), (middle, bottom)] if box.names else [(middle, bottom)]
        made.edges.append(points)
    return made
