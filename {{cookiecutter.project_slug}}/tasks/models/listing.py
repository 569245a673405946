"""Versions of the model as a terminal shows them: in a list, one whole, and several compared."""

from collections.abc import Sequence
from typing import Any

from ..runs.listing import starred, table
from ..runs.metrics import Line, best, number

Version = Any  # shared.model_store.Version, which is on the path only while a step's code is used


def listing(versions: Sequence[Version], champion: int) -> str:
    """The table of `inv models`, the newest first."""
    rows = [["VERSION", "ALIAS", "MADE", "RUN", "DATA", "METRICS"]]
    for version in versions:
        alias = "champion" if version.number == champion else ""
        metrics = " ".join(f"{name}={number(value)}" for name, value in version.metrics.items())
        rows.append([str(version.number), alias, when(version.made), version.run, version.data[:16], metrics])
    return table(rows)


def details(version: Version, champion: int, changes: Sequence[Any]) -> str:
    """The page of `inv models.show`."""
    used = "the champion" if version.number == champion else "not in use"
    lines = [f"version {version.number}  {used}  made {when(version.made)}"]
    code = version.code.get("commit", "")
    about = {
        "target": f"{version.target} ({version.problem_type})",
        "run": version.run or "not known",
        "data": version.data or "not known",
        "code": f"{code[:12]}{' with uncommitted changes' if version.code.get('changed') else ''}" or "not known",
        "packages": ", ".join(f"{name} {value}" for name, value in version.packages.items()),
    }
    lines.append(table([[f"  {name}", str(value)] for name, value in about.items()]))
    for title, values in (("METRICS", version.metrics), ("PARAMETERS", version.parameters)):
        if values:
            rows = [[f"  {name}", number(v) if isinstance(v, float) else str(v)] for name, v in values.items()]
            lines += ["", title, table(rows)]
    lines += ["", "FILES"]
    files = [
        [f"  {name}", f"{each['bytes']} bytes", f"sha256 {each['sha256']}"] for name, each in version.files.items()
    ]
    lines.append(table(files))
    if images := version.code.get("images"):
        lines += ["", "IMAGES", table([[f"  {name}", str(image)] for name, image in images.items()])]
    since = [f"champion since {when(each.made)}, by {each.by}" for each in changes if each.version == version.number]
    lines += ["", *since] if since else []
    return "\n".join(lines)


def comparison(versions: Sequence[Version], champion: int) -> str:
    """The table of `inv models.compare`: what differs, and the best of each metric marked."""
    header = ["METRICS", *(f"{each.number}{' champion' if each.number == champion else ''}" for each in versions)]
    lines: list[Line] = []
    for name in dict.fromkeys(name for each in versions for name in each.metrics):
        values = [each.metrics.get(name) for each in versions]
        lines.append(([name, *("" if value is None else number(value) for value in values)], best(name, values)))
    facts = [{"made": when(v.made), "run": v.run, "data": v.data[:16], **v.parameters} for v in versions]
    names = dict.fromkeys(name for each in facts for name in each)
    rows = [[name, *(str(each.get(name, "")) for each in facts)] for name in names]
    different = [(row, set[int]()) for row in rows if len(set(row[1:])) > 1]
    return "\n".join(
        [starred(header, lines), "", starred(["DIFFERENT", *header[1:]], different), "", "* the best of them"]
    )


def when(made: str) -> str:
    return made[:16].replace("T", " ")
