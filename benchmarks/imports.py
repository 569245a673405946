"""What each step imports before it does anything."""

import json
import os
import subprocess
import sys
from pathlib import Path

from figures import Figure, taken
from measuring import in_turn
from projects import generate, path_of

MANY = 20  # modules from which on a package is named
LOOK = """\
import collections, json, sys, time
start = time.process_time()
import {program}
took = time.process_time() - start
found = collections.Counter(name.partition(".")[0] for name in sys.modules)
print(json.dumps([took, {{name: count for name, count in found.items() if name not in sys.stdlib_module_names}}]))
"""


def imports(folder: Path) -> list[Figure]:
    project = generate(folder / "imports")
    programs = [
        path for path in sorted(project.glob("components/*/src/*.py")) if "__main__" in path.read_text(encoding="utf-8")
    ]
    return [figure(project, path) for path in programs]


def figure(project: Path, program: Path) -> Figure:
    packages: dict[str, int] = {}

    def look() -> float:
        env = {**os.environ, "PYTHONPATH": path_of(project, program.parents[1].name)}
        command = [sys.executable, "-c", LOOK.format(program=program.stem)]
        took, found = json.loads(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)
        packages.update(found)
        return float(took)

    (times,), load = in_turn(3, look, warm_up=True)
    large = sorted(
        (name for name, count in packages.items() if count >= MANY and name != "shared"),
        key=lambda name: -packages[name],
    )
    return taken(f"import-{program.stem}", times, load, ", ".join(large))
