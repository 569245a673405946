"""Kubeflow Pipelines on Azure, in projects whose cloud is Azure."""

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from ..clusters.aks import lifecycle
from ..clusters.aks.plan import plan
from ..project.settings import load_settings
from ..terminal import say, sure
from .asking import sure_outside


@task(help={"dry-run": "print the commands, and run none", "yes": "do not ask, where `ask` in the settings says to"})
def up(c: Context, dry_run: bool = False, yes: bool = False) -> None:
    """Make a Kubeflow on Azure, or go on making it.

    Resource group, registry, cluster and Kubeflow Pipelines.
    """
    config = load_settings(c)
    if dry_run:
        lifecycle.print_commands(config)
    else:
        sure_outside(config, f"a Kubeflow is made on Azure, in the resource group {plan(config).group}", yes)
        lifecycle.make(config)


@task
def status(c: Context) -> None:
    """Show whether the cluster on Azure is ready.

    The exit code says whether all of it is.
    """
    if not lifecycle.ready(load_settings(c)):
        raise Exit(code=1)


@task
def credentials(c: Context) -> None:
    """Give kubectl the credentials of the cluster on Azure."""
    lifecycle.log_in(plan(load_settings(c)))


@task(help={"yes": "do not ask"})
def down(c: Context, yes: bool = False) -> None:
    """Delete what aks.up made.

    Only if the resource group holds nothing else.
    """
    wanted = plan(load_settings(c))
    found = lifecycle.doomed(wanted)
    if found is None:
        say("nothing to delete")
        return
    for each in found:
        say(f"  {each}")
    sure(f"This deletes the resource group {wanted.group} with all of these and their data.", yes)
    lifecycle.delete(wanted)
