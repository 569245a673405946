"""Versions of the model as a terminal shows them: in a list, one whole, and several compared."""

from collections.abc import Sequence
from typing import Any

from ..runs.listing import code_text, section, starred, table
from ..runs.metrics import Line, best, number
from ..terminal import printable

Version = Any  # shared.model_versions.Version, which is on the path only while a step's code is used


def listing(versions: Sequence[Version], unreadable: dict[int, str], champion: int | None) -> str:
    """The table of `inv models`, the newest first; of those that cannot be read the reason."""
    rows = {each: ["unreadable", "", "", why] for each, why in unreadable.items()}
    for version in versions:
        metrics = " ".join(f"{name}={number(value)}" for name, value in version.metrics.items())
        rows[version.number] = [when(version.made), version.run, version.data[:16], metrics]
    alias = {champion: "champion"}
    shown = [[str(each), alias.get(each, ""), *rows[each]] for each in sorted(rows, reverse=True)]
    return table([["VERSION", "ALIAS", "MADE", "RUN", "DATA", "METRICS"], *shown])


def details(version: Version, changes: Sequence[Any], link: str) -> str:
    """The page of `inv models.show`."""
    used = "the champion" if changes and changes[-1].version == version.number else "not in use"
    if changes and changes[-1].unreadable:
        used = "perhaps in use"
    lines = [f"version {version.number}  {used}  made {when(version.made)}"]
    about = {
        "target": f"{version.target} ({version.problem_type})",
        "run": version.run or "not known",
        "data": version.data or "not known",
        "code": code_text(version.code) or "not known",
        **({"mlflow": link} if link else {}),
        "packages": ", ".join(f"{name} {value}" for name, value in version.packages.items()),
    }
    lines.append(table([[f"  {name}", str(value)] for name, value in about.items()]))
    lines += [*section("METRICS", version.metrics), *section("PARAMETERS", version.parameters)]
    lines += ["", "FILES"]
    files = [
        [f"  {name}", f"{each['bytes']} bytes", f"sha256 {each['sha256']}"] for name, each in version.files.items()
    ]
    lines.append(table(files))
    images = version.code.get("images")
    lines += section("IMAGES", images if isinstance(images, dict) else {})
    since = [each for each in changes if each.version == version.number]
    lines += ["", *(f"champion since {when(each.made)}, by {printable(each.by)}" for each in since)] if since else []
    return "\n".join(lines)


def comparison(versions: Sequence[Version], champion: int | None) -> str:
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
