"""`inv shell`."""

from invoke.context import Context
from invoke.tasks import task


@task
def shell(c: Context) -> None:
    """Python with the runs at hand: what steps made, loaded."""
    from ..shell.console import start

    start()
