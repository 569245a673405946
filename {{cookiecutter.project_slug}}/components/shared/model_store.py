"""The store of model versions: a folder, a URI of s3, gs or abfs, or an MLflow server.

In a folder or a bucket, what is written is never changed:

    files/{sha256}/{name}     what versions are made of
    versions/{number}.json    a version: its files, and all that is known of it
    champion/{number}.json    a change of the version in use, the champion: the last one holds

A number belongs to whoever creates its file first: of several who write at once, none takes another's.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from shared.model_versions import Change, Changed, Store, Version, change_of, now, sha256
from shared.objects import Objects, Taken, objects_at
from shared.step import StepError


def store_at(place: str) -> Store:
    """The store at a place: a folder, a URI of a bucket, or `mlflow+https://host#name`."""
    if place.startswith("mlflow+"):
        from shared.mlflow_store import MlflowStore  # what it asks with is not at hand for nothing

        return MlflowStore(place)
    return FileStore(place)


class FileStore(Store):
    """A store in a folder or a bucket."""

    def __init__(self, place: str) -> None:
        self._objects: Objects = objects_at(place)

    def add(self, files: Mapping[str, Path], about: Mapping[str, Any]) -> Version:
        kept = {}
        for name, path in files.items():
            digest = sha256(path)
            kept[name] = {"sha256": digest, "bytes": path.stat().st_size}
            with suppress(Taken):  # by another version, as what it is
                self._objects.create(f"files/{digest}/{name}", path)
        number = max(self.numbers(), default=0)
        while True:
            number += 1
            entry = {**about, "number": number, "made": now(), "files": kept}
            with suppress(Taken):
                self._write("versions", number, entry)
                return Version(**entry)

    def state(self) -> str:
        last = self._last()
        if not last:
            return f"none at {now()}"
        # A store that was deleted and filled anew counts from 1 again: its changes are not those of the other one.
        told = hashlib.sha256(self._objects.read(_key("champion", last))).hexdigest()
        return f"champion {last} {told[:16]}"

    def _entries(self) -> list[tuple[int, Callable[[], Any]]]:
        return [(number, partial(self._entry, number)) for number in self._numbers("versions")]

    def _entry(self, number: int) -> Any:
        try:
            return self._read("versions", number)
        except ValueError as problem:
            raise ValueError(f"{_key('versions', number)}: {problem}") from problem

    def _written(self) -> list[Change]:
        return [self._written_as(number) for number in self._numbers("champion")]

    def _written_as(self, number: int) -> Change:
        name = _key("champion", number)
        try:
            return change_of(name, self._read("champion", number))
        except (OSError, ValueError, StepError) as problem:
            return Change(0, "", "", unreadable=f"{name} cannot be read: {problem}")

    def _last(self) -> int:
        return max(self._numbers("champion"), default=0)

    def _change(self, decided: Callable[[list[Change]], Change]) -> list[Change]:
        numbers = self._numbers("champion")
        written = [self._written_as(number) for number in numbers]
        change = decided(written)
        try:
            self._write("champion", max(numbers, default=0) + 1, vars(change))
        except Taken:
            raise Changed from None
        return [*written, change]

    def _copy(self, version: Version, name: str, target: Path) -> None:
        self._objects.copy(f"files/{version.files[name]['sha256']}/{name}", target)

    def _numbers(self, folder: str) -> list[int]:
        names = (name.removesuffix(".json") for name in self._objects.names(folder) if name.endswith(".json"))
        return sorted(int(name) for name in names if name.isdecimal())

    def _write(self, folder: str, number: int, entry: Mapping[str, Any]) -> None:
        text = json.dumps(entry, indent=2, ensure_ascii=False) + "\n"
        self._objects.create(_key(folder, number), text.encode())

    def _read(self, folder: str, number: int) -> Any:
        return json.loads(self._objects.read(_key(folder, number)))


def _key(folder: str, number: int) -> str:
    return f"{folder}/{number:06}.json"
