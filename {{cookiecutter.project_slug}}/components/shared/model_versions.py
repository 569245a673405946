"""Versions of the model, and which one is in use: what is known of them, and what every store of them does.

The commands of the project import this too, so what is heavy is imported where it is used.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_origin

from shared.step import StepError, writing

MODEL, CARD, SCHEMA, PROFILE = "model.skops", "card.md", "schema.yaml", "profile.json"
# A skops file may hold any class; besides scikit-learn's plain ones, only these are loaded.
TRUSTED = ["numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]


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


class Unreadable(StepError):
    """Something of a version, or of which one is in use, is gone, cut or changed; others can be used as ever."""

    def __init__(self, said: str) -> None:
        super().__init__(f"{said}. Restore that, or choose another version: inv models.promote VERSION")


class Changed(StepError):
    """The champion is not the one that was looked at."""

    def __init__(self, said: str = "somebody else changed the champion just now. Look at it, and do it again.") -> None:
        super().__init__(said)


class Store(ABC):
    """The versions of a project's model. Raises StepError for whatever goes wrong, in a sentence."""

    @abstractmethod
    def add(self, files: Mapping[str, Path], about: Mapping[str, Any]) -> Version:
        """Keep a new version of these files; its number is the next one that nobody has."""

    @abstractmethod
    def state(self) -> str:
        """A text that changes whenever the champion does. Of a store that has none, another text each time."""

    @abstractmethod
    def _entries(self) -> list[tuple[int, Callable[[], Any]]]:
        """The numbers of all versions, the newest last, each with what reads its entry, as `_entry` does."""

    @abstractmethod
    def _entry(self, number: int) -> Any:
        """What is known of a version, as JSON gives it. Raises FileNotFoundError, or ValueError where it is no JSON."""

    @abstractmethod
    def _written(self) -> list[Change]:
        """All changes of the champion, those that a rollback took away too."""

    @abstractmethod
    def _change(self, decided: Callable[[list[Change]], Change]) -> list[Change]:
        """Write a change, which those before it decide; return these and it.

        Raises Changed where another one comes between.
        """

    @abstractmethod
    def _copy(self, version: Version, name: str, target: Path) -> None:
        """Copy a file of a version. Raises FileNotFoundError."""

    def link(self, version: Version) -> str:
        """Where a version is looked at, if the store has pages."""
        return ""

    def numbers(self) -> list[int]:
        """The numbers of the versions, the newest last."""
        return [number for number, _ in self._entries()]

    def version(self, number: int) -> Version:
        try:
            return version_of(number, lambda: self._entry(number))
        except FileNotFoundError:
            known = ", ".join(map(str, self.numbers()[-10:])) or "none"
            raise Unreadable(f"the model store has no version {number}; it has: {known}") from None

    def versions(self) -> tuple[list[Version], dict[int, str]]:
        """All versions that can be read, the newest last, and of the others by their numbers why they cannot."""
        found: list[Version] = []
        unreadable: dict[int, str] = {}
        for number, read in self._entries():
            try:
                found.append(version_of(number, read))
            except StepError as problem:
                unreadable[number] = str(problem)
        return found, unreadable

    def changes(self) -> list[Change]:
        """The changes of the champion that hold, the last one last: without those that a rollback took away."""
        return holding(self._written())

    def used(self) -> int:
        """The number of the version in use; 0 if there is none. Raises Unreadable where that is not known."""
        return in_use(self.changes())

    def champion(self) -> Version | None:
        """The version in use, if there is one."""
        number = self.used()
        return self.version(number) if number else None

    def promote(self, version: Version, by: str, instead: int | None = None, seen: str = "") -> None:
        """Make a version the champion. Raises StepError where somebody else changes it at the same time.

        `instead`: the number of the champion that it was held against, 0 for none; another one there is is an error.
        """

        def decided(written: list[Change]) -> Change:
            if instead is not None and (there := in_use(holding(written))) != instead:
                raise Changed(f"version {there} has become the champion since. Look at it, and promote by hand.")
            return Change(version.number, now(), by, seen)

        self._change(decided)

    def rollback(self, by: str) -> tuple[int, int]:
        """Make the champion before this one the champion again: the number of the one that was, and of the one that is.

        The one that was need not be readable, the one that is has to be.
        """

        def decided(written: list[Change]) -> Change:
            changes = holding(written)
            was = in_use(changes)
            if len(changes) < 2:
                what = f"version {was} is the first champion" if was else "there is no champion"
                raise StepError(f"{what}: there is none before it to go back to.")
            if changes[-2].unreadable:
                raise StepError(
                    f"which version was the champion before version {was} is not known: {changes[-2].unreadable}. "
                    "Choose one: inv models.promote VERSION"
                )
            return Change(self.version(changes[-2].version).number, now(), by, rollback=True)

        *before, change = self._change(decided)
        return in_use(holding(before)), change.version

    def fetch(self, version: Version, name: str, target: Path) -> None:
        """Copy a file of a version, and make sure that it is what was kept."""
        if name not in version.files:
            raise StepError(f"version {version.number} has no {name}.")
        digest = str(version.files[name]["sha256"])
        with writing(target) as temporary:
            try:
                self._copy(version, name, temporary)
            except FileNotFoundError:
                raise Unreadable(f"the {name} of version {version.number} is gone from the model store") from None
            if sha256(temporary) != digest:
                raise Unreadable(f"the {name} of version {version.number} is not what was kept: it was cut or changed")


def holding(changes: Iterable[Change]) -> list[Change]:
    """Those of all changes that no rollback took away.

    One that cannot be read may have been either, so it stands for all before it.
    """
    found: list[Change] = []
    for change in changes:
        if change.unreadable:
            found = [change]
        elif not change.rollback:
            found.append(change)
        elif found and not found[-1].unreadable:
            found.pop()
    return found


def in_use(changes: Sequence[Change]) -> int:
    """The number of the version in use after changes that hold; 0 if none. Raises Unreadable where it is not known."""
    if changes and changes[-1].unreadable:
        raise Unreadable(f"which version of the model store is in use is not known: {changes[-1].unreadable}")
    return changes[-1].version if changes else 0


def entry(found: Any, kind: Any) -> dict[str, Any]:
    """What an entry of a store says of the fields of a kind; those of a newer template are passed over.

    Raises ValueError where it is none.
    """
    if not isinstance(found, dict):
        raise ValueError(f"it is {str(found)[:50]!r}")
    known: dict[str, Any] = {each.name: each.type for each in fields(kind) if each.name in found}
    for name, type_ in known.items():
        if not isinstance(found[name], get_origin(type_) or type_):
            raise ValueError(f"{name} is {str(found[name])[:50]!r}")
    return {name: found[name] for name in known}


def version_of(number: int, read: Callable[[], Any]) -> Version:
    """The version that an entry of a store tells of, which is read here. Raises Unreadable where it is none."""
    try:
        version = Version(**entry(read(), Version))
        measured = [*(each["bytes"] for each in version.files.values()), *version.metrics.values()]
        if not version.digest or version.number != number or not all(isinstance(n, int | float) for n in measured):
            raise ValueError("its number, its model or its metrics are not there")
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise Unreadable(f"version {number} of the model store cannot be read: {problem}") from problem
    return version


def change_of(name: str, found: Any) -> Change:
    """The change of the champion that an entry of a store tells of; `name` says where it is."""
    try:
        return Change(**entry(found, Change))
    except (ValueError, TypeError) as problem:
        return Change(0, "", "", unreadable=f"{name} cannot be read: {problem}")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
