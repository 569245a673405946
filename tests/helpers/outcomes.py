"""What came of a run: how it ended, and what each task printed."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from helpers.flow import Project


@dataclass(frozen=True)
class Outcome:
    """A run's status, and for each task that printed JSON its lines, of all iterations and attempts together."""

    status: str
    printed: dict[str, frozenset[str]]

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Outcome":
        """What is expected, from a document's `status` and `printed`."""
        printed = {name: frozenset(map(as_line, values)) for name, values in document["printed"].items()}
        return cls(document["status"], printed)


def as_line(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def outcome(project: Project, *arguments: str) -> tuple[Outcome, "Counter[str]", str]:
    """Run the pipeline without the cache: what came of it, how many lines each task printed, and what was said."""
    before = set((project.root / "runs").glob("*/run.json"))
    process = project.start("run", "--no-cache", *arguments)
    out, err = process.communicate(timeout=300)
    said = out + err
    assert process.returncode in (0, 1) and "Traceback" not in said, said
    records = set((project.root / "runs").glob("*/run.json")) - before
    if not records:
        assert process.returncode == 1, said
        return Outcome("failed", {}), Counter(), said
    (path,) = records
    record = json.loads(path.read_text(encoding="utf-8"))
    assert (record["status"] == "succeeded") == (process.returncode == 0), said
    printed: dict[str, frozenset[str]] = {}
    times: Counter[str] = Counter()
    for step in record["steps"]:
        log = path.parent / "logs" / f"{step['name'].replace('/', '.')}.log"
        name = step["name"].rpartition("/")[2]
        if lines := lines_of(log.read_text(encoding="utf-8") if log.exists() else ""):
            printed[name] = printed.get(name, frozenset()) | frozenset(lines)
            times[name] += len(lines)
    return Outcome(record["status"], printed), times, said


def lines_of(log: str) -> list[str]:
    """The lines of a log that are JSON, but for those of documents of several lines, which KFP's executor logs."""
    found = []
    for line in log.splitlines():
        if line.startswith(" "):
            continue
        try:
            found.append(as_line(json.loads(line)))
        except ValueError:
            continue
    return found
