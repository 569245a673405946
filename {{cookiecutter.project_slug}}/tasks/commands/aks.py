"""Kubeflow Pipelines on Azure, in projects whose cloud is Azure."""

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from ..clusters.aks import lifecycle
from ..clusters.aks.plan import plan
from ..project.settings import load_settings
from ..terminal import say, sure


@task(help={"dry-run": "print the commands, and run none"})
def up(c: Context, dry_run: bool = False) -> None:
    """Make resource group, registry, cluster and Kubeflow Pipelines on Azure, or go on making them."""
    config = load_settings(c)
    if dry_run:
        lifecycle.print_commands(config)
    else:
        lifecycle.make(config)


@task
def status(c: Context) -> None:
    """Show what the cluster on Azure is at; the exit code says whether all of it is ready."""
    if not lifecycle.ready(load_settings(c)):
        raise Exit(code=1)


@task
def credentials(c: Context) -> None:
    """Put the cluster's credentials into kubectl's configuration."""
    lifecycle.log_in(plan(load_settings(c)))


@task(help={"yes": "do not ask"})
def down(c: Context, yes: bool = False) -> None:
    """Delete what aks.up made, if the resource group holds nothing else."""
    wanted = plan(load_settings(c))
    found = lifecycle.doomed(wanted)
    if found is None:
        say("nothing to delete")
        return
    for each in found:
        say(f"  {each}")
    sure(f"This deletes the resource group {wanted.group} with all of these and their data.", yes)
    lifecycle.delete(wanted)
