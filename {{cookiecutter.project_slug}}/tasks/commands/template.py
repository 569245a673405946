"""`inv template.update`, `inv template.status` and `inv template.link`."""

from invoke.context import Context
from invoke.tasks import task

from ..terminal import fail, say


@task(
    iterable=["answer"],
    help={
        "to": "a tag, branch or commit of the template; without, its newest",
        "answer": "question=answer, where the newer template asks otherwise; may be given several times",
    },
)
def update(c: Context, to: str = "", answer: list[str] = []) -> None:  # noqa: B006  invoke makes a new one
    """Bring a newer template into this project.

    On a branch of its own, with what is yours kept.
    """
    from ..template.update import update

    update(to, answer)


@task
def status(c: Context) -> None:
    """Say whether there is a newer template.

    The exit code is 1 where there is one.
    """
    from ..template.git import newest, state, version

    found = state()
    say(f"{found['template']}, version {version(found)}")
    if not newest(found):
        raise fail("there is a newer template: inv template.update")
    say("it is the newest")


@task(positional=["url"], help={"url": "the template's git address", "to": "the version it came from, if you know it"})
def link(c: Context, url: str, to: str = "") -> None:
    """Link a project made without cruft to its template."""
    from ..template.link import link

    link(url, to)
