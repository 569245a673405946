"""`inv compile`, `inv deploy` and `inv schedule`: the pipeline as a file, on a cluster, and again and again there."""

from invoke.context import Context
from invoke.tasks import task

from ..files import ROOT
from ..project.compiling import compile_pipeline, write_compiled
from ..project.settings import load_settings
from ..terminal import say

YES = "do not ask whether this project may write there"


@task
def compile(c: Context) -> None:
    """Write build/pipeline.yaml, and each component."""
    config = load_settings(c)
    spec, platform = compile_pipeline(config)
    for path in write_compiled(spec, platform, config):
        say(str(path.relative_to(ROOT)))


@task(help={"yes": YES, "take-over": "the pipeline of this name is this project's, though it says otherwise"})
def deploy(c: Context, yes: bool = False, take_over: bool = False) -> None:
    """Upload the pipeline as a new version, if it changed."""
    from ..kubeflow.connect import connect
    from ..kubeflow.permission import permit
    from ..kubeflow.versions import deploy

    config = load_settings(c)
    spec, platform = compile_pipeline(config)
    api = connect(config, say)
    permit(config, yes)
    deploy(api, spec, platform, config, say, yes, take_over)


@task(help={"dry-run": "only show what would change", "yes": YES})
def schedule(c: Context, dry_run: bool = False, yes: bool = False) -> None:
    """Make the cluster's schedules those of invoke.yaml.

    They run the newest version of the pipeline.
    """
    from ..kubeflow.connect import connect
    from ..kubeflow.permission import permit
    from ..kubeflow.recurring import apply_schedules
    from ..kubeflow.schedules import schedules

    config = load_settings(c)
    spec, _ = compile_pipeline(config)
    wanted = schedules(config, spec)
    api = connect(config, say)
    if not dry_run:
        permit(config, yes)
    apply_schedules(api, wanted, config, say, dry_run, yes)
