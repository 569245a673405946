"""`inv models` and what is under it."""

import getpass
import sys
from dataclasses import asdict
from typing import Any

from invoke.context import Context
from invoke.tasks import task

from ..models.gone import gone
from ..models.listing import comparison, details
from ..models.listing import listing as table_of_versions
from ..models.store import opened
from ..models.telling import tell_promoted
from ..project.notifying import check_notify
from ..project.settings import Settings, load_settings
from ..terminal import fail, printable, say
from .asking import sure_outside

WHICH = "a version's number, champion, or the id of a run that made one; without, the champion"


@task(name="list", default=True, help={"json": "print a JSON list, for programs"})
def listing(c: Context, json: bool = False) -> None:
    """List the versions of the model, newest first."""
    config = load_settings(c)
    with opened(config) as store:
        found, unreadable = store.versions()
        champion = _in_use(store)
        if champion and champion not in [*unreadable, *(each.number for each in found)]:
            unreadable[champion] = "it is gone from the model store"
    if not found and not unreadable and (why := gone(config)):
        raise fail(f"the model store {config.models!r} has no version {why}")
    if json:
        import json as codec

        said = [{"number": number, "unreadable": reason} for number, reason in unreadable.items()]
        shown = sorted([*map(asdict, found), *said], key=lambda each: -each["number"])
        marked = [{**each, "champion": each["number"] == champion} for each in shown]
        say(codec.dumps(marked, indent=2, ensure_ascii=False))
    elif found or unreadable:
        say(table_of_versions(found, unreadable, champion))
    else:
        say("no versions yet; a run makes one: inv run")


@task(positional=["version"], help={"version": WHICH, "json": "print JSON, for programs"})
def show(c: Context, version: str = "champion", json: bool = False) -> None:
    """Show one version: metrics, parameters, files, its run."""
    with opened(config := load_settings(c)) as store:
        found, changes = _version(store, version, config), store.changes()
        link = store.link(found)
    if json:
        import json as codec

        used = bool(changes) and changes[-1].version == found.number
        say(
            codec.dumps(
                {**asdict(found), "champion": used} | ({"mlflow": link} if link else {}), indent=2, ensure_ascii=False
            )
        )
    else:
        say(details(found, changes, link))


@task(positional=["versions"], iterable=["versions"], help={"versions": "two or more; of one, it and the champion"})
def compare(c: Context, versions: list[str]) -> None:
    """Compare versions: metrics, and what differs."""
    with opened(config := load_settings(c)) as store:
        champion = _in_use(store)
        names = versions if len(versions) > 1 else [*(versions or ["latest"]), "champion"]
        found = [_version(store, name, config) for name in names]
    if len({each.number for each in found}) < 2:
        raise fail(f"version {found[0].number} alone cannot be compared: name another one (inv models).")
    say(comparison(found, champion))


@task(
    positional=["version"],
    help={"version": "a version's number, or the id of a run that made one", "yes": "do not ask"},
)
def promote(c: Context, version: str, yes: bool = False) -> None:
    """Make a version the champion, the one in use."""
    config = load_settings(c)
    check_notify(config)
    with opened(config) as store:
        found, before = _version(store, version, config), _in_use(store)
        if before == found.number:
            say(f"version {found.number} is the champion already")
            return
        _sure(config, f"version {found.number} becomes the champion", yes)
        store.promote(found, by := getpass.getuser(), instead=before)
    was = f"; before it, version {before} was (inv models.rollback)" if before else ""
    say(f"version {found.number} is the champion{was}")
    instead = f", instead of version {before}" if before else ""
    look = f"Look at it: inv models.show {found.number}"
    tell_promoted(config, found.run, f"{by} made version {found.number} the champion by hand{instead}. {look}")


@task(help={"yes": "do not ask"})
def rollback(c: Context, yes: bool = False) -> None:
    """Make the champion before this one the champion again."""
    config = load_settings(c)
    check_notify(config)
    with opened(config) as store:
        _sure(config, "the champion before this one is in use again", yes)
        was, found = store.rollback(by := getpass.getuser())
        said = f"version {found} is the champion again, instead of version {was}"
        say(said)
        run = store.version(found).run if config.notify else ""
    tell_promoted(config, run, f"{said}, which {by} took back. Look at it: inv models.show {found}")


def _in_use(store: Any) -> int | None:
    """The number of the champion, 0 where there is none. None where it is not known, which is said as well."""
    changes = store.changes()
    if changes and changes[-1].unreadable:
        print(printable(f"which version is in use is not known: {changes[-1].unreadable}"), file=sys.stderr)
        return None
    return changes[-1].version if changes else 0


def _sure(config: Any, what: str, yes: bool) -> None:
    """Ask where a store that others use too is changed, and the settings say that is asked for."""
    if "://" in config.models:
        sure_outside(config, f"{what} in {config.models}", yes)


def _version(store: Any, name: str, config: Settings) -> Any:
    """The version that is meant. Raises `Exit` where there is none."""
    if name == "champion" and (found := store.champion()):
        return found
    numbers = store.numbers()
    if name == "champion" and numbers:
        raise fail("there is no champion: inv models.promote VERSION chooses one, of those that inv models lists.")
    if name == "latest" and numbers:
        return store.version(numbers[-1])
    if name.isdecimal() and int(name) in numbers:
        return store.version(int(name))
    made = [version for version in store.versions()[0] if version.run == name]
    if made:
        return made[-1]
    if not numbers:
        why = gone(config) or "yet; a run makes one: inv run"
        raise fail(f"the model store {config.models!r} has no version {why}")
    raise fail(f"the model store has no version '{name}', and none of a run of that id. Look at: inv models")
