"""`inv template.update`, `inv template.status` and `inv template.link`."""

from invoke.context import Context
from invoke.tasks import task

from ..terminal import fail, say


@task(help={"to": "a tag, branch or commit of the template; without, its newest"})
def update(c: Context, to: str = "") -> None:
    """Bring a newer template into this project, on a branch of its own."""
    from ..template.update import update

    update(to)


@task
def status(c: Context) -> None:
    """Say which template the project has; exit code 1 where there is a newer one."""
    from ..template.git import newest, state, version

    found = state()
    say(f"{found['template']}, version {version(found)}")
    if not newest(found):
        raise fail("there is a newer template: inv template.update")
    say("it is the newest")


@task(positional=["url"], help={"url": "the template's git address", "to": "the version it came from, if you know it"})
def link(c: Context, url: str, to: str = "") -> None:
    """Link a project that was made without cruft to its template, once."""
    from ..template.link import link

    link(url, to)
