"""Projects of the template to measure, and their five programs as a person would start them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).resolve().parents[1]
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
BUILD = TEMPLATE / "build" / "bench"  # what is kept: results, tables
INVOKE = [sys.executable, "-m", "invoke"]
STEPS = ("gathering", "validation", "preprocessing", "training", "prediction")


def generate(folder: Path) -> Path:
    """A project with the defaults."""
    command = [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input", "--default-config"]
    subprocess.run([*command, "--output-dir", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return next(folder.iterdir())


def inv(project: Path, *arguments: str) -> None:
    subprocess.run([*INVOKE, *arguments], cwd=project, check=True, stdout=subprocess.DEVNULL)


def run_of(project: Path) -> dict[str, Any]:
    """The record of the newest run."""
    newest = max(project.glob("runs/*/run.json"))
    found: dict[str, Any] = json.loads(newest.read_text(encoding="utf-8"))
    return found


def path_of(project: Path, folder: str) -> str:
    """The PYTHONPATH of a component's program."""
    return os.pathsep.join(str(project / "components" / part) for part in (f"{folder}/src", ""))


def script_of(project: Path, out: Path) -> list[list[str]]:
    """The five programs with the arguments that a run gives them, as a person would write them into a shell script:
    the PYTHONPATH first, then the command."""
    parameters = yaml.safe_load((project / "invoke.yaml").read_text(encoding="utf-8"))["parameters"]
    reading = json.dumps(parameters.get("reading") or {})
    data = {name: str(out / f"{name}.parquet") for name in ("table", "validated", "train", "test", "predictions")}
    kind = ("--target", parameters["target"], "--problem-type", parameters["problem_type"])

    def step(folder: str, program: str, *arguments: str) -> list[str]:
        outputs = json.dumps({"outputs": {"outputFile": str(out / f"{program}.json")}})
        command = [sys.executable, "-m", program, *arguments, "--executor-input", outputs]
        return [path_of(project, folder), *command]

    return [
        step(
            "gathering",
            *("gather", "--source", parameters["source"], "--reading", reading),
            *("--table", data["table"]),
        ),
        step(
            "validation",
            *("validate", "--table", data["table"], "--validated", data["validated"], *kind),
            *("--report", str(out / "validation.html")),
        ),
        step(
            "preprocessing",
            *("preprocess", "--table", data["validated"], *kind),
            *("--train", data["train"], "--test", data["test"]),
        ),
        step(
            "training",
            *("train", "--train", data["train"], *kind),
            *("--model", str(out / "model"), "--metrics", str(out / "cv"), "--model-card", str(out / "card.md")),
        ),
        step(
            "prediction",
            *("predict", "--model", str(out / "model"), "--table", data["test"], *kind),
            *("--predictions", data["predictions"], "--metrics", str(out / "metrics")),
            *("--evaluation", str(out / "evaluation"), "--report", str(out / "prediction.html")),
        ),
    ]
