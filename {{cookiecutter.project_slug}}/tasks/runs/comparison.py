"""Runs side by side: what differs between them, and what came of it."""

from typing import Any

from .metrics import Line, best, number, of_iteration
from .record import Run


def comparison(compared: list[Run]) -> dict[str, list[Line]]:
    """What differs between runs, and what came of it: sections of a name and a value for each run."""

    def differing(values: list[dict[str, Any]]) -> list[Line]:
        names = dict.fromkeys(name for each in values for name in each)
        rows = [[name, *(str(each.get(name, "")) for each in values)] for name in names]
        return [(row, set()) for row in rows if len(set(row[1:])) > 1]

    about = [
        {
            "engine": run.engine,
            "status": run.status,
            "code": run.code.get("commit", "")[:12] + (" changed" if run.code.get("changed") else ""),
            "template": run.template_version,
        }
        for run in compared
    ]
    tags = [{name: image.rsplit(":", 1)[-1] for name, image in run.images.items()} for run in compared]
    measured: list[Line] = []
    for name in dict.fromkeys([*(name for run in compared for name in run.metrics), "seconds"]):
        values = [run.seconds if name == "seconds" else run.metrics.get(name) for run in compared]
        if of_iteration(name) and sum(value is not None for value in values) < 2:
            continue  # a loop that only one of them went through has its table in that run's page
        top = {position + 1 for position in best(name, values)}
        measured.append(([name, *("" if value is None else number(value) for value in values)], top))
    sections = {
        "ABOUT": differing(about),
        "PARAMETERS": differing([run.shown for run in compared]),
        "IMAGES": differing(tags),
        "METRICS": measured,
    }
    return {title: lines for title, lines in sections.items() if lines}
