"""Random pipelines, as source for pipeline.py, and what comes of each: computed without concurrency, in a few lines.

A pipeline is a list of nodes. A step prints its name and the three numbers that it is given, and hands on one more than
their sum, or fails. Steps take the outputs of earlier ones and the items of the loops that they are in, or only come
after others, and stand in loops and in conditions on an output, both in each other.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

HEAD = '''\
from kfp import dsl

CODE = """
import json, pathlib, sys
name, bad, out = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
values = [int(each) for each in sys.argv[4:]]
print(json.dumps([name, *values]), flush=True)
found = sum(values) + 1
if bad and found % bad == 0:
    sys.exit(3)
out.parent.mkdir(parents=True, exist_ok=True)
out.write_text(str(found))
"""


@dsl.container_component
def step(name: str, bad: int, a: int, b: int, c: int, out: dsl.OutputPath(int)):
    return dsl.ContainerSpec(image="python:3.13-slim", command=["python3", "-c", CODE], args=[name, bad, out, a, b, c])


@dsl.pipeline
def pipeline():
'''


@dataclass
class Step:
    """Fails where what it would hand on is a multiple of `bad`; never where that is 0."""

    name: str
    takes: list[str]  # up to three names, of steps for their outputs and of loops for their items
    after: list[str]
    bad: int


@dataclass
class If:
    name: str
    on: str
    threshold: int
    then: list["Node"] = field(default_factory=list)
    other: list["Node"] = field(default_factory=list)


@dataclass
class Loop:
    name: str
    items: list[int]
    body: list["Node"] = field(default_factory=list)


Node = Step | If | Loop


class Maker:
    """Makes one pipeline of a seed."""

    def __init__(self, seed: int, size: int) -> None:
        self.chance, self.left, self.number = random.Random(seed), size, 0

    def name(self, kind: str) -> str:
        self.number += 1
        return f"{kind}{self.number}"

    def nodes(self, seen: list[str], items: list[str], depth: int = 0) -> list[Node]:
        """`seen` are the steps whose outputs can be taken here, `items` the loops whose items can."""
        found: list[Node] = []
        seen, here = list(seen), list[str]()
        for _ in range(self.chance.randint(1, 3) if depth else 6):
            if self.left <= 0 and found:
                break
            kind = self.chance.random()
            if kind < 0.2 and depth < 3 and seen:
                condition = If(self.name("if"), self.chance.choice(seen), self.chance.randint(1, 8))
                condition.then = self.nodes(seen, items, depth + 1)
                if self.chance.random() < 0.5:
                    condition.other = self.nodes(seen, items, depth + 1)
                found.append(condition)
            elif kind < 0.4 and depth < 2:
                loop = Loop(self.name("loop"), self.chance.sample(range(9), self.chance.randint(1, 3)))
                loop.body = self.nodes(seen, [*items, loop.name], depth + 1)
                found.append(loop)
            else:
                taken = [each for each in [*seen, *items] if self.chance.random() < 0.4][:3]
                after = [each for each in here if self.chance.random() < 0.2]
                bad = self.chance.choice([0, 0, 0, 3, 5])
                made = Step(self.name("step"), taken, after, bad)
                found.append(made)
                seen.append(made.name)
                here.append(made.name)
                self.left -= 1
        return found


def source(nodes: list[Node]) -> str:
    """pipeline.py of these nodes."""
    return HEAD + "".join(f"    {line}\n" for line in _lines(nodes))


def _lines(nodes: list[Node]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Step):
            taken = [each if each.startswith("loop") else f"{each}.output" for each in node.takes]
            given = ", ".join(f"{name}={value}" for name, value in zip("abc", [*taken, 0, 0, 0], strict=False))
            after = f".after({', '.join(node.after)})" if node.after else ""
            yield f'{node.name} = step(name="{node.name}", bad={node.bad}, {given}){after}'
        elif isinstance(node, Loop):
            yield f"with dsl.ParallelFor({node.items}) as {node.name}:"
            yield from (f"    {line}" for line in _lines(node.body))
        else:
            yield f"with dsl.If({node.on}.output > {node.threshold}):"
            yield from (f"    {line}" for line in _lines(node.then))
            if node.other:
                yield "with dsl.Else():"
                yield from (f"    {line}" for line in _lines(node.other))


@dataclass
class Reference:
    """What comes of a pipeline: the lines that its steps print, and whether one of them fails."""

    printed: list[str] = field(default_factory=list)
    failed: bool = False

    def walk(self, nodes: list[Node], values: dict[str, int | None]) -> None:
        """`values` are the outputs of steps, None of those that did not succeed, and the items of loops."""
        values = dict(values)
        for node in nodes:
            if isinstance(node, Step):
                values[node.name] = self.step(node, values)
            elif not all(self.ready(node, values)):
                continue
            elif isinstance(node, Loop):
                for item in node.items:
                    self.walk(node.body, {**values, node.name: item})
            else:
                on = values[node.on]
                self.walk(node.then if on is not None and on > node.threshold else node.other, values)

    def step(self, node: Step, values: dict[str, int | None]) -> int | None:
        if any(values[each] is None for each in [*node.takes, *node.after]):
            return None
        given = [*(values[each] or 0 for each in node.takes), 0, 0, 0][:3]
        found = sum(given) + 1
        self.printed.append(json.dumps([node.name, *given]))
        if node.bad and found % node.bad == 0:
            self.failed = True
            return None
        return found

    def ready(self, group: If | Loop, values: dict[str, int | None]) -> Iterator[bool]:
        """Whether all that a group takes from outside of it is there: it is not entered before."""
        yield from (values[each] is not None for each in _needs([group]) if each in values)


def _needs(nodes: list[Node]) -> Iterator[str]:
    """What nodes take and come after, wherever it is."""
    for node in nodes:
        if isinstance(node, Step):
            yield from [*node.takes, *node.after]
        elif isinstance(node, Loop):
            yield from _needs(node.body)
        else:
            yield node.on
            yield from _needs([*node.then, *node.other])
