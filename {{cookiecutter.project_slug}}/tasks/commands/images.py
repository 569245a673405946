"""`inv build`, `inv push`, `inv disk` and `inv prune`."""

import sys

from invoke.context import Context
from invoke.tasks import task

from ..project.settings import load_settings
from ..terminal import fail, say


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
    },
)
def push(c: Context, names: list[str], platform: str = "", sbom: bool = False) -> None:
    """Push the images that the registry does not hold; build those that are missing."""
    from ..images.build import check_platform, chosen
    from ..images.push import push

    check_platform(platform)
    config = load_settings(c)
    push(chosen(names), config, say, platform, sbom)


@task
def disk(c: Context) -> None:
    """Show what this project's images, containers, build cache and runs take."""
    from ..images.disk import usage
    from ..images.engine import bytes_text, connect, disk_space

    rows = usage(load_settings(c))
    for kind, count, size, what in rows:
        say(f"  {kind:<12}{count:>5}{bytes_text(size):>9}   {what}")
    free, whole = disk_space(connect())
    say(f"  {'disk':<12}{'':>5}{bytes_text(free):>9}   free, of {bytes_text(whole)}")


@task(
    help={
        "runs": "free the runs but for the newest so many; without, all runs stay",
        "all": "free the images of today's content too",
        "yes": "do not ask",
    }
)
def prune(c: Context, runs: str = "", all: bool = False, yes: bool = False) -> None:
    """Free what this project made and does not need any more."""
    from ..images.engine import bytes_text, connect, disk_space
    from ..images.prune import freeable

    if runs and not runs.isdecimal():
        raise fail(f"--runs takes the number of runs to keep, not '{runs}'.")
    found = freeable(load_settings(c), int(runs) if runs else None, all)
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
    before, _ = disk_space(connect())
    for part in found:
        part.free()
    after, _ = disk_space(connect())
    say(f"freed; {bytes_text(after)} are free now, {bytes_text(max(0, after - before))} more")
