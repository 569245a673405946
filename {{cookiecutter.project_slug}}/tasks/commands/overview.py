"""`inv` alone: what the project can do. And `inv version`."""

import inspect
from typing import Any

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from ..terminal import say

# The commands by what people want; those for today first. A test of the template holds that each is in one group.
GROUPS = {
    "today": ("run", "runs.report", "data.adopt"),
    "run": ("step", "test", "compile", "component.new"),
    "look": ("runs.list", "runs.show", "runs.logs", "runs.compare", "shell"),
    "models": ("models.list", "models.show", "models.compare", "models.promote", "models.rollback"),
    "images": ("build", "push", "disk", "prune"),
    "cluster": (
        *("deploy", "schedule", "runs.watch", "runs.fetch", "cluster.up", "cluster.status"),
        *("cluster.ui", "cluster.proxy", "cluster.down", "cluster.reset"),
        *("aks.up", "aks.status", "aks.credentials", "aks.down"),
    ),
    "order": (
        *("doctor", "lint", "audit", "lock", "template.status", "template.update", "template.link"),
        *("version", "overview"),
    ),
}


def overview_of(commands: Collection) -> Any:
    """The command that says what there is in a collection."""

    @task
    def overview(c: Context) -> None:
        """Say this: what the project can do."""
        say(f"{c.config.project}: what it can do. A command explains itself: inv run --help\n")
        there = set(commands.task_names)
        for title, names in GROUPS.items():
            for name in [each for each in names if each in there]:
                line = (inspect.getdoc(commands[name]) or "").partition("\n")[0]
                say(f"{title:<9}{name.removesuffix('.list'):<17}{line}")
                title = ""

    return overview


@task
def version(c: Context) -> None:
    """Say which project, template and kfp this is."""
    from importlib import metadata

    from ..images.origin import project_version

    say(f"{c.config.project} {project_version() or 'without a version'}")
    say(f"kf-template {c.config.template_version}")
    say(f"kfp {metadata.version('kfp')}")
