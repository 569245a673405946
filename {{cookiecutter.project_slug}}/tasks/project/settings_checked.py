"""Settings that were found right are not checked again: to load the check takes longer than all else before a run."""

import contextlib
import hashlib
import importlib.util
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..files import write
from .settings_files import documents

MODEL = Path(__file__).with_name("settings_model.py")
KEPT = Path(importlib.util.cache_from_source(str(MODEL))).with_suffix(".right")  # beside Python's own bytecode


def was_right(whole: dict[str, Any]) -> bool:
    """Whether these settings, of these files, are those that the check last found right."""
    with contextlib.suppress(OSError):
        return KEPT.read_text(encoding="utf-8") == _digest(whole)
    return False


def found_right(whole: dict[str, Any]) -> None:
    """Keep that the check found nothing wrong with them."""
    if not sys.dont_write_bytecode:
        with contextlib.suppress(OSError):
            KEPT.parent.mkdir(parents=True, exist_ok=True)
            write(KEPT, _digest(whole))


def _digest(whole: dict[str, Any]) -> str:
    """Of all that decides what the check says: its rules, pydantic's and Python's release, and what it is given."""
    decides = [MODEL.read_text(encoding="utf-8"), version("pydantic"), sys.version, documents(), whole]
    return hashlib.sha256(repr(decides).encode("utf-8", "backslashreplace")).hexdigest()
