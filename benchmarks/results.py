"""What each part found last, in build/bench."""

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from figures import Figure
from projects import BUILD


@dataclass(frozen=True)
class Result:
    date: str
    machine: str
    figures: list[Figure]

    @classmethod
    def of(cls, figures: list[Figure]) -> "Result":
        memory = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
        machine = f"{os.cpu_count()} cores, {memory}, Python {platform.python_version()}"
        return cls(time.strftime("%Y-%m-%d"), machine, figures)


def keep(part: str, result: Result | None) -> None:
    """Keep a result; None drops that of before."""
    if result is None:
        _file(part).unlink(missing_ok=True)
        return
    BUILD.mkdir(parents=True, exist_ok=True)
    _file(part).write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")


def kept(part: str) -> Result | None:
    if not _file(part).exists():
        return None
    data = json.loads(_file(part).read_text(encoding="utf-8"))
    return Result(data["date"], data["machine"], [Figure(**figure) for figure in data["figures"]])


def _file(part: str) -> Path:
    return BUILD / f"{part}.json"
