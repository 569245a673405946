"""Measures what the template promises of speed, memory and size, in one run, and writes the table in README.md.

    python benchmarks/run.py [first-run] [rerun] [executor] [size] [images] [memory]

Each figure is the median of several runs; `memory` makes tables of 1 and 10 million rows, and takes half an
hour. `images` needs a Docker engine with buildx, and a registry on localhost:5001.
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
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path

import executor
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
    compiled = statistics.median(seconds([*INVOKE, "compile"], project) for _ in range(5))
    with (project / "pipeline.py").open("a", encoding="utf-8") as file:
        file.write("    for _ in range(94):\n        train(learning_rate=learning_rate, **learning, **kind)\n")
    hundred = statistics.median(seconds([*INVOKE, "compile"], project) for _ in range(5))
    return [
        ("A rerun with nothing changed", "at most 3 s", f"{cached:.2f} s"),
        ("`inv --list`", "at most 0.5 s", f"{listing:.2f} s"),
        ("`inv compile`", "at most 3 s", f"{compiled:.2f} s"),
        ("`inv compile` of 100 steps, against the six", "linear: at most 17x", f"{hundred / compiled:.2f}x"),
    ]


def size(folder: Path) -> list[tuple[str, str, str]]:
    project = generate(folder / "size")
    files = [path for path in project.rglob("*") if path.is_file() and "tasks" not in path.parts]
    owned = [project / "pipeline.py", *project.glob("components/**/*.py"), *project.glob("tests/*.py")]
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in owned)
    longest = max(len(path.read_text(encoding="utf-8").splitlines()) for path in project.glob("components/*/src/*.py"))
    return [
        ("Files of a generated project outside `tasks/`", "at most 75", str(len(files))),
        ("Lines of Python that a user owns (pipeline, components, tests)", "< 1,100", str(lines)),
        ("Lines of the longest step's program", "a screen or two", str(longest)),
    ]


PLAIN = """\
FROM python:3.13-slim
COPY requirements.txt /
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore --ignore-installed \\
    --require-hashes --requirement /requirements.txt
