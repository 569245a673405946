"""`inv run` and `inv step`."""

import shlex
import sys
from collections.abc import Sequence
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from ..models.filled_in import fill_in, local_defaults
from ..project import part
from ..project.compiling import compile_pipeline, images_of
from ..project.components import by_component, component_of
from ..project.parameters import default_values, given_values, own_defaults, parameter_values
from ..project.pipelines import Compiled
from ..project.places import check_seen, free_destination
from ..project.settings import Settings, load_settings
from ..project.settings_files import acting
from ..project.task_settings import secret_variables
from ..runs.listing import ending
from ..runs.record import RUNS, Run, create, started_step
from ..runs.standing import runs_before
from ..terminal import fail, say
from .asking import sure_outside
from .watching import run_again_and_again, watched

ENGINES = ("host", "docker", "cluster")


@task(
    positional=["which"],
    iterable=["which", "param"],
    help={
        "which": "the pipeline: one of pipeline.py; without, the one that is called pipeline",
        "on": "where the steps run: host, docker (each in its image, built when missing) or cluster",
        "param": "a pipeline parameter, name=value; may be repeated",
        "cache": "whether steps whose inputs and code did not change are served from the cache",
        "experiment": "on a cluster: the experiment; without, that of invoke.yaml",
        "name": "on a cluster: the run's name",
        "detach": "on a cluster: do not wait for the end",
        "yes": "on a cluster: do not ask whether this project may write there",
        "jobs": "on host and docker: how many steps run at a time; without, what invoke.yaml says",
        "cold": "on host: start each step as a process of its own, without what others have imported",
        "from": "run this step and what comes after it anew, even where nothing changed",
        "until": "leave out what neither is this step nor comes before it",
        "watch": "run again whenever a file of the project changes, until Ctrl-C",
    },
)
def run(
    c: Context,
    which: list[str],
    param: list[str],
    on: str = "host",
    cache: bool = True,
    experiment: str = "",
    name: str = "",
    detach: bool = False,
    jobs: str = "",
    yes: bool = False,
    cold: bool = False,
    from_: str = "",
    until: str = "",
    watch: bool = False,
) -> None:
    """Run the pipeline."""
    check_engine(on)
    if on == "cluster" and (from_ or until or watch):
        raise fail("--from, --until and --watch are for runs on this machine: inv run, or inv run --on docker")
    if jobs and not (jobs.isdecimal() and int(jobs)):
        raise fail(f"--jobs takes how many steps may run at a time, from 1 on, not '{jobs}'.")
    if on != "cluster" and (experiment or name or detach):
        raise fail("--experiment, --name and --detach are for runs on a cluster: inv run --on cluster")
    if len(which) > 1:
        raise fail(f"one pipeline at a time: inv run {which[0]}")
    config = load_settings(c)
    if watch and not watched():
        raise run_again_and_again([*config.parameters.values(), *(each.partition("=")[2] for each in param)])
    warm = None if cold or on != "host" else _warm(param if cache and not from_ else ["all"])
    compiled = compile_pipeline(config, *which)
    left_out = part.only(compiled.spec, from_, until)
    parameters = parameter_values(compiled.spec, param)
    if on == "cluster":
        check_seen(compiled.spec, parameters, config, "-p {name}=s3://...")
    fill_in(parameters, param, config, local=on != "cluster")
    if on == "cluster":
        _on_cluster(compiled, parameters, config, experiment, name, cache, detach, yes)
        return
    if not left_out:
        free_destination(parameters)
    local = _local_run(on, parameters, compiled, config, int(jobs or config.jobs), warm=warm)
    local.pipeline(cache)
    if left_out:
        say(f"  left out: {', '.join(left_out)}")
    _report(local.run, config)


def _on_cluster(
    compiled: Compiled,
    parameters: dict[str, Any],
    config: Settings,
    experiment: str,
    name: str,
    cache: bool,
    detach: bool,
    yes: bool,
) -> None:
    """Upload the pipeline, start a run of it, and follow that to its end, unless it is to be left alone."""
    from ..kubeflow.connect import connect
    from ..kubeflow.permission import permit
    from ..kubeflow.start import start
    from ..kubeflow.versions import deploy as upload
    from ..kubeflow.watch import watch as follow

    agreed = sure_outside(config, f"something runs on {config.kfp_host}", yes)
    api = connect(config, say)
    permit(config, agreed)
    version = upload(api, [compiled], config, say, yes)[0]
    started = start(
        *(api, version, compiled, parameters, config, say),
        command=_command_line(),
        experiment=experiment or config.experiment,
        name=name,
        cache=cache,
    )
    if detach:
        say(f"watch it: inv runs.watch {started.id}")
        return
    follow(api, started, config, say)
    finish(started, config)


