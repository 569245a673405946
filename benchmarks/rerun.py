"""The loop of a working day: a rerun, and what commands take to start."""

import time
from datetime import datetime
from pathlib import Path

from figures import Figure, compared, taken
from measuring import in_turn, seconds
from projects import INVOKE, generate, inv, run_of

MORE = "    for _ in range(94):\n        train(learning_rate=learning_rate, **learning, **kind)\n"


def rerun(folder: Path) -> list[Figure]:
    project, larger = generate(folder / "rerun"), generate(folder / "larger")
    text = (larger / "pipeline.py").read_text(encoding="utf-8")
    head, mark, tail = text.partition("    with dsl.ParallelFor")  # the end of the first pipeline
    (larger / "pipeline.py").write_text(head + MORE + mark + tail, encoding="utf-8")
    inv(project, "run")

    def first_step() -> float:
        start = time.time()
        inv(project, "run", "--no-cache")
        return min(datetime.fromisoformat(step["started"]).timestamp() for step in run_of(project)["steps"]) - start

    (starts,), load_of_starts = in_turn(3, first_step)
    (cached,), load = in_turn(9, lambda: seconds([*INVOKE, "run"], project), warm_up=True)
    assert all(step["cached"] for step in run_of(project)["steps"])
    (listing,), load_of_list = in_turn(9, lambda: seconds([*INVOKE, "--list"], project), warm_up=True)
    (few, many), load_of_compile = in_turn(
        5, *(lambda root=root: seconds([*INVOKE, "compile"], root) for root in (project, larger)), warm_up=True
    )
    return [
        taken("rerun", cached, load),
        taken("first-step", starts, load_of_starts),
        taken("list", listing, load_of_list),
        taken("compile", few, load_of_compile),
        compared("compile-100", many, few, load_of_compile),
    ]
