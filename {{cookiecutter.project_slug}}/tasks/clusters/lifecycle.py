"""A Kubeflow Pipelines cluster of one's own, on kind: made, shown, emptied and deleted.

Every kubectl call names the context of this project's kind cluster; whatever the current context is stays untouched.
"""

from collections.abc import Callable

from invoke.exceptions import Exit

from ..project.settings import Settings
from ..terminal import fail
from . import kind, registry
from .checks import problems
from .install import NAMESPACE, OVERLAY, install
from .pulling import of_every_run, pull_ahead
from .tools import kubectl, last_line
from .waiting import show_deployments, wait

Say = Callable[[str], None]


def up(config: Settings, say: Say) -> None:
    """Make the cluster, or go on where an earlier call stopped; on a healthy one, change nothing."""
    stops, doubts = problems(config)
    for line in doubts:
        say(f"  doubtful  {line}")
    if stops:
        raise fail("; ".join(stops))
    port = kind.ui_port(config)
    try:
        registry.start(config, say)
        if kind.exists(config):
            kind.check_owner(config)
            kind.wake(config, say)
        else:
            kind.create(config, port, say)
        registry.wire(config)
        manifests = install(config, kind.context(config), OVERLAY, say)
        pull_ahead(config, of_every_run(manifests))
        wait(kind.context(config), "inv cluster.up", kind.started(config))
    except KeyboardInterrupt:
        raise Exit("stopped; run inv cluster.up again: it goes on where it was.", code=130) from None
    say(f"Kubeflow Pipelines {config.kfp_version}: {config.kfp_host}")
    say("next: inv push, inv run --on cluster")


def status(config: Settings, say: Say) -> bool:
    """Print what the cluster is at; whether all of it is ready."""
    if not kind.exists(config):
        say(f"there is no cluster {kind.name(config)}: inv cluster.up")
        return False
    kind.check_owner(config)
    port = kind.published(config)
    if port and port != kind.ui_port(config):
        say(f"kfp_host in invoke.yaml is {config.kfp_host}, and this cluster is at http://localhost:{port}: change it")
    ready = show_deployments(kind.context(config), say, "inv cluster.up")
    if ready:
        say(config.kfp_host)
    return ready


def down(config: Settings, say: Say, with_registry: bool) -> None:
    """Delete this project's cluster; `with_registry`, the local registry and its images too."""
    if kind.exists(config):
        kind.check_owner(config)
        kind.delete(config)
        say(f"deleted the cluster {kind.name(config)}")
    else:
        say(f"nothing to delete: there is no cluster {kind.name(config)}")
    if with_registry:
        registry.delete()
        say("deleted the local registry")


def reset(config: Settings, say: Say) -> None:
    """Delete Kubeflow Pipelines with its data, runs and pipelines, and install it again."""
    if not kind.exists(config):
        raise fail(f"there is no cluster {kind.name(config)}: inv cluster.up")
    kind.check_owner(config)
    say(f"  kubectl   deleting the namespace {NAMESPACE} with its data")
    gone = kubectl(
        kind.context(config), "delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout", "300s", timeout=330
    )
    if gone.returncode:
        raise fail(f"the namespace cannot be deleted: {last_line(gone)}")
    up(config, say)