@task(
    positional=["name"],
    iterable=["param"],
    help={
        "name": "the step",
        "param": "a parameter whose credentials the run's record masks, name=value; may be repeated",
        "run": "the run whose inputs it gets; without, the newest in which the step started",
        "on": "where it runs: host or docker; without, where that run did",
        "cold": "on host: start it as a process of its own, without what others have imported",
        "debug": "on host: stop in pdb where it fails, or where its code says breakpoint()",
    },
)
def step(
    c: Context, name: str, param: list[str], run: str = "", on: str = "", cold: bool = False, debug: bool = False
) -> None:
    """Run one step again, with the inputs it had."""
    if on:
        check_engine(on, ("host", "docker"))
    if debug and on == "docker":
        raise fail("--debug is for steps on this machine: inv step --debug, without --on docker")
    config = load_settings(c)
    source, before = started_step(name, run)
    on = "host" if debug else on or source.engine
    component = before.component.removeprefix("comp-")
    warm = None if cold or debug or on != "host" else _warm([], [component])
    compiled = compile_pipeline(config, source.function)
    from ..engine.rerun import credentials_back, image_of, inputs_there

    inputs_there(before)
    credentials_back(before, given_values(compiled.spec, param), default_values(compiled.spec))
    own = component_of(image_of(compiled.spec, before.component)) or ""
    local = _local_run(on, source.parameters, compiled, config, only=own, warm=warm, debug=debug)
    local.step(before)
    if debug and local.run.status == "succeeded":
        say(f"  {name} did not fail: put breakpoint() into its code where it is to stop")
    _report(local.run, config)


def check_engine(engine: str, known: Sequence[str] = ENGINES) -> None:
    if engine not in known:
        raise fail(f"'{engine}' cannot be meant here; there are: {', '.join(known)}.")


def _warm(parameters: Sequence[str], components: Sequence[str] = ()) -> Any:
    """What steps are forked from, started at once where some are certain to run; None on other systems."""
    from ..engine.warm import POSSIBLE, Warm, certain

    if not POSSIBLE:
        return None
    warm = Warm()
    if names := components or certain(parameters):
        warm.start(names)
    return warm


def _local_run(
    engine: str,
    parameters: dict[str, Any],
    compiled: Compiled,
    config: Settings,
    jobs: int = 0,
    only: str = "",
    warm: Any = None,
    debug: bool = False,
) -> Any:
    """A run on an engine that has all it needs: of the whole pipeline, or of the one component `only`."""
    from ..engine.run import LocalRun
    from ..engine.support import unsupported

    if reasons := unsupported(compiled.spec, compiled.platform):
        raise fail("this pipeline runs on a cluster alone: " + "; ".join(reasons))
    images = [image for image in images_of(compiled.spec) if not only or component_of(image) == only]
    if engine == "docker":
        if sys.platform == "win32":
            raise fail("on Windows, the engine docker runs inside WSL 2: open the project there.")
        from ..images.push import ensure

        ensure(images, config, say)
    run = create(
        pipeline=compiled.title,
        function=compiled.name,
        engine=engine,
        parameters=parameters,
        images=by_component(images),
        template_version=config.template_version,
        environment=acting(),
        command=_command_line(),
        defaults=own_defaults(compiled.spec) | local_defaults(compiled.types, config),
    )
    say(f"run {run.id} on {engine}")
    return LocalRun(run, compiled, secret_variables(config), jobs, warm, debug)


def _command_line() -> str:
    """This very call, as somebody would type it again."""
    parts = ["inv", *sys.argv[1:]]
    return " ".join(parts) if sys.platform == "win32" else shlex.join(parts)


def _report(run: Run, config: Settings) -> None:
    """Write the page of a run, and say how it ended."""
    from ..report.pages import write_report

    before = runs_before(run)
    write_report(run, config.page_metric, before)
    finish(run, config, before)


def finish(run: Run, config: Settings, before: list[Run] | None = None) -> None:
    """Say how a run ended; a failed one ends the command with exit code 1, a stopped one with 130."""
    say(ending(run, runs_before(run) if before is None else before, config.page_metric))
    _say_when_full(config.runs_limit)
    if run.status == "failed":
        failed = next((step.name for step in run.steps if step.status == "failed"), "")
        raise fail(f"run {run.id} failed. {run.reason}\nlog: inv runs.logs {run.id} {failed}".rstrip())
    if run.status == "stopped":
        raise Exit(f"run {run.id} was stopped; inv run goes on from what is cached.", code=130)


def _say_when_full(most: str) -> None:
    """Say that `runs/` takes more than the setting `runs_limit` names."""
    from ..images.engine import bytes_text
    from ..runs.space import folder_size, limit

    if (allowed := limit(most)) and (size := folder_size(RUNS)) > allowed:
        say(f"runs/ takes {bytes_text(size)}, more than runs_limit in invoke.yaml ({most}): inv prune --runs 20")
