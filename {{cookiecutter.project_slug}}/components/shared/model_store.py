"""The store of model versions: a folder, or a URI of s3, gs or abfs. What is written there is never changed.

    files/{sha256}/{name}     what versions are made of
    versions/{number}.json    a version: its files, and all that is known of it
    champion/{number}.json    a change of the version in use, the champion: the last one holds

A number belongs to whoever creates its file first: of several who write at once, none takes another's.
The commands of the project import this too, so what is heavy is imported where it is used.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_origin

from shared.objects import Objects, Taken, objects_at
from shared.step import StepError, writing

MODEL, CARD, SCHEMA, PROFILE = "model.skops", "card.md", "schema.yaml", "profile.json"


@dataclass(frozen=True)
class Version:
    """A model that is kept: its files by name with `sha256` and `bytes`, and where it comes from."""

    number: int
    made: str  # when, in ISO 8601
    files: dict[str, dict[str, Any]]
    target: str
    problem_type: str
    run: str = ""
    data: str = ""  # the fingerprint of its source
    metrics: dict[str, float] = field(default_factory=dict)  # on the test rows
    parameters: dict[str, Any] = field(default_factory=dict)  # of its training
    packages: dict[str, str] = field(default_factory=dict)  # that it was made with, and must be loaded with
    code: dict[str, Any] = field(default_factory=dict)  # commit, changed, images

    @property
    def digest(self) -> str:
        return str(self.files[MODEL]["sha256"])


@dataclass(frozen=True)
class Change:
    """A change of the champion. A rollback takes the change before it away, so that what was in use is so again."""

    version: int
    made: str
    by: str  # the run, or who
    seen: str = ""  # what the store's state was called when it was decided, see `state`
    rollback: bool = False
    unreadable: str = ""  # why, of one that cannot be read: which version is in use after it is not known


class Changed(StepError):
    """The champion is not the one that was looked at."""


class Store:
    """Raises StepError for whatever goes wrong, in a sentence."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._objects: Objects = objects_at(place)

    def numbers(self, folder: str = "versions") -> list[int]:
        """The numbers of the versions, or of the changes of the champion, the newest last."""
        names = (name.removesuffix(".json") for name in self._objects.names(folder) if name.endswith(".json"))
        return sorted(int(name) for name in names if name.isdecimal())

    def version(self, number: int) -> Version:
        try:
            found = Version(**self._read("versions", number, Version))
            measured = [*(each["bytes"] for each in found.files.values()), *found.metrics.values()]
            if not found.digest or found.number != number or not all(isinstance(n, int | float) for n in measured):
                raise ValueError("its number, its model or its metrics are not there")
            return found
        except FileNotFoundError:
            known = ", ".join(map(str, self.numbers()[-10:])) or "none"
            raise StepError(f"the model store has no version {number}; it has: {known}.") from None
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            raise StepError(f"version {number} of the model store cannot be read: {problem}.") from problem

    def versions(self) -> tuple[list[Version], dict[int, str]]:
        """All versions that can be read, the newest last, and of the others by their numbers why they cannot."""
        found: list[Version] = []
        unreadable: dict[int, str] = {}
        for number in self.numbers():
            try:
                found.append(self.version(number))
            except StepError as problem:
                unreadable[number] = str(problem)
        return found, unreadable

    def changes(self) -> list[Change]:
        """The changes of the champion that hold, the last one last: without those that a rollback took away.

        One that cannot be read may have been either, so it stands for all before it.
        """
        found: list[Change] = []
        for number in self.numbers("champion"):
            try:
                change = Change(**self._read("champion", number, Change))
            except (OSError, ValueError, TypeError, StepError) as problem:
                found = [Change(0, "", "", unreadable=f"champion/{number:06}.json cannot be read: {problem}")]
                continue
            if not change.rollback:
                found.append(change)
            elif found and not found[-1].unreadable:
                found.pop()
        return found

    def used(self) -> int:
        """The number of the version in use; 0 if there is none. Raises StepError where that is not known."""
        changes = self.changes()
        if changes and changes[-1].unreadable:
            raise StepError(
                f"which version of the model store is in use is not known: {changes[-1].unreadable}. "
                "Restore that file, or choose a version: inv models.promote VERSION"
            )
        return changes[-1].version if changes else 0

    def champion(self) -> Version | None:
        """The version in use, if there is one."""
        number = self.used()
        return self.version(number) if number else None

    def add(self, files: Mapping[str, Path], about: Mapping[str, Any]) -> Version:
        """Keep a new version of these files; its number is the next one that nobody has."""
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

    def promote(self, version: Version, by: str, instead: int | None = None, seen: str = "") -> None:
        """Make a version the champion. Raises StepError where somebody else changes it at the same time.

        `instead`: the number of the champion that it was held against, 0 for none; another one there is is an error.
        """
        last = self._last()
        if instead is not None and (there := self.used()) != instead:
            raise Changed(f"version {there} has become the champion since. Look at it, and promote by hand.")
        self._change(Change(version.number, now(), by, seen), last)

    def rollback(self, by: str) -> tuple[int, int]:
        """Make the champion before this one the champion again: the number of the one that was, and of the one that is.

        The one that was need not be readable, the one that is has to be.
        """
        last, was, changes = self._last(), self.used(), self.changes()
        if len(changes) < 2:
            what = f"version {was} is the first champion" if was else "there is no champion"
            raise StepError(f"{what}: there is none before it to go back to.")
        if changes[-2].unreadable:
            raise StepError(
                f"which version was the champion before version {was} is not known: {changes[-2].unreadable}. "
                "Choose one: inv models.promote VERSION"
            )
        is_ = self.version(changes[-2].version).number
        self._change(Change(is_, now(), by, rollback=True), last)
        return was, is_

    def fetch(self, version: Version, name: str, target: Path) -> None:
        """Copy a file of a version, and make sure that it is what was kept."""
        if name not in version.files:
            raise StepError(f"version {version.number} has no {name}.")
        digest = str(version.files[name]["sha256"])
        with writing(target) as temporary:
            try:
                self._objects.copy(f"files/{digest}/{name}", temporary)
            except FileNotFoundError:
                raise StepError(f"the {name} of version {version.number} is gone from the model store.") from None
            if sha256(temporary) != digest:
                raise StepError(
                    f"the {name} of version {version.number} is not what was kept: it is cut or was changed. "
                    "Promote another version."
                )

    def _last(self) -> int:
        return max(self.numbers("champion"), default=0)

    def _change(self, change: Change, last: int) -> None:
        """Write a change that was decided after the one with the number `last`."""
        try:
            self._write("champion", last + 1, vars(change))
        except Taken:
            raise Changed("somebody else changed the champion just now. Look at it, and do it again.") from None

    def _write(self, folder: str, number: int, entry: Mapping[str, Any]) -> None:
        text = json.dumps(entry, indent=2, ensure_ascii=False) + "\n"
        self._objects.create(f"{folder}/{number:06}.json", text.encode())

    def _read(self, folder: str, number: int, kind: Any) -> dict[str, Any]:
        """What a file says of the fields of a kind; those of a newer template are passed over."""
        found = json.loads(self._objects.read(f"{folder}/{number:06}.json"))
        known: dict[str, Any] = {each.name: each.type for each in fields(kind) if each.name in found}
        for name, type_ in known.items():
            if not isinstance(found[name], get_origin(type_) or type_):
                raise ValueError(f"{name} is {str(found[name])[:50]!r}")
        return {name: found[name] for name in known}


def state(store: Store) -> str:
    """A text that changes whenever the champion does. Of a store that has none, another text each time."""
    numbers = store.numbers("champion")
    return f"champion {numbers[-1]}" if numbers else f"none at {now()}"


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
