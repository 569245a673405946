"""Freeing what this project made and does not need any more."""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..project.settings import Settings
from ..runs.record import Run, newest_first
from .disk import build_cache, folder_size, layers, leftovers, own_images, sizes
from .engine import connect

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True)
class Freeable:
    """What `inv prune` frees: how it is called, its bytes, and the function that frees it."""

    what: str
    size: int
    free: Callable[[], None]


def freeable(config: Settings, keep_runs: int | None, everything: bool) -> list[Freeable]:
    """What this project made and does not need: nothing else is ever freed. With `everything`, all its images too."""
    client = connect()
    current, old = own_images(client, config)
    images = old + (current if everything else [])
    left, cache = leftovers(client, config), build_cache(client)
    found = []
    if left:
        found.append(
            Freeable(
                f"{len(left)} containers of runs that are over",
                sizes([{"Size": entry["SizeRw"]} for entry in left]),
                lambda: _each(lambda entry: client.api.remove_container(entry["Id"], force=True, v=True), left),
            )
        )
    if images:
        size = layers(client, current + old) - (0 if everything else layers(client, current))
        kind = "images" if everything else "images of content that is not today's"
        found.append(
            Freeable(f"{len(images)} {kind}", size, lambda: _each(lambda image: client.api.remove_image(image), images))
        )
    if cache or images:
        found.append(
            Freeable(
                f"{len(cache)} records of the build cache that no image needs",
                sizes(cache),
                lambda: _prune_cache(client),
            )
        )
    if keep_runs is not None and (gone := old_runs(keep_runs)):
        found.append(
            Freeable(
                f"{len(gone)} runs: {gone[-1].id} to {gone[0].id}",
                sum(folder_size(run.folder) for run in gone),
                lambda: _each(lambda run: shutil.rmtree(run.folder), gone),
            )
        )
    return found


def old_runs(keep: int) -> list[Run]:
    """The runs that are over and not among the `keep` newest, but for those whose artifacts a kept one was served."""
    found = newest_first()
    kept = found[:keep]
    used = {
        part
        for run in kept
        for step in run.steps
        for value in [*step.inputs.values(), *step.outputs.values()]
        for item in (value if isinstance(value, list) else [value])
        if isinstance(item, dict)
        for part in str(item.get("uri", "")).split("/")
    }
    return [run for run in found[keep:] if run.status != "running" and run.id not in used]


def _each(free: Callable[[Any], object], things: list[Any]) -> None:
    """Free each; what is in use meanwhile, or gone already, stays as it is."""
    import docker

    for thing in things:
        with contextlib.suppress(docker.errors.APIError, OSError):
            free(thing)


def _prune_cache(client: "DockerClient") -> None:
    """A record goes only when nothing stands on it, so in several rounds: the last layers first."""
    while True:
        before = {entry["ID"] for entry in build_cache(client)}
        _each(lambda record: client.api.prune_builds(filters={"id": [record]}, all=True), sorted(before))
        if not before - {entry["ID"] for entry in build_cache(client)}:
            break
