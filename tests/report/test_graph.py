"""The drawing of a pipeline's graph: nothing covers anything else, whatever the pipeline."""

import importlib.util
import itertools
import random
import sys
from types import ModuleType
from typing import Any

import pytest

from helpers.template import TEMPLATE


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    path = TEMPLATE / "{{cookiecutter.project_slug}}/tasks/report/layout.py"
    spec = importlib.util.spec_from_file_location("layout", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["layout"] = module  # dataclasses look for it there
    spec.loader.exec_module(module)
    return module


def pipeline(seed: int) -> list[dict[str, Any]]:
    """Up to 25 tasks, in groups in groups, each after some of the earlier ones."""
    chance = random.Random(seed)
    nodes: list[dict[str, Any]] = []
    groups: list[list[str]] = [[]]
    for number in range(chance.randint(1, 25)):
        if chance.random() < 0.25 and len(groups[-1]) < 3:
            groups.append([*chance.choice(groups), f"group{number}"])
        # A group is one task of what it is in: what comes after it cannot come before it too.
        inside = groups[-1] if chance.random() < 0.7 else groups[0]
        after = [
            each["name"]
            for each in nodes
            if chance.random() < 2 / len(nodes) and each["inside"] == inside[: len(each["inside"])]
        ]
        nodes.append({"name": f"task{number}", "after": after, "inside": inside})
    return nodes


def levels(layout: Any) -> Any:
    yield layout
    for box in layout.boxes:
        if box.inner:
            yield from levels(box.inner)


@pytest.mark.parametrize("seed", range(200))
def test_boxes_and_edges_keep_clear_of_each_other(drawing: ModuleType, seed: int) -> None:
    nodes = pipeline(seed)
    made = drawing.layout(nodes, {})
    names = [name for level in levels(made) for box in level.boxes if not box.inner for name in box.names]
    assert sorted(names) == sorted(node["name"] for node in nodes), "every task is drawn once"
    for level in levels(made):
        for box in level.boxes:
            assert box.x >= 0 and box.y >= 0
            assert box.x + box.width <= level.width + 0.01 and box.y + box.height <= level.height + 0.01
            if box.inner:
                assert box.inner.width <= box.width and box.inner.height < box.height
        for one, other in itertools.combinations(level.boxes, 2):
            apart = (
                one.x + one.width <= other.x
                or other.x + other.width <= one.x
                or one.y + one.height <= other.y
                or other.y + other.height <= one.y
            )
            assert apart, f"{one.names} and {other.names}"
        for points in level.edges:
            for (x, y), (_, end) in itertools.pairwise(points):
                assert end >= y, "edges go down"
                behind = [
                    box.names
                    for box in level.boxes
                    if box.x < x < box.x + box.width and y < box.y + box.height and end > box.y and y < end and x == _
                ]
                assert not behind, "an upright part of an edge passes behind a box"


def test_tasks_with_the_same_neighbours_are_one_stack(drawing: ModuleType) -> None:
    nodes = [{"name": "first", "after": [], "inside": []}]
    nodes += [{"name": f"task{number}", "after": ["first"], "inside": []} for number in range(98)]
    nodes += [{"name": "last", "after": [f"task{number}" for number in range(98)], "inside": []}]
    made = drawing.layout(nodes, {})
    assert [len(box.names) for box in made.boxes] == [1, 98, 1]
    assert made.drawn() == 3 and len(made.edges) == 2


def test_a_name_that_stands_in_two_groups_is_the_nearest(drawing: ModuleType) -> None:
    nodes = [
        {"name": "load", "after": [], "inside": ["one"]},
        {"name": "use", "after": ["load"], "inside": ["one"]},
        {"name": "load", "after": ["use"], "inside": ["two"]},
        {"name": "use", "after": ["load"], "inside": ["two"]},
    ]
    made = drawing.layout(nodes, {})
    assert [box.names for box in made.boxes] == [["one"], ["two"]]
    assert [len(level.edges) for level in levels(made)] == [1, 1, 1]


def test_a_graph_that_is_too_large_is_not_drawn(drawing: ModuleType) -> None:
    chain = [{"name": f"task{i}", "after": [f"task{i - 1}"] if i else [], "inside": []} for i in range(101)]
    assert drawing.layout(chain[:100], {}).drawn() == 100
    assert drawing.layout(chain, {}) is None
    dense = [{"name": f"task{i}", "after": [f"task{j}" for j in range(i)], "inside": []} for i in range(60)]
    assert drawing.layout(dense, {}) is None
