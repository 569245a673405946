"""What the executor of pipelines costs beyond the processes that it starts, measured in one run."""

import os
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from figures import Figure, compared, taken
from measuring import in_turn
from projects import PROJECT, inv, run_of

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


def spent(root: Path) -> float:
    """The seconds of a run without what comes before its first step and after its last, from its record."""
    inv(root, "run", "--no-cache")
    steps = run_of(root)["steps"]
    starts = [_moment(step["started"]) for step in steps]
    ends = [_moment(step["started"]) + step["seconds"] for step in steps]
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


def costs(folder: Path) -> list[Figure]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    many = {count: project(folder, TRIVIAL, count) for count in (100, 300, 1000)}
    (theirs, ours), load = in_turn(7, lambda: xargs(100, cores), lambda: spent(many[100]), warm_up=True)
    beyond = [(mine - other) / 100 * cores * 1000 for mine, other in zip(ours, theirs, strict=True)]
    (hundred, three, thousand), load_of_many = in_turn(3, *(lambda root=root: spent(root) for root in many.values()))
    single, double = project(folder, TRAININGS, 1), project(folder, TRAININGS, 2)
    (one, two), load_of_trainings = in_turn(3, lambda: spent(single), lambda: spent(double))
    return [
        compared("xargs", ours, theirs, load, f"{cores} at a time"),
        taken("step", beyond, load),
        compared("steps-300", three, hundred, load_of_many),
        compared("steps-1000", thousand, hundred, load_of_many),
        compared("side-by-side", two, one, load_of_trainings),
    ]
