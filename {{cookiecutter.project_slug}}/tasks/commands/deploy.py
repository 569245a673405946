"""`inv compile`, `inv deploy` and `inv schedule`: the pipeline as a file, on a cluster, and again and again there."""

from invoke.context import Context
from invoke.tasks import task

from ..files import ROOT
from ..project.compiling import compile_pipeline, write_compiled
from ..project.settings import load_settings
from ..terminal import say


@task
def compile(c: Context) -> None:
    """Write build/pipeline.yaml, and each component."""
    config = load_settings(c)
    spec, platform = compile_pipeline(config)
    for path in write_compiled(spec, platform, config):
        say(str(path.relative_to(ROOT)))


@task
def deploy(c: Context) -> None:
    """Upload the pipeline as a new version, if it changed."""
    from ..kubeflow.connect import connect
    from ..kubeflow.versions import deploy

    config = load_settings(c)
    spec, platform = compile_pipeline(config)
    deploy(connect(config, say), spec, platform, config, say)


@task(help={"dry-run": "only show what would change"})
def schedule(c: Context, dry_run: bool = False) -> None:
    """Make the cluster's schedules those of invoke.yaml.

    They run the newest version of the pipeline.
    """
    from ..kubeflow.connect import connect
    from ..kubeflow.recurring import apply_schedules
    from ..kubeflow.schedules import schedules

    config = load_settings(c)
    spec, _ = compile_pipeline(config)
    wanted = schedules(config, spec)
    apply_schedules(connect(config, say), wanted, config, say, dry_run)
