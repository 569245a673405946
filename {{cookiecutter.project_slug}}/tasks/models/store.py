"""The model store, as the commands use it: its mistakes end a command in a sentence."""

import contextlib
from collections.abc import Iterator
from typing import Any

from ..files import ROOT
from ..project.components import component_path
from ..project.places import at_home
from ..project.settings import Settings
from ..terminal import fail


def place(models: str) -> str:
    """Where a model store is for a command: a folder is one from the project's root on, or from a home."""
    return models if "://" in models else str(ROOT / at_home(models, "models"))


@contextlib.contextmanager
def opened(config: Settings) -> Iterator[Any]:
    """The project's model store (`shared.model_versions.Store`). Raises `Exit` for what goes wrong with it."""
    if not config.models:
        raise fail("no model store is set: give models a folder or an address in invoke.yaml, or mlflow one.")
    with component_path():
        from shared.model_store import store_at
        from shared.step import StepError

        try:
            yield store_at(place(config.models))
        except StepError as problem:
            raise fail(str(problem)) from problem
