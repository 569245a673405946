"""The gathering step's program in this process."""

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from helpers.template import PROJECT

COMPONENTS = PROJECT / "components"


@pytest.fixture(scope="module")
def gathering() -> Iterator[ModuleType]:
    """The program of the gathering step."""
    paths = [str(COMPONENTS), str(COMPONENTS / "gathering" / "src")]
    sys.path[:0] = paths
    yield importlib.import_module("gather")
    for path in paths:
        sys.path.remove(path)
