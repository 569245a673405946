"""What `runs/` takes, and freeing old runs."""

import contextlib
import json
import os
import re
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from .record import RUNS, YOUNG, Run, all_runs, in_runs, newest_first

UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}


def folder_size(folder: Path) -> int:
    """The bytes of all files in a folder; links count for themselves."""
    total, folders = 0, [str(folder)] if folder.is_dir() and not folder.is_symlink() else []
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:  # gone meanwhile
            continue
    return total


def limit(text: str) -> int:
    """A size such as 5 GB in bytes; 0, which is no limit, for an empty one. Raises `ValueError` where it is none."""
    if not text:
        return 0
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(MB|GB|TB)", text)
    if not match:
        raise ValueError(text)
    return int(float(match[1]) * UNITS[match[2]])


def old_runs(keep: int) -> list[Run]:
    """The runs that are over and not among the `keep` newest, but for those whose artifacts a kept one was served."""
    found = newest_first()
    kept = found[:keep]
    used = {
        part
        for run in kept
        for step in run.steps
        for value in [*step.inputs.values(), *step.outputs.values()]
        for item in (value if isinstance(value, list) else [value])
        if isinstance(item, dict)
        for part in str(item.get("uri", "")).split("/")
    }
    return [run for run in found[keep:] if run.status != "running" and run.id not in used]


def dead_entries(gone: list[Run]) -> dict[Path, int]:
    """The entries of the cache that serve nothing once these runs are gone, and their bytes.

    What they name is gone with the runs; or they name nothing, and are from before the oldest run that stays.
    """
    names = {run.id for run in gone}
    oldest = min((run.started for run in newest_first() if run.id not in names), default="9")
    found = {}
    for path in RUNS.glob(".cache/*/*.json"):
        if in_runs(path) and _dead(path, names, oldest):
            with contextlib.suppress(OSError):  # gone meanwhile
                found[path] = path.stat().st_size
    return found


def _dead(entry: Path, gone: set[str], oldest: str) -> bool:
    try:
        made, found = datetime.fromtimestamp(entry.stat().st_mtime, UTC), json.loads(entry.read_text(encoding="utf-8"))
        uris = [str(artifact["uri"]) for listed in found["artifacts"].values() for artifact in listed]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # one that was cut serves nothing
        return True
    runs = {uri.split("/")[1] for uri in uris if uri.startswith("runs/")}
    return any(run in gone or not (RUNS / run).is_dir() for run in runs) or (not runs and made.isoformat() < oldest)


def without_record() -> list[Path]:
    """The folders of runs whose record cannot be read, and that no run is just starting in."""
    found = [RUNS / name for name in all_runs()[1]]
    return [folder for folder in found if folder.is_symlink() or time.time() - folder.stat().st_mtime > YOUNG]


def remove_entries(entries: dict[Path, int]) -> int:
    """Remove entries of the cache, and return the bytes that this freed."""
    freed = 0
    for entry, size in entries.items():
        with contextlib.suppress(OSError):
            entry.unlink()
            freed += size
    return freed


def remove(folder: Path) -> int:
    """Remove a folder of `runs/` and nothing else, and return the bytes that this freed."""
    if folder.parent != RUNS or folder.name in ("", ".", ".."):
        raise ValueError(f"{folder} is no run's folder")
    if folder.is_symlink():
        folder.unlink()
        return 0
    size = folder_size(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return size - folder_size(folder)
