"""The same five programs, and 50 trivial steps, through kedro, kfp.local and dvc, each in an environment of its own.

Each environment is made once, in build/peers, from the locks of the steps and one package. All bytecode is compiled
beforehand, as is that of the project; what a first run of each finds is no cache and no output.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

import executor
from figures import Figure, compared, skipped
from measuring import FailedError, in_turn, seconds
from projects import INVOKE, STEPS, TEMPLATE, generate, run_of, script_of

PACKAGES = {"kedro": "kedro==1.7.0", "kfp": "kfp==2.17.3", "dvc": "dvc==3.67.1"}
PROJECTS = Path(__file__).with_name("peer_projects")
# None sends anything while it is measured, and the threads of all wait as those of `inv run` do.
VARIABLES = {"DO_NOT_TRACK": "1", "DVC_NO_ANALYTICS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
IN_AND_OUT = {  # of dvc's stages: the files in data/ that each takes and gives
    "gathering": ([], ["table.parquet"]),
    "validation": (["table.parquet"], ["validated.parquet", "validation.html"]),
    "preprocessing": (["validated.parquet"], ["train.parquet", "test.parquet"]),
    "training": (["train.parquet"], ["model", "cv", "card.md"]),
    "prediction": (["model", "test.parquet"], ["predictions.parquet", "metrics", "evaluation", "prediction.html"]),
}


@dataclass(frozen=True)
class Peer:
    metrics: str  # the file that the last step wrote them into, as a pattern below the folder of all
    first: Callable[[], float]  # the five steps with nothing cached
    changed: Callable[[], float]  # after a change of the training
    trivial: Callable[[], float]  # 50 steps that do nothing


def peers(folder: Path) -> list[Figure]:
    base = generate(folder / "base")
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(base)], check=True)
    absent = {name: why for name in PACKAGES if (why := missing(name, base))}
    makers = {"kedro": kedro, "kfp": kfp_local, "dvc": dvc}
    there = {"": us(folder, base), **{name: make(folder, base) for name, make in makers.items() if name not in absent}}
    figures = [skipped(f"{name}-{what}", why) for name, why in absent.items() for what in ("first", "changed", "50")]
    for what, doings in {
        "first": [peer.first for peer in there.values()],
        "changed": [peer.changed for peer in there.values()],
        "50": [peer.trivial for peer in there.values()],
    }.items():
        (ours, *theirs), load = in_turn(3, *doings, warm_up=what == "first")
        refuse_other_metrics(folder, there)
        figures += [
            compared(f"{name}-{what}", ours, other, load) for name, other in zip([*there][1:], theirs, strict=True)
        ]
    return figures


def refuse_other_metrics(folder: Path, there: dict[str, Peer]) -> None:
    """Raise `FailedError` where not all have learnt the same."""
    found = {name: max(folder.glob(peer.metrics)).read_text(encoding="utf-8") for name, peer in there.items()}
    if len(set(found.values())) > 1:
        raise FailedError(f"the peers have not learnt the same: {found}")


def missing(name: str, project: Path) -> str:
    """Make the environment of a peer where there is none of these locks; why there cannot be one, or an empty text."""
    root = root_of(name)
    locks = [] if name == "dvc" else [f"components/{step}/requirements.txt" for step in STEPS]
    made_of = "".join((project / lock).read_text(encoding="utf-8") for lock in locks)
    ready = root / "ready"
    if ready.exists() and ready.read_text(encoding="utf-8") == made_of:
        return ""
    wanted = [*(part for lock in locks for part in ("-r", lock)), PACKAGES[name]]
    uv = [sys.executable, "-m", "uv"]
    for command in (
        [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(root)],
        [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(root / "bin/python"), *wanted],
    ):
        made = subprocess.run(command, cwd=project, capture_output=True, text=True)
        if made.returncode:
            said = made.stderr.strip().partition("\n")[0]
            return f"{PACKAGES[name]} cannot be installed: {said}"
    ready.write_text(made_of, encoding="utf-8")
    return ""


def environment(name: str) -> dict[str, str]:
    return {**VARIABLES, "PATH": f"{root_of(name) / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def program(name: str, command: str) -> str:
    return str(root_of(name) / "bin" / command)


def root_of(name: str) -> Path:
    return TEMPLATE / "build" / "peers" / PACKAGES[name]


def paths(project: Path) -> str:
    """The PYTHONPATH of all five programs."""
    return os.pathsep.join(str(project / "components" / part) for part in (*(f"{step}/src" for step in STEPS), ""))


def change(project: Path) -> None:
    with (project / "components/training/src/train.py").open("a", encoding="utf-8") as file:
        file.write("#\n")


def copied(project: Path, to: Path) -> Path:
    """A copy with the times of the files, by which their bytecode is known."""
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(project, to))


def us(folder: Path, base: Path) -> Peer:
    root, many = folder / "ours", executor.project(folder, executor.TRIVIAL, 50)

    def first() -> float:
        return seconds([*INVOKE, "run"], copied(base, root))

    def changed() -> float:
        change(root)
        took = seconds([*INVOKE, "run"], root)
        cached = {step["name"]: step["cached"] for step in run_of(root)["steps"]}
        assert cached["preprocessing"] and not cached["training"], cached
        return took

    return Peer(
        "ours/runs/*/steps/prediction/metrics", first, changed, lambda: seconds([*INVOKE, "run", "--no-cache"], many)
    )


def kedro(folder: Path, base: Path) -> Peer:
    root = copied(PROJECTS / "kedro", folder / "kedro")
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(root)], check=True)
    variables = {**environment("kedro"), "PYTHONPATH": paths(copied(base, folder / "for-kedro"))}

    def run(*arguments: str) -> float:
        return seconds([program("kedro", "kedro"), "run", *arguments], root, **variables)

    def first() -> float:
        shutil.rmtree(root / "data", ignore_errors=True)
        (root / "data").mkdir()
        return run()

    return Peer(
        "kedro/data/metrics", first, lambda: run("--from-nodes", "training"), lambda: run("--pipeline", "trivial")
    )


def kfp_local(folder: Path, base: Path) -> Peer:
    root = copied(PROJECTS / "kfp_local", folder / "kfp")
    variables = {**environment("kfp"), "PYTHONPATH": paths(copied(base, folder / "for-kfp"))}
    version = 0

    def run(*arguments: str) -> float:
        return seconds([program("kfp", "python"), *arguments], root, **variables)

    def first() -> float:
        shutil.rmtree(root / "local_outputs", ignore_errors=True)
        return run("learning.py", "0")

    def changed() -> float:
        nonlocal version
        version += 1
        return run("learning.py", str(version))

    return Peer("kfp/local_outputs/*/prediction/metrics", first, changed, lambda: run("trivial.py"))


def dvc(folder: Path, base: Path) -> Peer:
    root, many = folder / "dvc", folder / "dvc-many"
    programs = copied(base, folder / "for-dvc")

    def run(where: Path, *arguments: str) -> float:
        return seconds([program("dvc", "dvc"), *arguments], where, **environment("dvc"))

    def new(where: Path, stages: str) -> None:
        shutil.rmtree(where, ignore_errors=True)
        where.mkdir()
        run(where, "init", "--no-scm", "--quiet")
        (where / "dvc.yaml").write_text(stages, encoding="utf-8")

    def first() -> float:
        new(root, stages_of(programs))
        (root / "data").mkdir()
        return run(root, "repro")

    def changed() -> float:
        change(programs)
        return run(root, "repro")

    numbers = "".join(f"  nothing_{number}:\n    cmd: {sys.executable} -S -c pass\n" for number in range(50))
    new(many, f"stages:\n{numbers}")
    return Peer("dvc/data/metrics", first, changed, lambda: run(many, "repro"))


def stages_of(project: Path) -> str:
    """The five programs' command lines as dvc.yaml. A stage depends on its program and on the files that it takes."""
    stages = {}
    for step, (path, *command) in zip(STEPS, script_of(project, Path("data")), strict=True):
        taken, given = ([f"data/{name}" for name in names] for names in IN_AND_OUT[step])
        source = [str(project / "components" / part) for part in (f"{step}/src", "shared")]
        line = f"PYTHONPATH={shlex.quote(path)} {shlex.join(command)}"
        stages[step] = {"cmd": line, "deps": [*source, *taken], "outs": given}
    return yaml.safe_dump({"stages": stages}, width=10_000)
