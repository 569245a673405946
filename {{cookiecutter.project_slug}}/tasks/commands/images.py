"""`inv build`, `inv push`, `inv disk` and `inv prune`."""

import sys

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from ..project.settings import load_settings
from ..terminal import fail, message_of, say
from .asking import sure_outside


@task(
    positional=["names"],
    iterable=["names"],
    help={"names": "only these components", "platform": "for another architecture, as in linux/amd64"},
)
def build(c: Context, names: list[str], platform: str = "") -> None:
    """Build the images whose content changed."""
    from ..images.build import build, check_platform, chosen

    check_platform(platform)
    config = load_settings(c)
    build(chosen(names), config, say, platform)


@task(
    positional=["names"],
    iterable=["names"],
    help={
        "names": "only these components",
        "platform": "for another architecture, as in linux/amd64",
        "sbom": "with attestations: what is in the image, and how it was built",
        "yes": "do not ask, where `ask` in the settings says to",
    },
)
def push(c: Context, names: list[str], platform: str = "", sbom: bool = False, yes: bool = False) -> None:
    """Push the images that the registry does not hold.

    Those that are missing are built first.
    """
    from ..images.build import check_platform, chosen
    from ..images.push import push

    check_platform(platform)
    config = load_settings(c)
    sure_outside(config, f"images are pushed to {config.registry}", yes)
    push(chosen(names), config, say, platform, sbom)


@task
def disk(c: Context) -> None:
    """Show what images, build cache and runs take."""
    from ..images.disk import runs_usage, usage
    from ..images.engine import bytes_text, connect, disk_space

    config, client = load_settings(c), None
    try:
        rows, client = usage(config), connect()
    except Exit as error:
        rows = []
        print(f"images are left out: {message_of(error)}", file=sys.stderr)
    for kind, count, size, what in [*rows, runs_usage()]:
        say(f"  {kind:<12}{count:>5}{bytes_text(size):>9}   {what}")
    free, whole = disk_space(client)
    say(f"  {'disk':<12}{'':>5}{bytes_text(free):>9}   free, of {bytes_text(whole)}")


@task(
    help={
        "runs": "free the runs but for the newest so many; without, all runs stay",
        "all": "free the images of today's content too",
        "yes": "do not ask",
    }
)
def prune(c: Context, runs: str = "", all: bool = False, yes: bool = False) -> None:
    """Free what this project made and does not need."""
    from ..images.engine import bytes_text
    from ..images.prune import freeable, freeable_runs

    if runs and not runs.isdecimal():
        raise fail(f"--runs takes the number of runs to keep, not '{runs}'.")
    config = load_settings(c)
    found = freeable_runs(int(runs)) if runs else []
    try:
        found = freeable(config, all) + found
    except Exit as error:
        if not runs:
            raise
        print(f"images are left out: {message_of(error)}", file=sys.stderr)
    if not found:
        say("nothing to free")
        return
    for part in found:
        say(f"  {part.what}, {bytes_text(part.size)}")
    if not yes:
        if not sys.stdin.isatty():
            raise fail("nothing was freed: there is no terminal to ask on; say it with --yes.")
        if input("free this? [y/N] ").strip().lower() not in ("y", "yes"):
            say("nothing was freed")
            return
    freed = {part.what: part.free() for part in found}
    for what, size in freed.items():
        if len(freed) > 1:
            say(f"  {bytes_text(size):>9}  freed of {what}")
    say(f"freed {bytes_text(sum(freed.values()))}")
