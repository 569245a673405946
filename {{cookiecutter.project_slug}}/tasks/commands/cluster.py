"""`inv cluster.up` and what is beside it."""

import contextlib

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from ..project.settings import load_settings
from ..terminal import say, sure


@task
def up(c: Context) -> None:
    """Make a Kubeflow on this machine, or go on making it.

    With kind, and a registry beside it.
    """
    from ..clusters import lifecycle
    from ..kubeflow import store
    from ..kubeflow.connect import connect

    config = load_settings(c)
    lifecycle.up(config, say)
    if store.newest_kept(config.kfp_host.rstrip("/")):
        with contextlib.suppress(Exit):
            if gone := store.lost(connect(config, lambda _: None)):
                say(f"  doubtful  {store.said(gone)}")


@task
def status(c: Context) -> None:
    """Show whether the cluster is ready.

    The exit code says whether all of it is.
    """
    from ..clusters import kind, lifecycle

    config = load_settings(c)
    if not kind.local_port(config.kfp_host):  # whose deployments are not ours to look at
        from ..kubeflow.connect import connect

        say(f"kfp_host in invoke.yaml is {config.kfp_host}, which is no cluster that inv cluster.up makes")
        connect(config, say)
        say("its API answers")
    elif not lifecycle.status(config, say):
        raise Exit(code=1)


@task(help={"open": "open the browser"})
def ui(c: Context, open: bool = True) -> None:
    """Open the UI of Kubeflow Pipelines."""
    from ..clusters.proxy import show_ui

    show_ui(load_settings(c), say, open)


@task(help={"context": "kubectl's context; without, the current one", "port": "of this machine"})
def proxy(c: Context, context: str = "", port: int = 8080) -> None:
    """Reach any cluster that kubectl reaches, privately.

    Its UI and API are on a port of this machine while the command runs.
    """
    from ..clusters.proxy import proxy as forward

    forward(load_settings(c), say, context, port)


@task(help={"yes": "do not ask", "registry": "the local registry and its images too"})
def down(c: Context, yes: bool = False, registry: bool = False) -> None:
    """Delete the cluster that cluster.up made."""
    from ..clusters import kind, lifecycle

    config = load_settings(c)
    if kind.exists(config):
        sure(f"This deletes the cluster {kind.name(config)} with its runs and artifacts.", yes)
    lifecycle.down(config, say, registry)


@task(help={"yes": "do not ask"})
def reset(c: Context, yes: bool = False) -> None:
    """Install Kubeflow Pipelines anew, without its data.

    Its runs, pipelines and artifacts are deleted.
    """
    from ..clusters import lifecycle

    sure("This deletes all runs, pipelines and artifacts of the cluster.", yes)
    lifecycle.reset(load_settings(c), say)
