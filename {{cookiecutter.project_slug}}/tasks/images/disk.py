"""What this project takes of the engine and of this folder."""

import graphlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..project.components import component_names, image_reference
from ..project.settings import Settings
from ..runs.record import RUNS, folders, load
from ..runs.space import folder_size
from .engine import LABEL, connect

if TYPE_CHECKING:
    from docker import DockerClient


Row = tuple[str, int, int, str]  # kind, how many, bytes, and what that is


def runs_usage() -> Row:
    """What the runs take of this folder."""
    return ("runs", len(folders()), folder_size(RUNS), "records, artifacts and logs of local runs")


def usage(config: Settings) -> list[Row]:
    """What this project takes of the engine. Raises `Exit` where none answers."""
    client = connect()
    current, old = own_images(client, config)
    size = layers(client, current)
    left = leftovers(client, config)
    cache = build_cache(client)
    return [
        ("images", len(current), size, "of today's content; a layer that several have is counted once"),
        ("old images", len(old), layers(client, current + old) - size, "of other content; what they have alone"),
        ("containers", len(left), sum(entry["SizeRw"] for entry in left), "left behind by runs that were killed"),
        ("build cache", len(cache), sizes(cache), "besides the images; projects of this template share it"),
    ]


def own_images(client: "DockerClient", config: Settings) -> tuple[list[str], list[str]]:
    """The references of this project's images: those of today's content, and the others. Untagged ones by their id."""
    wanted = {image_reference(name, config) for name in component_names()}
    current: list[str] = []
    old: list[str] = []
    for image in client.images.list(filters={"label": f"{LABEL}.project={config.project}"}):
        for tag in image.tags or [image.id]:
            (current if tag in wanted else old).append(tag)
    return sorted(current), sorted(old)


def layers(client: "DockerClient", references: list[str]) -> int:
    """The bytes that images take, a layer that several have counted once."""
    found: dict[tuple[Any, ...], int] = {}
    for reference in references:
        below: list[tuple[Any, ...]] = []
        for entry in reversed(client.api.history(reference)):
            below.append((entry["Created"], entry["CreatedBy"], entry["Size"]))
            found[tuple(below)] = entry["Size"]
    return sum(found.values())


def leftovers(client: "DockerClient", config: Settings) -> list[dict[str, Any]]:
    """Containers of runs that are over: of this folder's, and of folders that are gone."""
    filters = {"label": f"{LABEL}.project={config.project}"}
    found = []
    for entry in client.api.containers(all=True, size=True, filters=filters):
        folder = Path(entry["Labels"].get(f"{LABEL}.run", ""))
        run = load(folder) if folder.parent == RUNS else None
        if not folder.exists() or (run and run.status != "running"):
            found.append({"SizeRw": 0, **entry})
    return found


def build_cache(client: "DockerClient") -> list[dict[str, Any]]:
    """The records of the build cache that can be freed: those of these Dockerfiles' steps and what stands on them.

    What an image or a build holds cannot be freed, nor what lies below it. What stands on another comes before that.
    """
    entries = {entry["ID"]: entry for entry in client.df().get("BuildCache") or []}
    below = {name: _parents(entry) & entries.keys() for name, entry in entries.items()}
    words = ("/build/install.py", "components/", "kf-template-pip")
    ours = {name for name, entry in entries.items() if any(word in entry["Description"] for word in words)}
    held = {name for name, entry in entries.items() if entry["InUse"] or entry["Shared"]}
    while more := {name for name in entries if below[name] & ours} - ours:
        ours |= more
    while more := {under for name in held for under in below[name]} - held:
        held |= more
    order = reversed([*graphlib.TopologicalSorter(below).static_order()])
    return [entries[name] for name in order if name in ours - held]


def _parents(entry: dict[str, Any]) -> set[str]:
    """The records that one stands on. The engine calls them " Parents", with a blank (moby, api/types/build/cache.go);
    before its API 1.42 there was one, "Parent"."""
    return {*(entry.get(" Parents") or entry.get("Parents") or []), entry.get("Parent") or ""}


def sizes(entries: list[dict[str, Any]]) -> int:
    return sum(entry["Size"] for entry in entries)
