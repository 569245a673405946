"""Building, pushing and running the images: their sizes, and what is built and uploaded again."""

import json
import statistics
import subprocess
import urllib.request
import uuid
from collections.abc import Iterable
from pathlib import Path

from figures import Figure, compared, counted, taken
from measuring import SkippedError, in_turn, seconds
from projects import INVOKE, STEPS, generate, inv, run_of

REGISTRY = "localhost:5001"
BASE = "python:3.13-slim"
PLAIN = f"""\
FROM {BASE}
COPY requirements.txt /
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore --ignore-installed \\
    --require-hashes --requirement /requirements.txt
"""


def images(folder: Path) -> list[Figure]:
    """Raises `SkippedError` without an engine or a registry; the registry keeps what is pushed."""
    refuse_without_engine()
    project = unlike_any(generate(folder / "images"))
    (whole,), load = in_turn(1, lambda: seconds([*INVOKE, "build"], project))
    found = images_of(project)
    largest = max(found, key=lambda name: together([found[name]]))
    other = unlike_any(generate(folder / "alone"))
    (alone,), _ = in_turn(1, lambda: seconds([*INVOKE, "build", largest], other))
    try:
        sizes = sizes_of(folder, project, found, largest)
        return [*sizes, compared("cold-build", whole, alone, load), *changes(project), *on_docker(project)]
    finally:
        inv(other, "prune", "--all", "--yes")
        inv(project, "prune", "--all", "--yes")


def refuse_without_engine() -> None:
    try:
        subprocess.run(["docker", "buildx", "version"], check=True, capture_output=True)
        subprocess.run(["docker", "info"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        raise SkippedError("no container engine with buildx answers") from problem
    try:
        urllib.request.urlopen(f"http://{REGISTRY}/v2/", timeout=5).close()
    except OSError as problem:
        raise SkippedError(f"no registry answers at {REGISTRY}") from problem


def sizes_of(folder: Path, project: Path, found: dict[str, str], largest: str) -> list[Figure]:
    one = together([found[largest]])
    every = together(found.values())
    plain = folder / "plain"
    plain.mkdir()
    (plain / "Dockerfile").write_text(PLAIN, encoding="utf-8")
    lock = (project / "components" / largest / "requirements.txt").read_text(encoding="utf-8")
    (plain / "requirements.txt").write_text(lock, encoding="utf-8")
    docker("build", "--quiet", "--tag", "kf-template-plain", str(plain))
    base = together([BASE])
    packages, plainly = one - base, together(["kf-template-plain"]) - base
    docker("rmi", "kf-template-plain")
    return [
        counted("disk", every / one, f"{len(found)} images, {every:.0f} against {one:.0f} MB"),
        counted("largest", one, largest),
        counted("five", together(found[name] for name in STEPS)),
        counted("plain-install", packages / plainly, f"{packages:.0f} against {plainly:.0f} MB"),
    ]


def changes(project: Path) -> list[Figure]:
    """What is built and uploaded again with nothing changed, and with a line of one component."""
    inv(project, "push")
    (build, push), load = in_turn(
        3, *(lambda task=task: seconds([*INVOKE, task], project) for task in ("build", "push"))
    )
    before = registry_layers(images_of(project)["training"])

    def after_a_line() -> float:
        with (project / "components/training/src/train.py").open("a", encoding="utf-8") as file:
            file.write("#\n")
        return seconds([*INVOKE, "build"], project)

    (rebuilt,), load_of_rebuilt = in_turn(3, after_a_line)
    inv(project, "push")
    after = registry_layers(images_of(project)["training"])
    uploaded = sum(size for layer, size in after.items() if layer not in before)
    return [
        taken("build", build, load),
        taken("push", push, load),
        taken("build-line", rebuilt, load_of_rebuilt),
        counted("push-line", uploaded / 2**10),
    ]


def on_docker(project: Path) -> list[Figure]:
    metrics = {}

    def a_step_on(engine: str) -> float:
        inv(project, "run", "--on", engine, "--no-cache")
        run = run_of(project)
        metrics[engine] = run["metrics"]
        return float(statistics.mean(step["seconds"] for step in run["steps"]))

    (host, docker_), load = in_turn(3, lambda: a_step_on("host"), lambda: a_step_on("docker"))
    names = metrics["host"].keys() | metrics["docker"].keys()
    differing = [name for name in names if metrics["host"].get(name) != metrics["docker"].get(name)]
    beyond = [one - two for one, two in zip(docker_, host, strict=True)]
    return [
        counted("same-metrics", len(differing), ", ".join(differing) or f"of {len(names)}"),
        taken("container", beyond, load),
    ]


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def together(references: Iterable[str]) -> float:
    """The MB that images take, a layer that several have counted once."""
    found: dict[tuple[str, ...], int] = {}
    for reference in references:
        history = docker("history", "--no-trunc", "--human=false", "--format", "{{json .}}", reference).splitlines()
        below: tuple[str, ...] = ()
        for entry in map(json.loads, reversed(history)):
            below = (*below, f"{entry['CreatedAt']} {entry['CreatedBy']} {entry['Size']}")
            found[below] = int(entry["Size"])
    return sum(found.values()) / 1e6


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
    inv(project, "compile")
    texts = {path.stem: path.read_text(encoding="utf-8") for path in project.glob("build/*.yaml")}
    images = {name: text.split("image: ")[1].split()[0] for name, text in texts.items() if "\nimplementation:" in text}
    return {reference.rpartition("/")[2].partition(":")[0]: reference for reference in images.values()}


def unlike_any(project: Path) -> Path:
    """Make all that is built of a project new to the engine, from the first layer of ours on."""
    with (project / "tasks/images/install.py").open("a", encoding="utf-8") as file:
        file.write(f"# {uuid.uuid4()}\n")
    return project