"""


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def bytes_of(image: str) -> int:
    return int(docker("image", "inspect", image, "--format", "{{.Size}}"))


def registry_layers(image: str) -> dict[str, int]:
    """The layers of a pushed image, with their bytes as they are uploaded."""
    host, _, rest = image.partition("/")
    repository, _, tag = rest.rpartition(":")
    kinds = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
    request = urllib.request.Request(f"http://{host}/v2/{repository}/manifests/{tag}", headers={"Accept": kinds})
    with urllib.request.urlopen(request) as answer:
        return {layer["digest"]: layer["size"] for layer in json.load(answer)["layers"]}


def images_of(project: Path) -> dict[str, str]:
    """The newest image of each component."""
    subprocess.run([*INVOKE, "compile"], cwd=project, check=True, stdout=subprocess.DEVNULL)
    texts = {path.stem: path.read_text(encoding="utf-8") for path in project.glob("build/*.yaml")}
    return {name: text.split("image: ")[1].split()[0] for name, text in texts.items() if name != "pipeline"}


def unlike_any(project: Path) -> Path:
    """Make all that is built of a project new to the engine, from the first layer of ours on."""
    with (project / "tasks/images/install.py").open("a", encoding="utf-8") as file:
        file.write(f"# {uuid.uuid4()}\n")
    return project


def images(folder: Path) -> list[tuple[str, str, str]]:
    """Building, pushing and running the five images; the registry keeps what is pushed."""
    project = unlike_any(generate(folder / "images"))
    five = seconds([*INVOKE, "build"], project)
    sizes = {name: bytes_of(image) for name, image in images_of(project).items()}
    largest, base = max(sizes, key=lambda name: sizes[name]), bytes_of("python:3.13-slim")
    alone = seconds([*INVOKE, "build", largest], unlike_any(generate(folder / "alone")))
    shown = subprocess.run([*INVOKE, "disk"], cwd=project, check=True, capture_output=True, text=True).stdout
    together = float(shown.split("images")[1].split()[1]) * 1e6
    plain = folder / "plain"
    plain.mkdir()
    (plain / "Dockerfile").write_text(PLAIN, encoding="utf-8")
    lock = (project / "components" / largest / "requirements.txt").read_text(encoding="utf-8")
    (plain / "requirements.txt").write_text(lock, encoding="utf-8")
    docker("build", "--quiet", "--tag", "kf-template-plain", str(plain))
    packages, plainly = sizes[largest] - base, bytes_of("kf-template-plain") - base
    docker("rmi", "kf-template-plain")

    subprocess.run([*INVOKE, "push"], cwd=project, check=True, stdout=subprocess.DEVNULL)
    unchanged = [statistics.median(seconds([*INVOKE, task], project) for _ in range(3)) for task in ("build", "push")]
    before = registry_layers(images_of(project)["training"])
    rebuilt = []
    for number in range(3):
        with (project / "components/training/src/train.py").open("a", encoding="utf-8") as file:
            file.write(f"# {number}\n")
        rebuilt.append(seconds([*INVOKE, "build"], project))
    subprocess.run([*INVOKE, "push"], cwd=project, check=True, stdout=subprocess.DEVNULL)
    uploaded = sum(
        size for layer, size in registry_layers(images_of(project)["training"]).items() if layer not in before
    )

    spent: dict[str, list[float]] = {"host": [], "docker": []}
    found = {}
    for engine in ("host", "docker") * 3:
        command = [*INVOKE, "run", "--on", engine, "--no-cache"]
        subprocess.run(command, cwd=project, check=True, stdout=subprocess.DEVNULL)
        run = run_of(project)
        found[engine] = run["metrics"]
        assert isinstance(run["steps"], list)
        spent[engine].append(sum(step["seconds"] for step in run["steps"]) / len(run["steps"]))
    overhead = statistics.median(spent["docker"]) - statistics.median(spent["host"])
    subprocess.run([*INVOKE, "prune", "--all", "--yes"], cwd=project, check=True, stdout=subprocess.DEVNULL)
    same = "equal" if found["host"] == found["docker"] else "NOT equal"
    return [
        ("`inv build` with nothing changed", "at most 2 s", f"{unchanged[0]:.2f} s"),
        ("`inv push` with nothing changed", "at most 3 s", f"{unchanged[1]:.2f} s"),
        ("`inv build` after one line of one component", "at most 5 s", f"{statistics.median(rebuilt):.2f} s"),
        ("What `inv push` uploads of it", "under 1 MiB", f"{uploaded / 2**10:.1f} KiB"),
        (
            "Disk of the five images, against the largest alone",
            "at most 1.5x, aim 1.25x",
            f"{together / sizes[largest]:.2f}x ({together / 1e6:.0f} against {sizes[largest] / 1e6:.0f} MB)",
        ),
        ("The largest image, with its base", "at most 520 MB", f"{sizes[largest] / 1e6:.0f} MB ({largest})"),
        (
            "Its layers, against a plain `pip install` of its lock",
            "at most 0.8x",
            f"{packages / plainly:.2f}x ({packages / 1e6:.0f} against {plainly / 1e6:.0f} MB)",
        ),
        (
            "Cold build of all five, against the largest alone",
            "at most 1.5x",
            f"{five / alone:.2f}x ({five:.0f} s against {alone:.0f} s)",
        ),
        ("Metrics on docker and on the host", "equal", same),
        ("What a container costs a step beyond the host", "at most 1 s", f"{overhead:.2f} s"),
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
    "executor": executor.costs,
    "size": size,
    "images": images,
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
        print(*rows[-10:], sep="\n", flush=True)
    if chosen == list(PARTS):
        lines = ["| what | promised | measured |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
        memory_ = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
        machine = f"{os.cpu_count()} cores, {memory_}, Python {platform.python_version()}"
        apart = README.read_text(encoding="utf-8").partition("\n## ")  # what needs another version beside it
        README.write_text(
            "# Benchmarks\n\n`make bench` measures these in one run and writes this page. Last: "
            f"{time.strftime('%Y-%m-%d')}, {machine}.\n\n" + "\n".join(lines) + "\n" + "".join(apart[1:]),
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
