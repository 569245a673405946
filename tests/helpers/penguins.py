"""A generated project: its runs, what they left, and its pipeline on other tables."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.inv import inv

PENGUINS = ["species", "island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex", "year"]


LOADS = re.compile(r"""<(script|link|img|iframe|image)[^>]+(src|href)=["']?(https?:)?//""")


STEPS = ["gathering", "validation", "preprocessing", "training", "prediction", "champion", "evaluation", "registration"]
# The folders in components/, of which one has two steps.
COMPONENTS = [step for step in STEPS if step != "champion"]


def newest(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(inv(project, "runs", "--json").stdout)[0]
    return found


def record(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / "runs" / newest(project)["id"] / "run.json").read_text("utf-8"))
    return found


def outputs(project: Path, step: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s["outputs"] for s in record(project)["steps"] if s["name"] == step)
    return found


def cached(project: Path) -> dict[str, bool]:
    return {step["name"]: step["cached"] for step in newest(project)["steps"]}


def kind(project: Path) -> str:
    found: str = newest(project)["parameters"]["problem_type"]
    return found


def penguin_rows(project: Path) -> pd.DataFrame:
    return pd.read_csv(project / "components/shared/penguins.csv")


def run_on(project: Path, frame: pd.DataFrame | bytes, *parameters: str, name: str = "table.csv", code: int = 0) -> Any:
    """Run the pipeline on a table, and return the result of `inv run`."""
    path = project / "data" / name
    path.parent.mkdir(exist_ok=True)
    if isinstance(frame, bytes):
        path.write_bytes(frame)
    else:
        frame.to_csv(path, index=False)
    given = [part for parameter in (f"source=data/{name}", *parameters) for part in ("-p", parameter)]
    return inv(project, "run", *given, code=code)


def refused(project: Path, step: str, *parameters: str, frame: pd.DataFrame | bytes | None = None) -> str:
    """Run with what must be refused; check that the step is named and nothing half-written stays; return why."""
    if frame is None:
        result = inv(project, "run", *[part for p in parameters for part in ("-p", p)], code=1)
    else:
        result = run_on(project, frame, *parameters, code=1)
    run = newest(project)
    assert run["status"] == "failed"
    assert {s["name"]: s["status"] for s in run["steps"]}[step] == "failed"
    reason: str = run["reason"]
    assert reason.startswith(f"{step}: ")
    assert reason in result.stderr
    assert reason in inv(project, "runs").stdout
    folder = project / "runs" / run["id"] / "steps" / step
    assert [path.name for path in folder.iterdir() if path.suffix in (".part", ".partial")] == []
    return reason.removeprefix(f"{step}: ")
