"""What the executor of pipelines costs beyond the processes that it starts, measured in one run."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[1]
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
INVOKE = [sys.executable, "-m", "invoke"]
ROW = tuple[str, str, str]

SETTINGS = """\
project: speed
registry: localhost:5001
python_version: "3.13"
experiment: speed
template_version: "0"
parameters: {}
"""
# Steps that do next to nothing, as many as there are in the file's name.
TRIVIAL = """\
from kfp import dsl


@dsl.container_component
def trivial(number: int):
    return dsl.ContainerSpec(image="alpine", command=["python3", "-S", "-c", "pass"], args=[number])


@dsl.pipeline
def pipeline():
    with dsl.ParallelFor(list(range(COUNT))) as number:
        trivial(number=number)
"""
TRAINING = """\
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_val_score

random = np.random.default_rng(0)
x = random.random((344, 7))
cross_val_score(HistGradientBoostingClassifier(), x, (3 * x[:, 0] + random.random(len(x))).astype(int), cv=5)
"""
TRAININGS = """\
from pathlib import Path

from kfp import dsl


@dsl.container_component
def train(number: int):
    return dsl.ContainerSpec(image="alpine", command=["python3", str(Path(__file__).parent / "fit.py")], args=[number])


@dsl.pipeline
def pipeline():
    for number in range(COUNT):
        train(number=number)
"""


def project(folder: Path, pipeline: str, count: int) -> Path:
    """A project of nothing but a pipeline."""
    root = folder / f"of-{count}-{len(list(folder.iterdir()))}"
    (root / "components").mkdir(parents=True)
    shutil.copytree(PROJECT / "tasks", root / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "components" / "shared", root / "components" / "shared")
    (root / "invoke.yaml").write_text(SETTINGS, encoding="utf-8")
    (root / "pipeline.py").write_text(pipeline.replace("COUNT", str(count)), encoding="utf-8")
    (root / "fit.py").write_text(TRAINING, encoding="utf-8")
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(root / "tasks")], check=True)
    return root


def spent(root: Path, *arguments: str) -> float:
    """The seconds of a run without what comes before its first step and after its last, from its record."""
    subprocess.run([*INVOKE, "run", "--no-cache", *arguments], cwd=root, check=True, stdout=subprocess.DEVNULL)
    record = json.loads(max(root.glob("runs/*/run.json")).read_text(encoding="utf-8"))
    starts = [_moment(step["started"]) for step in record["steps"]]
    ends = [_moment(step["started"]) + step["seconds"] for step in record["steps"]]
    return float(max(ends) - min(starts))


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def xargs(count: int, at_a_time: int) -> float:
    """The same processes under xargs."""
    numbers = "\n".join(map(str, range(count)))
    start = time.perf_counter()
    command = ["xargs", "-n", "1", "-P", str(at_a_time), sys.executable, "-S", "-c", "pass"]
    subprocess.run(command, input=numbers, text=True, check=True)
    return time.perf_counter() - start


def costs(folder: Path) -> list[ROW]:
    """The rows of the table for the executor."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    many = {count: project(folder, TRIVIAL, count) for count in (100, 300, 1000)}
    ours, theirs = [], []
    for _ in range(3):  # in turn, so that what else the machine does falls on both
        theirs.append(xargs(100, cores))
        ours.append(spent(many[100]))
    base, alone = statistics.median(theirs), statistics.median(ours)
    larger = {count: spent(many[count]) for count in (300, 1000)}
    single, double = project(folder, TRAININGS, 1), project(folder, TRAININGS, 2)
    one, two = [], []
    for _ in range(3):
        one.append(spent(single))
        two.append(spent(double))
    once, twice = statistics.median(one), statistics.median(two)
    return [
        ("100 trivial steps, against the same processes under `xargs -P`", "at most 1.2x",
         f"{alone / base:.2f}x ({alone:.2f} s against {base:.2f} s, {cores} at a time)"),
        ("What a step costs beyond its process", "at most 20 ms", f"{(alone - base) / 100 * cores * 1000:.1f} ms"),
        ("300 steps, against 100", "linear: at most 3.3x", f"{larger[300] / alone:.2f}x"),
        ("1,000 steps, against 100", "linear: at most 11x", f"{larger[1000] / alone:.2f}x"),
        ("Two trainings side by side, against one", "at most 1.2x", f"{twice / once:.2f}x ({twice:.1f} s)"),
    ]  # fmt: skip
