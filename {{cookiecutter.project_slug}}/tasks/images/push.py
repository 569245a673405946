"""Pushing the images that the registry does not hold, and pulling those that it does."""

import os
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from ..files import ROOT
from ..project.components import component_of, image_content, image_reference
from ..project.settings import Settings
from ..terminal import Row, fail, live, plain
from .build import bake, build, has_buildx, here, staged
from .build_inputs import Building
from .engine import connect, docker
from .progress import watched
from .registry import held, registry_problem

if TYPE_CHECKING:
    from docker import DockerClient

Say = Callable[[str], None]


def push(names: list[str], config: Settings, say: Say, platform: str = "", sbom: bool = False) -> None:
    """Push the images of these components that the registry does not hold; build those that are missing first.

    A tag that is there is never written again. Raises `Exit` where the registry does not take one.
    """
    client = connect()
    wanted = platform or f"linux/{client.version()['Arch']}"
    missing = []
    for name in names:
        reference = image_reference(name, config)
        there = held(client, reference)
        if there is None:
            missing.append(name)
            continue
        if there.platforms and not any(wanted.startswith(known) for known in there.platforms):
            raise fail(
                f"the registry holds {reference} for {', '.join(sorted(there.platforms))}, and {wanted} is wanted; "
                "a tag is never overwritten: delete it there, or push to another registry (INVOKE_REGISTRY=...)."
            )
        if sbom and not there.attested:
            raise fail(
                f"the registry holds {reference} already, without attestations; a tag is never overwritten: "
                "delete it there, and push with --sbom again."
            )
        say(f"  {name:<16}  already there")
    if sbom and missing:
        contents = {name: image_content(name) for name in missing}
        images = [Building(name, image_reference(name, config, contents[name]), contents[name]) for name in missing]
        if not has_buildx():
            raise fail("attestations are made by buildx, which is missing: https://docs.docker.com/go/buildx/")
        with staged(images) as folder:
            bake(images, folder, config, platform, say, attest=True)
    elif missing:
        for reference in build(missing, config, lambda text: None if "up to date" in text else say(text), platform):
            _push_one(reference)
    for name in missing:
        reference = image_reference(name, config)
        if held(client, reference) is None:
            raise fail(f"{reference} was pushed, but the registry does not hold it; push again.")


def _push_one(reference: str) -> None:
    start, words = time.monotonic(), []
    layers: dict[str, str] = {}
    name = reference.rsplit("/", 1)[1].split(":")[0]
    state = "pushing"

    def heard(text: str) -> None:
        layer, _, said = text.partition(": ")
        if re.fullmatch(r"[0-9a-f]{12}", layer):
            layers[layer] = said
        elif text.strip():
            words.append(text.strip())

    def rows() -> list[Row]:
        said = list(layers.values())
        there = sum(each in ("Pushed", "Layer already exists") or "Mounted" in each for each in said)
        note = sent(said) if state == "pushed" else f"{there} of {len(said)} layers are there"
        return [Row(name, state, time.monotonic() - start, note)]

    def sent(said: list[str]) -> str:
        return f"{said.count('Pushed')} of {len(said)} layers"

    with live(rows):
        code = watched(["docker", "push", reference], ROOT, dict(os.environ), heard, both=True)
        state = "failed" if code else "pushed"
    if code:
        raise fail(registry_problem(reference, words[-1] if words else "no message"))
    plain(f"  {name:<16}  pushed      {time.monotonic() - start:6.1f} s  {sent(list(layers.values()))}")


def ensure(references: list[str], config: Settings, say: Say) -> None:
    """See to it that the engine has the images of a pipeline: pulled where the registry has them, else built."""
    from docker.errors import ImageNotFound

    client = connect()
    to_build = []
    for reference in references:
        if name := component_of(reference):
            if not here(client, reference, "") and not _pulled(client, reference, say):
                to_build.append(name)
            continue
        try:
            client.images.get(reference)
        except ImageNotFound:
            if docker("pull", "--quiet", reference).returncode:
                raise fail(f"the image {reference} is not here and cannot be pulled: docker pull {reference}") from None
    if to_build:
        build(to_build, config, say)


def _pulled(client: "DockerClient", reference: str, say: Say) -> bool:
    """Whether the image could be pulled; a registry that cannot be asked has nothing."""
    start = time.monotonic()
    try:
        there = held(client, reference)
    except Exit:
        return False
    if there is None or docker("pull", "--quiet", reference).returncode:
        return False
    name = reference.rsplit("/", 1)[1].split(":")[0]
    if not here(client, reference, ""):
        return False
    say(f"  {name:<16}  pulled      {time.monotonic() - start:6.1f} s")
    return True
