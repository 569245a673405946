"""What this project takes of the engine and of this folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..project.components import component_names, image_reference
from ..project.settings import Settings
from ..runs.record import RUNS, load, newest_first
from .engine import LABEL, connect

if TYPE_CHECKING:
    from docker import DockerClient


def usage(config: Settings) -> list[tuple[str, int, int, str]]:
    """What this project takes of the engine and of this folder: kind, how many, bytes, and what that is."""
    client = connect()
    current, old = own_images(client, config)
    size = layers(client, current)
    left = leftovers(client, config)
    cache = build_cache(client)
    found = newest_first()
    return [
        ("images", len(current), size, "of today's content; a layer that several have is counted once"),
        ("old images", len(old), layers(client, current + old) - size, "of other content; what they have alone"),
        ("containers", len(left), sum(entry["SizeRw"] for entry in left), "left behind by runs that were killed"),
        ("build cache", len(cache), sizes(cache), "besides the images; projects of this template share it"),
        ("runs", len(found), folder_size(RUNS), "records, artifacts and logs of local runs"),
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
    """The records of the build cache that come from the steps of these Dockerfiles, and are no layer of an image."""
    ours = ("/build/install.py", "components/", "kf-template-pip")
    return [
        entry
        for entry in client.df().get("BuildCache") or []
        if any(word in entry["Description"] for word in ours) and not entry["InUse"] and not entry["Shared"]
    ]


def sizes(entries: list[dict[str, Any]]) -> int:
    return sum(entry["Size"] for entry in entries)


def folder_size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0
