"""Kills `inv run` at random moments, on a small disk that fills up, and looks each time at what is left.

    python benchmarks/kills.py [200] [SEED]

Run by hand, as root of a Linux, where a small file system can be mounted. After each kill: no process of the run lives,
every earlier run can be read, and the next run, with the same parameters, is right; where the disk is full by then, the
run says so, and is right once `inv prune` has freed some. It ends with exit code 1 at the first that does not hold.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEMPLATE / "tests"))

from helpers.flow import Project, outputs  # noqa: E402
from helpers.mounting import mounted  # noqa: E402

SIZE = "2m"
WORK = "import time; note.write_bytes(b'x' * 50_000); time.sleep(0.1); print('worked')"
FULL = ("the disk is full", "No space left on device")
NO_ENGINE = "tcp://localhost:1"  # so that `inv prune` frees runs alone


def inv(project: Project, *arguments: str) -> "subprocess.CompletedProcess[str]":
    process = project.start(*arguments)
    out, err = process.communicate(timeout=600)
    assert "Traceback" not in out + err, out + err
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def alive(project: Project) -> list[int]:
    """The processes that have a run of this project in their environment."""
    cookie, found = f"KF_TEMPLATE_RUN={project.root}".encode(), []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if cookie in (path / "environ").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return found


def readable(project: Project) -> tuple[dict[str, str], list[str]]:
    """The status of each run that can be read, and the names of the others."""
    listed = inv(project, "runs", "--json")
    assert listed.returncode == 0, listed.stderr
    others = [line.split(" cannot be read")[0] for line in listed.stderr.splitlines() if " cannot be read" in line]
    return {run["id"]: run["status"] for run in json.loads(listed.stdout)}, others


def killed(project: Project, n: int, longest: float) -> str:
    """Kill a run of these parameters after a random time; how far it was."""
    process = project.start("run", "-p", f"n={n}")
    try:
        process.communicate(timeout=random.uniform(0, longest))
        return "over before it was killed"
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    end = time.monotonic() + 30
    while left := alive(project):
        assert time.monotonic() < end, f"orphans: {left}"
        time.sleep(0.02)
    return "killed"


def next_run(project: Project, n: int) -> str:
    """Run it to its end, and look at what it came to; how that went."""
    went, done = "right at once", inv(project, "run", "-p", f"n={n}")
    if done.returncode:
        assert any(words in done.stdout + done.stderr for words in FULL), done.stdout + done.stderr
        went = "the disk was full, and right once some was freed"
        pruned = inv(project, "prune", "--runs", "2", "--yes")
        assert pruned.returncode == 0, pruned.stderr
        done = inv(project, "run", "-p", f"n={n}")
    assert done.returncode == 0, done.stdout + done.stderr
    sums = set(outputs(project.record()).values())
    assert sums == {n + 1, n + 101}, (n, sums)
    return went


def main(count: int, seed: int) -> None:
    random.seed(seed)
    counted: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder).resolve() / "flow")
        project.adding_does(WORK)
        (project.root / "runs").mkdir()
        with mounted(project.root / "runs", SIZE):
            began = time.monotonic()
            next_run(project, 0)
            longest = time.monotonic() - began
            known, before = readable(project)
            n = 0
            while counted["killed"] < count:
                n += 1
                how = killed(project, n, longest)
                longest *= 0.9 if how != "killed" else 1.02  # as the machine's load changes
                found, others = readable(project)
                assert found.keys() >= known.keys(), f"lost: {known.keys() - found.keys()}"
                assert "running" not in found.values(), found
                counted[how] += 1
                counted["left a folder without a record"] += len(set(others) - set(before))
                counted[next_run(project, n)] += 1
                known, before = readable(project)
                if n % 10 == 0:
                    free = shutil.disk_usage(project.root / "runs").free
                    print(f"{n} runs: {dict(counted)}, {free} bytes free", flush=True)
    print(f"{n} runs, seed {seed}: {dict(counted)}; nothing lost, nothing orphaned, the next run right each time")


if __name__ == "__main__":
    os.environ["DOCKER_HOST"] = NO_ENGINE
    main(int((sys.argv[1:] or ["200"])[0]), int((sys.argv[2:] or [str(time.time_ns() % 10**6)])[0]))
