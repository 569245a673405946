"""What this machine lacks for what the project does."""

import importlib
import importlib.metadata
import importlib.util
import os
import shutil
from dataclasses import dataclass, field

from ..clusters import checks
from ..files import ROOT
from ..images import engine
from ..project.settings import Settings
from ..runs.record import RUNS
from .locks import pins

AKS = "tasks.clusters.aks.azure"  # which is there only where Azure was chosen


@dataclass
class Findings:
    """What is wrong, what is only slow, one line each with the fix; and what works where nothing is wrong."""

    problems: list[str]
    slow: list[str] = field(default_factory=list)
    ready: str = ""


def places() -> list[str]:
    """What can be checked for."""
    return ["host", "docker", "cluster", *(["aks"] if importlib.util.find_spec("tasks.clusters.aks") else [])]


def examine(place: str, config: Settings) -> Findings:
    """What this machine lacks for one of `places()`."""
    problems = host_problems()
    match place:
        case "docker":
            found, slow = engine.problems()
            return Findings(problems + found, slow, "inv build, inv run --on docker")
        case "cluster":
            found, doubts = checks.problems(config)
            return Findings(problems + found, doubts, "inv cluster.up")
        case "aks":
            return Findings(problems + importlib.import_module(AKS).problems(), ready="inv aks.up")
    return Findings(problems, ready="inv run")


def host_problems() -> list[str]:
    """What this machine lacks to run the pipeline on the host: one line each, with the fix; empty if nothing."""
    problems = []
    problems += _wrong_packages()
    free = shutil.disk_usage(ROOT).free / 2**30
    if free < 1:
        problems.append(f"only {free:.1f} GiB of disk are free: delete old folders of runs/ or other files.")
    for folder in [each for each in (ROOT, RUNS) if each.exists() and not os.access(each, os.W_OK)]:
        problems.append(f"{folder} cannot be written: change its owner or its permissions, or how it is mounted.")
    return problems


def _wrong_packages() -> list[str]:
    """Packages of the lock that this environment lacks or has in another version."""
    from packaging.requirements import Requirement

    if not (ROOT / "requirements.txt").is_file():
        return ["requirements.txt, the lock of this environment, is missing: inv lock"]
    wrong = []
    for line in pins(ROOT / "requirements.txt"):
        wanted = Requirement(line)
        if wanted.marker and not wanted.marker.evaluate():
            continue
        try:
            found = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            found = "missing"
        if not wanted.specifier.contains(found, prereleases=True) if found != "missing" else True:
            wrong.append(f"{wanted.name} {found}, locked {wanted.specifier}")
    if not wrong:
        return []
    some = "; ".join(wrong[:3]) + (f"; and {len(wrong) - 3} more" if len(wrong) > 3 else "")
    return [f"packages differ from the lock ({some}): uv sync, or python -m pip install -r requirements.txt"]
