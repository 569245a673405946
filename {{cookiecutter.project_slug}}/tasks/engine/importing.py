"""Importers: artifacts that are there already, at a path or behind a URI."""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..files import ROOT
from ..project.components import component_path
from .executions import Artifact, Spec, Unresolved
from .executor_io import StepFailed
from .inputs import Inputs, with_inputs
from .values import value_of

SCHEMES = ("http", "https", "s3", "gs", "gcs", "abfs", "abfss")


def imported(importer: Spec, component: Spec, inputs: Inputs, folder: Path) -> tuple[str, Artifact]:
    """The name and the artifact of an importer's output; what is behind a URI is copied to `folder`, once.

    Raises `StepFailed` where there is no such thing.
    """
    uri = importer["artifactUri"]
    address = inputs.parameters.get(uri["runtimeParameter"]) if "runtimeParameter" in uri else uri.get("constant")
    if not isinstance(address, str) or not address:
        raise Unresolved("the URI of what it imports is empty")
    (name,) = component["outputDefinitions"]["artifacts"]
    schema = importer["typeSchema"]
    kind = schema.get("schemaTitle") or schema.get("instanceSchema") or "system.Artifact"
    metadata = with_inputs(value_of(importer.get("metadata", {})), inputs.parameters)
    path = _local(address) or _copy(address, folder)
    shown = str(path) if "://" not in address or address.startswith("file://") else address
    return name, Artifact(kind, name, shown, str(path), metadata)


def _local(address: str) -> Path | None:
    """The file or folder of this machine that an address names, from the project's folder; None for a remote one."""
    if "://" in address and not address.startswith("file://"):
        return None
    path = ROOT / address.removeprefix("file://")
    with contextlib.suppress(RuntimeError):  # a home that is not known is not there
        path = ROOT / Path(address.removeprefix("file://")).expanduser()
    if not path.exists():
        raise StepFailed(f"what it imports is not there: {path}")
    return path


def _copy(address: str, folder: Path) -> Path:
    """A copy of what is behind a URI, whole or not at all."""
    place = (
        folder / hashlib.sha256(address.encode()).hexdigest()[:16] / (Path(urlsplit(address).path).name or "artifact")
    )
    if place.exists():
        return place
    partial = place.with_name(f"{place.name}.partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    with _remote(address) as (system, path, about):
        if about.get("type") == "directory":
            shutil.rmtree(partial, ignore_errors=True)
            system.get(path, str(partial), recursive=True)
        else:
            with system.open(path, "rb") as source, partial.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 22)
    partial.replace(place)
    return place


@contextlib.contextmanager
def _remote(address: str) -> Iterator[tuple[Any, str, dict[str, Any]]]:
    """The file system behind a URI, as the steps reach their sources, with its errors as `StepFailed`."""
    with component_path():
        from shared.sources import remote
        from shared.step import StepError

        try:
            with remote(address) as found:
                yield found
        except StepError as error:
            raise StepFailed(str(error)) from None
