"""Reading a run's record, which may be anybody's: from CI, a colleague, a newer template; cut short, or forged."""

import functools
import json
import stat
import sys
import types
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

LARGEST = 50_000_000  # bytes of a record; one of 10,000 steps has a tenth of it
STATES = {"waiting", "pending", "running", "succeeded", "failed", "stopped", "skipped"}


NONE = "it has no run.json (inv prune --runs 20 frees such folders, and older runs)"


class Unreadable(Exception):
    """Why a run's folder holds no record that can be used: the end of a sentence."""


def values_in(folder: Path) -> dict[str, Any]:
    """What `run.json` in a run's folder holds. Raises `Unreadable` where it is not there, or no JSON of lines."""
    try:
        linked = [path for path in (folder, *folder.iterdir()) if path.is_symlink() and path.is_dir()]
    except OSError:
        raise Unreadable(NONE) from None
    if not folder.name.isprintable():
        raise Unreadable("its folder's name is not text")
    if linked:  # what is written into it would land elsewhere
        raise Unreadable(f"{linked[0].name} is a link to another place")
    path = folder / "run.json"
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or path.stat().st_size > LARGEST:  # a pipe or a device has no end
            raise Unreadable(f"its run.json is no file of at most {LARGEST // 10**6} MB")
        text = path.read_text(encoding="utf-8")
        found = json.loads(text)
        if "\\ud" in text.lower():  # half a letter, as JSON may have it, cannot be written anywhere
            json.dumps(found, ensure_ascii=False).encode()
    except FileNotFoundError:
        raise Unreadable(NONE) from None
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(f"its run.json cannot be read ({str(error)[:100]})") from None
    if not isinstance(found, dict):
        raise Unreadable("its run.json is no record")
    return found


def checked(kind: type[Any], values: Any) -> dict[str, Any]:
    """Values for a dataclass: all known, each of its type. Raises `Unreadable` for another."""
    if not isinstance(values, dict):
        raise Unreadable("its run.json is no record")
    hints = _hints(cast(Any, kind))
    if unknown := sorted(values.keys() - hints.keys()):
        raise Unreadable(f"its run.json has '{unknown[0]}', which this version of the template does not know")
    for name, value in values.items():
        if not (isinstance(value, list) if name == "steps" else _fits(value, hints[name])):
            raise Unreadable(f"in its run.json, {name} is {str(value)[:50]!r}")
    if values.get("status", "running") not in STATES:
        raise Unreadable(f"in its run.json, status is {str(values['status'])[:50]!r}")
    return values


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    """The types of a dataclass's fields, whose looking up takes longer than the checks of a record."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def check_parts(run: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    """Raises `Unreadable` for what has the right type, and still cannot be in a run's record."""
    for what, value, right in _parts(run, steps):
        if not right:
            raise Unreadable(f"in its run.json, {what} is {str(value)[:50]!r}")


def _parts(run: dict[str, Any], steps: list[dict[str, Any]]) -> Iterator[tuple[str, Any, bool]]:
    """The parts of a record that more is asked of than a type: what each is, its value, and whether it is right."""
    for part in (run, *steps):
        for name in ("started", "order"):
            yield name, part.get(name), _is_time(part.get(name))
    code = run.get("code", {})
    yield "code", code, _fits(code.get("commit", ""), str) and _fits(code.get("changed", False), bool)
    for task in run.get("graph", []):
        yield "a task of the graph", task, _has(task, name=str, after=list[str], inside=list[str])
    if remote := run.get("remote"):
        whole = _has(remote, host=str, run_id=str, url=str) and remote["url"].startswith(("http://", "https://"))
        yield "remote", remote, whole
    for step in steps:
        name = str(step.get("name"))  # of its log too
        yield "a step's name", name, name.isprintable() and "\\" not in name and bool(name.strip("./"))
        for place in step.get("place", []):
            yield "a place", place, _has(place, group=str) and _fits(place.get("iteration"), int | None)
        for value in [*step.get("inputs", {}).values(), *step.get("outputs", {}).values()]:
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict) and ("uri" in each or str(each.get("type", "")).startswith("system.")):
                    yield "an artifact", each, _has(each, type=str, uri=str, metadata=dict[str, Any])


def _is_time(text: str | None) -> bool:
    """Whether a text is a time with its zone, or none; at the ends of the calendar it could not be shown."""
    try:
        found = datetime.fromisoformat(text) if text else None
        return found is None or bool(found.tzinfo and 1970 < found.year < 9999)
    except ValueError:
        return False


def _has(part: dict[str, Any], **hints: Any) -> bool:
    return all(name in part and _fits(part[name], hint) for name, hint in hints.items())


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value of JSON is of a type; a whole number is a float too."""
    if hint is Any:
        return True
    kind, inner = get_origin(hint) or hint, get_args(hint)
    if kind in (Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is list:
        return isinstance(value, list) and all(_fits(each, inner[0]) for each in value)
    if kind is dict:
        return isinstance(value, dict) and all(_fits(each, inner[1]) for each in value.values())
    return isinstance(value, kind)
