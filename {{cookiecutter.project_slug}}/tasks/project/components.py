"""The components of the project, and the images that are built from them."""

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

from ..files import ROOT
from .settings import Settings

COMPONENTS = ROOT / "components"


# What goes into every image's build besides its folder and components/shared.
FOR_ALL_IMAGES = (ROOT / "tasks" / "images" / "install.py", ROOT / ".dockerignore")


def component_names() -> list[str]:
    """The folders of `components/` that hold a `component.yaml`, sorted."""
    return sorted(path.parent.name for path in COMPONENTS.glob("*/component.yaml"))


def component_files(name: str) -> list[Path]:
    """A component's `component.yaml`, and those of other steps that its image has, `component.{part}.yaml`."""
    return sorted((COMPONENTS / name).glob("component*.yaml"), key=lambda path: (len(path.name), path.name))


def image_content(name: str) -> dict[str, bytes]:
    """All that a component's image is built from: the content of each file by its path from the project's root."""
    content = {}
    for folder in (COMPONENTS / "shared", COMPONENTS / name):
        for path in files_of(folder):
            declares = fnmatch(path.name, "component*.yaml") or path.suffix == ".in"
            if not (declares and path.parent == folder):
                content[path.relative_to(ROOT).as_posix()] = path.read_bytes()
    for path in FOR_ALL_IMAGES:
        if path.is_file():
            content[path.relative_to(ROOT).as_posix()] = path.read_bytes()
    return content


def files_of(folder: Path) -> list[Path]:
    """The files of a folder and those in it, sorted, without hidden ones and bytecode."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        found += [Path(place, name) for name in names if not name.startswith(".") and not name.endswith(".pyc")]
    return sorted(path for path in found if path.is_file())


def image_reference(name: str, config: Settings, content: dict[str, bytes] | None = None) -> str:
    """The reference of a component's image, `registry/project/component:tag`.

    The tag is a digest of what goes into the image. It never moves, so KFP's cache, whose key is this string, is
    right; and it needs no registry and no engine to compute.
    """
    digest = hashlib.sha256(f"python {config.python_version}\n".encode())
    for path, found in (image_content(name) if content is None else content).items():
        digest.update(f"{path} {len(found)}\n".encode() + found)
    return f"{config.registry}/{config.project}/{name}:{digest.hexdigest()[:16]}"


def component_of(image: str) -> str | None:
    """The component an image reference belongs to, or None where it is not one of this project's."""
    name = image.rsplit("/", 1)[-1].split(":")[0]
    return name if (COMPONENTS / name / "component.yaml").is_file() else None


def by_component(images: Iterable[str]) -> dict[str, str]:
    """Those of the images that are of this project, by their components."""
    return {name: image for image in images if (name := component_of(image))}


@contextlib.contextmanager
def component_path(*folders: Path) -> Iterator[None]:
    """Let Python import what a step's program imports: `shared` and the modules of `folders`."""
    added = [str(COMPONENTS), *map(str, folders)]
    sys.path[:0] = added
    try:
        yield
    finally:
        for folder in added:
            sys.path.remove(folder)
