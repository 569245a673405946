"""The store of model versions in an MLflow server: its registered model, that one's versions, and the alias `champion`.

What the store must know of a version is JSON in its tag ENTRY. Which one is in use, the alias alone says. MLflow keeps
no history of that, so each change is a tag of the registered model as well; and since tags and aliases take whatever
comes last, another registered model, which only one can make, keeps two changes apart.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from shared.mlflow_api import Mlflow, Refused
from shared.mlflow_run import download, milliseconds, run_of_version, tags_of, upload
from shared.model_versions import CARD, Change, Changed, Store, Version, change_of, holding, now, sha256
from shared.objects import Taken
from shared.step import StepError

ENTRY, CHAMPION, CHANGE = "kf_template.version", "champion", "kf_template.champion."
STALE = 300_000  # milliseconds after which a change that is under way was given up
LONGEST = 5000  # letters of a description that every server takes


class MlflowStore(Store):
    """A store at `mlflow+https://host#name`; the name is that of the registered model and of the experiment."""

    def __init__(self, place: str) -> None:
        address, _, self._name = place.removeprefix("mlflow+").partition("#")
        if not self._name.replace("-", "").replace("_", "").isalnum():
            raise StepError(f"models: {place!r} lacks the model's name: mlflow+https://host#name.")
        self._mlflow = Mlflow(address)

    def add(self, files: Mapping[str, Path], about: Mapping[str, Any]) -> Version:
        kept = {name: {"sha256": sha256(path), "bytes": path.stat().st_size} for name, path in files.items()}
        entry = {**about, "made": now(), "files": kept}
        with suppress(Taken):
            self._mlflow.make("registered-models/create", name=self._name)
        with run_of_version(self._mlflow, self._name, entry) as run:
            source = upload(self._mlflow, run, files, entry)
            made = self._mlflow.post(
                "model-versions/create",
                name=self._name,
                source=source,
                run_id=run["run_id"],
                description=files[CARD].read_text(encoding="utf-8")[:LONGEST] if CARD in files else "",
                tags=tags_of({ENTRY: json.dumps(entry), "run": entry.get("run", "")}),
            )
        return Version(**entry, number=int(made["model_version"]["version"]))

    def state(self) -> str:
        model = self._model()
        used = _used(model)
        made = model.get("creation_timestamp", "")  # of another one, where the registered model was deleted since
        return f"champion {_last(model)} is {used} since {made}" if used else f"none at {now()}"

    def link(self, version: Version) -> str:
        return f"{self._mlflow.address}/#/models/{self._name}/versions/{version.number}"

    def _entries(self) -> list[tuple[int, Callable[[], Any]]]:
        found = sorted(self._search(), key=lambda each: int(each["version"]))
        return [(int(each["version"]), partial(_entry, each)) for each in found]

    def _entry(self, number: int) -> Any:
        return _entry(self._get(number))

    def _written(self) -> list[Change]:
        return _known(self._model())

    def _change(self, decided: Callable[[list[Change]], Change]) -> list[Change]:
        with self._alone():
            model = self._model()
            known = _known(model)
            change = decided(known)
            by_hand = known[len(_changes(model)) :]
            for number, each in enumerate([*by_hand, change], _last(model) + 1):
                key, text = f"{CHANGE}{number:06}", json.dumps(vars(each))
                self._mlflow.post("registered-models/set-tag", name=self._name, key=key, value=text)
            version = str(change.version)
            self._mlflow.post("registered-models/alias", name=self._name, alias=CHAMPION, version=version)
        return [*known, change]

    def _copy(self, version: Version, name: str, target: Path) -> None:
        download(self._mlflow, str(self._get(version.number)["source"]), name, target)

    def _model(self) -> dict[str, Any]:
        """The registered model; nothing where there is none."""
        found: dict[str, Any] = self._found("registered-models/get", name=self._name).get("registered_model", {})
        return found

    def _get(self, number: int) -> dict[str, Any]:
        """A version, as MLflow describes it. Raises FileNotFoundError."""
        found = self._found("model-versions/get", name=self._name, version=str(number))
        if not found:
            raise FileNotFoundError(number)
        version: dict[str, Any] = found["model_version"]
        return version

    def _found(self, what: str, **query: str) -> dict[str, Any]:
        try:
            return self._mlflow.get(what, **query)
        except Refused as problem:
            if problem.code == "RESOURCE_DOES_NOT_EXIST":
                return {}
            raise

    def _search(self) -> Iterator[dict[str, Any]]:
        """The versions of the registered model, as MLflow describes them, in any order."""
        query = {"filter": f"name='{self._name}'", "max_results": "200"}
        while True:
            page = self._mlflow.get("model-versions/search", **query)
            yield from page.get("model_versions", [])
            if not page.get("next_page_token"):
                return
            query["page_token"] = page["next_page_token"]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While the champion changes. Raises Changed where somebody else changes it."""
        name = f"{self._name}.changing"
        try:
            self._mlflow.make("registered-models/create", name=name)
        except Taken:
            made = self._found("registered-models/get", name=name).get("registered_model", {})
            if milliseconds() - int(made.get("creation_timestamp", milliseconds())) > STALE:  # somebody was stopped
                self._mlflow.delete("registered-models/delete", name=name)
            raise Changed from None
        try:
            yield
        finally:
            with suppress(StepError):
                self._mlflow.delete("registered-models/delete", name=name)


def _entry(found: Mapping[str, Any]) -> Any:
    """What the store must know of a version, which lacks its number, since MLflow gives that last."""
    text = {each["key"]: each.get("value", "") for each in found.get("tags", [])}.get(ENTRY)
    if text is None:
        raise ValueError("this project did not make it")
    entry = json.loads(text)
    return {**entry, "number": int(found["version"])} if isinstance(entry, dict) else entry


def _known(model: Mapping[str, Any]) -> list[Change]:
    """The changes of a registered model; and where somebody has moved the alias in MLflow itself, that too."""
    if not (used := _used(model)):
        return []
    found = [change_of(f"the tag {key}", _parsed(text)) for key, text in _changes(model)]
    held = holding(found)
    return found if held and held[-1].version == used else [*found, Change(used, "", "MLflow")]


def _changes(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The tags that tell of changes of the champion, the last one last."""
    tags = ((each["key"], each.get("value", "")) for each in model.get("tags", []))
    return sorted((key, text) for key, text in tags if key.startswith(CHANGE) and key.removeprefix(CHANGE).isdecimal())


def _last(model: Mapping[str, Any]) -> int:
    changes = _changes(model)
    return int(changes[-1][0].removeprefix(CHANGE)) if changes else 0


def _used(model: Mapping[str, Any]) -> int:
    """The version with the alias; 0 if none has it."""
    aliases = {each["alias"]: int(each["version"]) for each in model.get("aliases", [])}
    return aliases.get(CHAMPION, 0)


def _parsed(text: str) -> Any:
    """The JSON of a tag, or the text that is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text
