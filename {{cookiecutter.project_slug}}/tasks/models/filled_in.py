"""The parameters that the project itself fills in when a run starts: what tells that the world outside has changed.

`X_fingerprint` changes with the data that parameter `X` names, and as an input of the step that reads them, so does its
cache key. `models` is the model store, `models_fingerprint` changes when another version becomes the champion, and
`code` says which code it is.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..project.components import component_path
from ..project.parameters import is_filled_in
from ..project.places import without_tilde
from ..project.settings import Settings
from ..runs.record import RUNS, code_version, load
from .store import place


def fill_in(values: dict[str, Any], given: list[str], config: Settings, local: bool) -> None:
    """Fill in what was not given by hand, in `name=value` texts; `local` is a run on this machine."""
    by_hand = {text.partition("=")[0] for text in given}
    if local and "models" not in by_hand:
        values |= local_defaults(values, config)
    if local:
        without_tilde(values)
    if "code" in values and "code" not in by_hand:
        images = dict(sorted(values["code"].get("images", {}).items()))
        pages = {} if local else {"pages": f"{config.kfp_host.rstrip('/')}/#/runs/details/"}
        values["code"] = {"images": images, **pages, **code_version()}
    names = [name for name in values if f"{name}_fingerprint" in values.keys() - by_hand]
    for name in sorted(names, key=lambda name: name == "models"):  # which asks for the others
        told = _champion if name == "models" else _data
        values[f"{name}_fingerprint"] = told(values, name)


def local_defaults(known: Collection[str], config: Settings) -> dict[str, Any]:
    """The defaults of a run on this machine that are none of a run elsewhere: a model store that is a folder."""
    return {"models": config.models} if "models" in known and "://" not in config.models else {}


def _data(values: dict[str, Any], name: str) -> str:
    with component_path():
        from shared.sources import fingerprint
        from shared.step import StepError

        try:
            return str(fingerprint(str(values[name])))
        except StepError:
            # The step that reads the source says what is wrong with it; nothing older may stand in for it.
            return f"unreadable at {datetime.now(UTC).isoformat()}"


def _champion(values: dict[str, Any], name: str) -> str:
    """The state of the model store. For the very run again that has made the champion, the state that it was decided
    in: so it is served from the cache, and not judged against its own model.
    """
    if not values[name]:
        return ""
    with component_path():
        from shared.model_store import store_at
        from shared.step import StepError

        try:
            store = store_at(place(values[name]))
            changes = store.changes()
            if changes and _same_run(changes[-1].by, values):
                return str(changes[-1].seen)
            return str(store.state())
        except StepError:
            return f"unreadable at {datetime.now(UTC).isoformat()}"


def _same_run(by: str, values: dict[str, Any]) -> bool:
    """Whether the run with this id was given the same values."""
    record = load(RUNS / Path(by).name) if by else None
    return record is not None and _chosen(record.parameters) == _chosen(values)


def _chosen(values: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in values.items() if not is_filled_in(name) or name == "source_fingerprint"}
    return kept | {"images": values.get("code", {}).get("images")}
