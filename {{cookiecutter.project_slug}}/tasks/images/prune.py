"""Freeing what this project made in the Docker engine and does not need any more."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..project.settings import Settings
from ..runs.space import dead_entries, folder_size, old_runs, remove, remove_entries, without_record
from ..terminal import printable
from .disk import build_cache, layers, leftovers, own_images, sizes
from .engine import connect

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True)
class Freeable:
    """What `inv prune` frees: how it is called, its bytes, and the function that frees it and returns those freed."""

    what: str
    size: int
    free: Callable[[], int]


def freeable_runs(keep: int) -> list[Freeable]:
    """The runs that may go, where the newest `keep` stay, and the folders in which there is no record."""
    found = []
    gone = old_runs(keep)
    if gone:
        folders = [run.folder for run in gone]
        what = f"{len(gone)} runs: {gone[-1].id} to {gone[0].id}"
        found.append(Freeable(what, sum(map(folder_size, folders)), lambda: sum(map(remove, folders))))
    if broken := without_record():
        names = ", ".join(printable(path.name) for path in broken)
        what = f"{len(broken)} runs without a record that can be read: {names}"
        found.append(Freeable(what, sum(map(folder_size, broken)), lambda: sum(map(remove, broken))))
    if dead := dead_entries(gone):
        what = f"{len(dead)} entries of the cache that serve nothing without them"
        found.append(Freeable(what, sum(dead.values()), lambda: remove_entries(dead)))
    return found


def freeable(config: Settings, everything: bool) -> list[Freeable]:
    """What this project made in the engine and does not need. With `everything`, all its images too.

    Raises `Exit` where no engine answers.
    """
    client = connect()
    current, old = own_images(client, config)
    images = old + (current if everything else [])
    left, cache = leftovers(client, config), build_cache(client)
    found = []
    if left:
        what = f"{len(left)} containers of runs that are over"
        found.append(Freeable(what, sum(entry["SizeRw"] for entry in left), lambda: _remove_containers(client, left)))
    if images:
        size = layers(client, current + old) - (0 if everything else layers(client, current))
        kind = "images" if everything else "images of content that is not today's"
        found.append(Freeable(f"{len(images)} {kind}", size, lambda: _remove_images(client, images)))
    if cache or images:
        what = (
            f"{len(cache)} records of the build cache that no image needs"
            if cache
            else "build cache left without images"
        )
        found.append(Freeable(what, sizes(cache), lambda: _prune_cache(client)))
    return found


def _remove_containers(client: "DockerClient", left: list[dict[str, Any]]) -> int:
    freed = 0
    for entry in left:
        with _still_used():
            client.api.remove_container(entry["Id"], force=True, v=True)
            freed += entry["SizeRw"]
    return freed


def _remove_images(client: "DockerClient", images: list[str]) -> int:
    """What the engine's layers take less afterwards."""
    before = client.df()["LayersSize"] or 0
    for image in images:
        with _still_used():
            client.api.remove_image(image)
    return max(0, before - (client.df()["LayersSize"] or 0))


def _prune_cache(client: "DockerClient") -> int:
    """What BuildKit says it freed. A record goes only when nothing stands on it, and the engine takes one at a time."""
    freed = 0
    for record in build_cache(client):
        with _still_used():
            freed += client.api.prune_builds(filters={"id": [record["ID"]]}, all=True).get("SpaceReclaimed") or 0
    return freed


@contextlib.contextmanager
def _still_used() -> Iterator[None]:
    """What is in use meanwhile, or gone already, stays as it is."""
    import docker

    with contextlib.suppress(docker.errors.APIError):
        yield
