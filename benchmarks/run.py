"""Measures what the template promises of speed, memory and size, in one run, and writes the table in README.md.

    python benchmarks/run.py [first-run] [rerun] [size] [memory]

Each figure is the median of several runs; `memory` makes tables of 1 and 10 million rows, and takes half an hour.
"""

import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

TEMPLATE = Path(__file__).resolve().parents[1]
README = Path(__file__).with_name("README.md")
INVOKE = [sys.executable, "-m", "invoke"]


def seconds(command: list[str], cwd: Path, **variables: str) -> float:
    start = time.perf_counter()
    env = {**os.environ, **variables}
    subprocess.run(command, cwd=cwd, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return time.perf_counter() - start


def generate(folder: Path) -> Path:
    command = [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input", "--default-config"]
    subprocess.run([*command, "--output-dir", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return next(folder.iterdir())


def run_of(project: Path) -> dict[str, object]:
    listed = subprocess.run([*INVOKE, "runs", "--json"], cwd=project, check=True, capture_output=True, text=True)
    found: list[dict[str, object]] = json.loads(listed.stdout)
    return found[0]


def script_of(project: Path, out: Path) -> list[list[str]]:
    """The five programs with the arguments that a run gives them, as a person would write them into a shell script."""
    data = {name: str(out / f"{name}.parquet") for name in ("table", "validated", "train", "test", "predictions")}

    def step(folder: str, program: str, *arguments: str) -> list[str]:
        outputs = json.dumps({"outputs": {"outputFile": str(out / f"{program}.json")}})
        path = os.pathsep.join(str(project / "components" / part) for part in (f"{folder}/src", ""))
        return [path, sys.executable, "-m", program, *arguments, "--executor-input", outputs]

    target = ("--target", "species", "--problem-type", "classification")
    return [
        step("gathering", "gather", "--source", "sample://penguins", "--table", data["table"]),
        step(
            "validation",
            *("validate", "--table", data["table"], "--validated", data["validated"]),
            *("--report", str(out / "validation.html")),
        ),
        step(
            "preprocessing",
            *("preprocess", "--table", data["validated"], *target),
            *("--train", data["train"], "--test", data["test"]),
        ),
        step(
            "training",
            *("train", "--train", data["train"], *target),
            *("--model", str(out / "model"), "--metrics", str(out / "cv")),
        ),
        step(
            "prediction",
            *("predict", "--model", str(out / "model"), "--table", data["test"], *target),
            *("--predictions", data["predictions"], "--metrics", str(out / "metrics")),
            *("--evaluation", str(out / "evaluation"), "--report", str(out / "prediction.html")),
        ),
    ]


def first_run(folder: Path) -> list[tuple[str, str, str]]:
    """Generation and the first run, against the five programs by hand, in turns."""
    whole, by_hand = [], []
    for number in range(3):
        start = time.perf_counter()
        project = generate(folder / f"project-{number}")
        subprocess.run([*INVOKE, "run"], cwd=project, check=True, stdout=subprocess.DEVNULL)
        whole.append(time.perf_counter() - start)
        out = folder / f"by-hand-{number}"
        out.mkdir()
        by_hand.append(sum(seconds(command, project, PYTHONPATH=path) for path, *command in script_of(project, out)))
    ratio = statistics.median(whole) / statistics.median(by_hand)
    detail = f"{statistics.median(whole):.1f} s against {statistics.median(by_hand):.1f} s"
    return [
        (
            "From `cookiecutter --no-input` to a finished run, against the five programs by hand",
            "at most 2x, aim 1.3x",
            f"{ratio:.2f}x ({detail})",
        )
    ]


def rerun(folder: Path) -> list[tuple[str, str, str]]:
    project = generate(folder / "rerun")
    seconds([*INVOKE, "run"], project)
    cached = statistics.median(seconds([*INVOKE, "run"], project) for _ in range(5))
    steps = run_of(project)["steps"]
    assert isinstance(steps, list) and all(step["cached"] for step in steps)
    listing = statistics.median(seconds([*INVOKE, "--list"], project) for _ in range(9))
    return [
        ("A rerun with nothing changed", "at most 3 s", f"{cached:.2f} s"),
        ("`inv --list`", "at most 0.5 s", f"{listing:.2f} s"),
    ]


def size(folder: Path) -> list[tuple[str, str, str]]:
    project = generate(folder / "size")
    files = [path for path in project.rglob("*") if path.is_file()]
    owned = [project / "pipeline.py", *project.glob("components/**/*.py"), *project.glob("tests/*.py")]
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in owned)
    longest = max(len(path.read_text(encoding="utf-8").splitlines()) for path in project.glob("components/*/src/*.py"))
    return [
        ("Files of a generated project", "at most 60", str(len(files))),
        ("Lines of Python that a user owns (pipeline, components, tests)", "< 900", str(lines)),
        ("Lines of the longest step's program", "a screen or two", str(longest)),
    ]


def make_csv(path: Path, rows: int) -> None:
    """20 columns as real tables have them: numbers, whole numbers, categories, free text, gaps."""
    import numpy as np

    generator = np.random.default_rng(0)
    header = [*(f"number_{i}" for i in range(12)), *(f"count_{i}" for i in range(4)), "city", "code", "flag", "label"]
    cities = np.array(["Ålesund", "Besançon", "Cork", "Delft", ""])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for start in range(0, rows, 100_000):
            count = min(100_000, rows - start)
            columns = [
                *(generator.normal(size=count).round(6).astype(str) for _ in range(12)),
                *(generator.integers(0, 10_000_000, count).astype(str) for _ in range(4)),
                cities[generator.integers(0, len(cities), count)],
                np.char.add("c", generator.integers(0, 10_000_000, count).astype(str)),
                generator.integers(0, 2, count).astype(str),
                np.array(["yes", "no"])[generator.integers(0, 2, count)],
            ]
            writer.writerows(zip(*(column.tolist() for column in columns), strict=True))


def measured(command: list[str], cwd: Path, path: str) -> tuple[float, float]:
    """Seconds and the peak of resident memory, in MiB, of a command."""
    start = time.perf_counter()
    env = {**os.environ, "PYTHONPATH": path}
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            peak = max(peak, psutil.Process(process.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.02)
    if process.wait():
        raise SystemExit(f"failed: {command}")
    return time.perf_counter() - start, peak / 2**20


def memory(folder: Path) -> list[tuple[str, str, str]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for rows in (1_000_000, 10_000_000):
        table = folder / f"{rows}.csv"
        make_csv(table, rows)
        project = generate(folder / f"memory-{rows}")
        adopt = [*INVOKE, "data.adopt", str(table), "--target", "label"]
        subprocess.run(adopt, cwd=project, check=True, stdout=subprocess.DEVNULL)
        out = folder / f"out-{rows}"
        out.mkdir()
        for path, *command in script_of(project, out)[:3]:
            arguments = [str(table) if part == "sample://penguins" else part for part in command]
            arguments = ["label" if part == "species" else part for part in arguments]
            found.setdefault(command[2], []).append(measured(arguments, project, path))
    bounds = {"gather": "at most 1 GiB, 1.5x the memory", "validate": "at most 1 GiB, 1.5x the memory"}
    measured_rows = []
    for program, (small, large) in found.items():
        memory_ = f"{small[1]:.0f} to {large[1]:.0f} MiB ({large[1] / small[1]:.2f}x)"
        time_ = f"{small[0]:.0f} to {large[0]:.0f} s ({large[0] / small[0]:.1f}x)"
        what = f"`{program}.py`, 1 to 10 million rows of 20 columns of CSV"
        measured_rows.append((what, bounds.get(program, "the table at most once"), f"{memory_}, {time_}"))
    return measured_rows


PARTS: dict[str, Callable[[Path], list[tuple[str, str, str]]]] = {
    "first-run": first_run,
    "rerun": rerun,
    "size": size,
    "memory": memory,
}


def main() -> None:
    chosen = sys.argv[1:] or list(PARTS)
    if unknown := set(chosen) - PARTS.keys():
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    rows = []
    for name in chosen:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            rows += PARTS[name](Path(folder))
        print(*rows[-4:], sep="\n", flush=True)
    if chosen == list(PARTS):
        lines = ["| what | promised | measured |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
        memory_ = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
        machine = f"{os.cpu_count()} cores, {memory_}, Python {platform.python_version()}"
        README.write_text(
            "# Benchmarks\n\n`make bench` measures these in one run and writes this page. Last: "
            f"{time.strftime('%Y-%m-%d')}, {machine}.\n\n" + "\n".join(lines) + "\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
