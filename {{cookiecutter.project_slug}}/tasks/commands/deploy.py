"""`inv compile`, `inv deploy` and `inv schedule`: the pipeline as a file, on a cluster, and again and again there."""

from invoke.context import Context
from invoke.tasks import task

from ..files import ROOT
from ..project.compiling import compile_pipelines, write_compiled
from ..project.pipelines import check_name
from ..project.places import at_deployment
from ..project.settings import load_settings
from ..terminal import say
from .asking import sure_outside

YES = "do not ask whether this project may write there"


@task
def compile(c: Context) -> None:
    """Write build/pipeline.yaml, and each component."""
    config = load_settings(c)
    for path in write_compiled(compile_pipelines(config), config):
        say(str(path.relative_to(ROOT)))


@task(
    positional=["pipelines"],
    iterable=["pipelines"],
    help={
        "pipelines": "only these; without, all of pipeline.py",
        "yes": YES,
        "take-over": "the pipelines of these names are this project's, though they say otherwise",
    },
)
def deploy(c: Context, pipelines: list[str], yes: bool = False, take_over: bool = False) -> None:
    """Upload the pipeline as a new version, if it changed."""
    from ..kubeflow.connect import connect
    from ..kubeflow.permission import permit
    from ..kubeflow.versions import deploy

    config = load_settings(c)
    compiled = compile_pipelines(config, pipelines)
    for said in at_deployment(compiled, config):
        say(said)
    agreed = sure_outside(config, f"something is deployed to {config.kfp_host}", yes)
    api = connect(config, say)
    permit(config, agreed)
    deploy(api, compiled, config, say, yes, take_over)


@task(
    positional=["pipelines"],
    iterable=["pipelines"],
    help={
        "pipelines": "only the schedules of these; without, all",
        "dry-run": "only show what would change",
        "yes": YES,
    },
)
def schedule(c: Context, pipelines: list[str], dry_run: bool = False, yes: bool = False) -> None:
    """Make the cluster's schedules those of invoke.yaml.

    They run the newest version of their pipeline.
    """
    from ..kubeflow.connect import connect
    from ..kubeflow.permission import permit
    from ..kubeflow.recurring import apply_schedules
    from ..kubeflow.schedules import schedules

    config = load_settings(c)
    every = compile_pipelines(config)
    for name in pipelines:
        check_name(name, [each.name for each in every])
    chosen = [each for each in every if not pipelines or each.name in pipelines]
    wanted = [each for each in schedules(config, every) if not pipelines or each.pipeline in pipelines]
    agreed = dry_run or sure_outside(config, f"schedules change on {config.kfp_host}", yes)
    api = connect(config, say)
    if not dry_run:
        permit(config, agreed)
    apply_schedules(api, wanted, chosen, config, say, dry_run, yes, every=not pipelines)
