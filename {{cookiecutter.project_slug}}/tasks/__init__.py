"""The commands of the project: `inv --list`. Heavy imports are inside the tasks, so that the list is quick."""

import importlib
import importlib.util
import sys
from typing import Any

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.parser.parser import ParseMachine
from invoke.tasks import task

from . import runs, template
from .files import ROOT
from .project.compiling import compile_pipeline, write_compiled
from .project.components import component_of
from .project.parameters import default_values, parameter_values
from .project.settings import OPTIONAL, Settings, check_settings_file, load_settings
from .terminal import fail, say, sure

check_settings_file()

_handle = ParseMachine.handle


def _handle_rest(self: Any, token: str) -> None:
    """Let a list argument be positional, as in `inv runs.logs ID [STEP]`: invoke knows no optional positionals.
    And let `--help` be no positional argument."""
    if token == "--help" and self.context and not self.waiting_for_flag_value:
        for missing in self.context.missing_positional_args:
            missing.value = ""
    arguments = self.context.positional_args if self.context else []
    rest = next((argument for argument in arguments if argument.kind is list), None)
    taken = self.waiting_for_flag_value or token.startswith("-") or token in self.contexts
    if rest is None or taken or self.context.missing_positional_args:
        _handle(self, token)
    else:
        rest.value = token


ParseMachine.handle = _handle_rest  # type: ignore[method-assign]


def _finish(run: runs.Run) -> None:
    """Say how a run ended; a failed one ends the command with exit code 1, a stopped one with 130."""
    for name, value in runs.whole_metrics(run).items():
        say(f"  {name} {runs.number(value)}")
    for header, lines in runs.sweeps(run):
        say(runs.starred([f"  {header[0]}", *header[1:]], lines))
    cached = sum(step.cached for step in run.steps)
    if cached and cached == len(run.steps):
        say("nothing changed: every step was served from the cache (inv run --no-cache runs them all)")
    say(f"report: {(run.folder / 'report.html').relative_to(ROOT)}")
    if run.status == "failed":
        failed = next((step.name for step in run.steps if step.status == "failed"), "")
        raise fail(f"run {run.id} failed. {run.reason}\nlog: inv runs.logs {run.id} {failed}".rstrip())
    if run.status == "stopped":
        raise Exit(f"run {run.id} was stopped; inv run goes on from what is cached.", code=130)


ENGINES = ("host", "docker", "cluster")


def _start(engine: str, parameters: dict[str, Any], spec: Any, config: Settings, only: str = "") -> Any:
    """A run on an engine that has all it needs: of the whole pipeline, or of the one component `only`."""
    from .local import Engine, command_line
    from .project.task_settings import secret_variables

    used = [spec.deployment_spec["executors"][label] for label in spec.deployment_spec["executors"]]
    images = [executor["container"]["image"] for executor in used if "container" in executor]
    images = [image for image in dict.fromkeys(images) if not only or component_of(image) == only]
    if engine == "docker":
        if sys.platform == "win32":
            raise fail("on Windows, the engine docker runs inside WSL 2: open the project there.")
        from .images import ensure

        ensure(images, config, say)
    run = runs.create(
        pipeline=config.project,
        engine=engine,
        parameters=parameters,
        images={name: image for image in images if (name := component_of(image))},
        template_version=config.template_version,
        command=command_line(["inv", *sys.argv[1:]]),
        defaults={name: value for name, value in default_values(spec).items() if not name.endswith("_fingerprint")},
    )
    say(f"run {run.id} on {engine}")
    return Engine(run, secret_variables(config))


@task(
    iterable=["param"],
    help={
        "on": "where the steps run: host, docker (each in its image, built when missing) or cluster",
        "param": "a pipeline parameter, name=value; may be repeated",
        "cache": "whether steps whose inputs and code did not change are served from the cache",
        "experiment": "on a cluster: the experiment; without, that of invoke.yaml",
        "name": "on a cluster: the run's name",
        "detach": "on a cluster: do not wait for the end",
    },
)
def run(
    c: Context,
    param: list[str],
    on: str = "host",
    cache: bool = True,
    experiment: str = "",
    name: str = "",
    detach: bool = False,
) -> None:
    """Run the pipeline."""
    _check_engine(on)
    if on != "cluster" and (experiment or name or detach):
        raise fail("--experiment, --name and --detach are for runs on a cluster: inv run --on cluster")
    config = load_settings(c)
    spec, platform = compile_pipeline(config)
    parameters = parameter_values(spec, param)
    from .local import command_line, fingerprints

    if on == "cluster":
        for source in [key for key in parameters if f"{key}_fingerprint" in parameters]:
            if "://" not in str(parameters[source]):
                raise fail(
                    f"{source} is '{parameters[source]}', a file of this machine, which a cluster does not see: "
                    f"put it where both can read it (http, s3, gs, abfs), and give that: -p {source}=s3://..."
                )
    fingerprints(parameters, param)
    if on == "cluster":
        from .kubeflow.connect import connect
        from .kubeflow.start import start
        from .kubeflow.versions import deploy as upload
        from .kubeflow.watch import watch as follow

        api = connect(config, say)
        version = upload(api, spec, platform, config, say)
        started = start(
            *(api, version, spec, platform, parameters, config, say),
            command=command_line(["inv", *sys.argv[1:]]),
            experiment=experiment or config.experiment,
            name=name,
            cache=cache,
        )
        if detach:
            say(f"watch it: inv runs.watch {started.id}")
            return
        follow(api, started, config, say)
        _finish(started)
        return
    engine = _start(on, parameters, spec, config)
    engine.pipeline(spec, cache)
    _finish(engine.run)


def _check_engine(engine: str, known: tuple[str, ...] = ENGINES) -> None:
    if engine not in known:
        raise fail(f"'{engine}' cannot be meant here; there are: {', '.join(known)}.")


@task(
    positional=["name"],
    help={
        "name": "the step",
        "run": "the run whose inputs it gets; without, the newest in which the step started",
        "on": "where it runs: host or docker; without, where that run did",
    },
)
def step(c: Context, name: str, run: str = "", on: str = "") -> None:
    """Run one step again, with the inputs it had in a run."""
    if on:
        _check_engine(on, ("host", "docker"))
    config = load_settings(c)
    source, before = runs.started_step(name, run)
    spec, _ = compile_pipeline(config)
    from .local import component_image, rerun_arguments

    arguments = rerun_arguments(before)
    own = component_of(component_image(spec, before.component)) or ""
    engine = _start(on or source.engine, source.parameters, spec, config, own)
    engine.step(spec, before, arguments)
    _finish(engine.run)


@task(
    name="list",
    default=True,
    help={
        "json": "print a JSON list, for programs",
        "on": "only those on host, docker or cluster; cluster asks the server, and lists what others started there too",
        "sort": "the best first, by a metric or by seconds",
    },
)
def runs_list(c: Context, json: bool = False, on: str = "", sort: str = "") -> None:
    """List the runs, newest first."""
    if on:
        _check_engine(on)
    _refresh(c, on == "cluster")
    found = [run for run in runs.newest_first() if on in ("", run.engine)]
    if sort:
        found = runs.sorted_by(found, sort)
    if json:
        import json as codec

        say(codec.dumps([runs.summary(run) for run in found], indent=2, ensure_ascii=False))
    elif found:
        say(runs.listing(found, sort))
    else:
        say("no runs yet; start one with: inv run")


def _refresh(c: Context, everything: bool = False) -> None:
    """Ask the server how runs on a cluster got on, where there are some; without it, they stay as they were."""
    if not everything and not any(run.remote and run.status == "running" for run in runs.newest_first()):
        return
    from .kubeflow.server_runs import refresh

    try:
        refresh(load_settings(c), lambda _: None, everything)
    except Exit as error:
        if everything:
            raise
        print(f"runs on the cluster are shown as they were: {error.message}", file=sys.stderr)


def _run(wanted: str) -> runs.Run:
    return runs.find(None if wanted == "latest" else wanted)


def _whole(c: Context, run: runs.Run) -> runs.Run:
    """A run with its logs and reports here, those of a run on a cluster too, where its server answers."""
    if run.remote and run.status != "running" and run.remote.get("kept") != "all":
        from .kubeflow.server_runs import complete

        try:
            complete(load_settings(c), run)
        except Exit as error:
            print(f"run {run.id} is shown as it was: {error.message}", file=sys.stderr)
    return run


@task(positional=["id"], help={"id": "a run's id, the start of one, or latest"})
def show(c: Context, id: str) -> None:
    """Show one run: steps, parameters, metrics, outputs."""
    _refresh(c)
    say(runs.details(_whole(c, _run(id))))


@task(
    name="report",  # a function of this name would hide the module
    positional=["id"],
    help={"id": "a run's id, the start of one, or latest", "open": "open it in the browser"},
)
def show_report(c: Context, id: str, open: bool = False) -> None:
    """Write a run's report anew, and show where it is."""
    from .report import write_report

    path = write_report(_whole(c, _run(id)))
    say(str(path.relative_to(ROOT)))
    if open:
        import webbrowser

        webbrowser.open(path.as_uri())


@task(positional=["id", "others"], iterable=["others"], help={"id": "a run's id, or latest", "others": "more runs"})
def compare(c: Context, id: str, others: list[str]) -> None:
    """Compare runs: what differs, and what came of it."""
    if not others:
        raise fail(f"which runs? inv runs.compare {id} ID [ID ...]; they are listed by: inv runs")
    compared = list({run.id: run for run in map(_run, [id, *others])}.values())
    if len(compared) < 2:
        raise fail(f"that is one run, {compared[0].id}: name two.")
    from .report import write_comparison

    compared = [_whole(c, each) for each in compared]
    say(runs.compared_text(compared))
    say(f"page: {write_comparison(compared).relative_to(ROOT)}")


@task(positional=["id"], help={"id": "a run's id, or latest"})
def watch(c: Context, id: str) -> None:
    """Follow a run on a cluster to its end."""
    run = _run(id)
    if not run.remote:
        raise fail(f"run {run.id} was on {run.engine}, and is {run.status}: inv runs.show {run.id}")
    from .kubeflow.connect import connect
    from .kubeflow.watch import watch as follow

    config = load_settings(c)
    follow(connect(config, say), run, config, say)
    _finish(run)


@task(positional=["id", "steps"], iterable=["steps"], help={"id": "a run's id, or latest", "steps": "only these steps"})
def logs(c: Context, id: str, steps: list[str]) -> None:
    """Print the logs of a run's steps."""
    run = _whole(c, _run(id))
    chosen = [runs.step_of(run, name) for name in steps] or run.steps
    for step in chosen:
        if len(chosen) > 1:
            say(f"== {step.name} ({runs.state(step)})")
        path = run.log(step.name)
        if path.exists():
            with path.open(encoding="utf-8", errors="replace") as log:
                for line in log:
                    say(line.removesuffix("\n"))
        elif step.cached:
            say("served from the cache: it did not run")
        elif run.remote and step.status not in ("waiting", "pending", "skipped"):
            from .kubeflow.pods import Kubectl

            kubectl = Kubectl.of(load_settings(c), run)
            log = kubectl.log(step.name).rstrip() if kubectl else ""
            say(log or f"no log of it could be read; see {run.remote['url']}")
        else:
            say("no log: it did not run")


@task
def compile(c: Context) -> None:
    """Compile the pipeline to build/pipeline.yaml, and each component beside it."""
    config = load_settings(c)
    spec, platform = compile_pipeline(config)
    for path in write_compiled(spec, platform, config):
        say(str(path.relative_to(ROOT)))


@task
def deploy(c: Context) -> None:
    """Upload the pipeline as a new version, if it changed."""
    from .kubeflow.connect import connect
    from .kubeflow.versions import deploy as upload

    config = load_settings(c)
    spec, platform = compile_pipeline(config)
    upload(connect(config, say), spec, platform, config, say)


@task(help={"dry-run": "only show what would change"})
def schedule(c: Context, dry_run: bool = False) -> None:
    """Make the cluster's recurring runs equal to the schedules of invoke.yaml, on the newest version."""
    from .kubeflow.connect import connect
    from .kubeflow.recurring import apply_schedules
    from .kubeflow.schedules import schedules

    config = load_settings(c)
    spec, _ = compile_pipeline(config)
    wanted = schedules(config, spec)
    apply_schedules(connect(config, say), wanted, config, say, dry_run)


@task(
    positional=["names"],
    iterable=["names"],
    help={"names": "only these components", "platform": "for another architecture, as in linux/amd64"},
)
def build(c: Context, names: list[str], platform: str = "") -> None:
    """Build the images whose content changed."""
    from . import images

    images.check_platform(platform)
    config = load_settings(c)
    images.build(images.chosen(names), config, say, platform)


@task(
    positional=["names"],
    iterable=["names"],
    help={
        "names": "only these components",
        "platform": "for another architecture, as in linux/amd64",
        "sbom": "with attestations: what is in the image, and how it was built",
    },
)
def push(c: Context, names: list[str], platform: str = "", sbom: bool = False) -> None:
    """Push the images that the registry does not hold; build those that are missing."""
    from . import images

    images.check_platform(platform)
    config = load_settings(c)
    images.push(images.chosen(names), config, say, platform, sbom)


@task
def disk(c: Context) -> None:
    """Show what this project's images, containers, build cache and runs take."""
    from . import containers

    rows = containers.usage(load_settings(c))
    for kind, count, size, what in rows:
        say(f"  {kind:<12}{count:>5}{containers.bytes_text(size):>9}   {what}")
    free, whole = containers.disk(containers.connect())
    say(f"  {'disk':<12}{'':>5}{containers.bytes_text(free):>9}   free, of {containers.bytes_text(whole)}")


@task(
    help={
        "runs": "free the runs but for the newest so many; without, all runs stay",
        "all": "free the images of today's content too",
        "yes": "do not ask",
    }
)
def prune(c: Context, runs: str = "", all: bool = False, yes: bool = False) -> None:
    """Free what this project made and does not need any more."""
    from . import containers

    if runs and not runs.isdecimal():
        raise fail(f"--runs takes the number of runs to keep, not '{runs}'.")
    found = containers.freeable(load_settings(c), int(runs) if runs else None, all)
    if not found:
        say("nothing to free")
        return
    for part in found:
        say(f"  {part.what}, {containers.bytes_text(part.size)}")
    if not yes:
        if not sys.stdin.isatty():
            raise fail("nothing was freed: there is no terminal to ask on; say it with --yes.")
        if input("free this? [y/N] ").strip().lower() not in ("y", "yes"):
            say("nothing was freed")
            return
    before, _ = containers.disk(containers.connect())
    for part in found:
        part.free()
    after, _ = containers.disk(containers.connect())
    say(f"freed; {containers.bytes_text(after)} are free now, {containers.bytes_text(max(0, after - before))} more")


@task
def up(c: Context) -> None:
    """Make a Kubeflow cluster on this machine with kind, or go on making it."""
    from .clusters import lifecycle

    lifecycle.up(load_settings(c), say)


@task
def status(c: Context) -> None:
    """Show what the cluster is at; the exit code says whether all of it is ready."""
    from .clusters import lifecycle

    if not lifecycle.status(load_settings(c), say):
        raise Exit(code=1)


@task(help={"open": "open the browser"})
def ui(c: Context, open: bool = True) -> None:
    """Show the address of the Kubeflow Pipelines UI, and open it."""
    from .clusters.proxy import show_ui

    show_ui(load_settings(c), say, open)


@task(help={"context": "kubectl's context; without, the current one", "port": "of this machine"})
def proxy(c: Context, context: str = "", port: int = 8080) -> None:
    """Reach the UI and API of any cluster that kubectl reaches, privately."""
    from .clusters.proxy import proxy as forward

    forward(load_settings(c), say, context, port)


@task(help={"yes": "do not ask", "registry": "the local registry and its images too"})
def down(c: Context, yes: bool = False, registry: bool = False) -> None:
    """Delete the cluster that cluster.up made."""
    from .clusters import kind, lifecycle

    config = load_settings(c)
    if kind.exists(config):
        sure(f"This deletes the cluster {kind.name(config)} with its runs and artifacts.", yes)
    lifecycle.down(config, say, registry)


@task(help={"yes": "do not ask"})
def reset(c: Context, yes: bool = False) -> None:
    """Delete Kubeflow Pipelines with its data from the cluster, and install it again."""
    from .clusters import lifecycle

    sure("This deletes all runs, pipelines and artifacts of the cluster.", yes)
    lifecycle.reset(load_settings(c), say)


@task(help={"for_": "what to check for: host, docker, cluster or aks"})
def doctor(c: Context, for_: str = "host") -> None:
    """Check that this machine has what the project needs."""
    _check_engine(for_, ("host", "docker", "cluster", *(["aks"] if AKS else [])))
    from .upkeep import host_problems

    problems, ready = host_problems(), "inv run"
    if for_ == "docker":
        from .containers import problems as engine_problems

        found, slow = engine_problems()
        problems, ready = problems + found, "inv build, inv run --on docker"
        for line in slow:
            say(f"  slow     {line}")
    if for_ == "cluster":
        from .clusters.checks import problems as cluster_problems

        found, doubts = cluster_problems(load_settings(c))
        problems, ready = problems + found + doubts, "inv cluster.up"
    if for_ == "aks" and AKS:
        azure = importlib.import_module("tasks.clusters.aks.azure")
        problems, ready = problems + azure.problems(), "inv aks.up"
    for problem in problems:
        say(f"  problem  {problem}")
    if problems:
        raise fail(f"{len(problems)} problem(s) found; each line above says what to do.")
    say(f"ready for: {ready}")


@task
def lint(c: Context) -> None:
    """Check style, types, and every component.yaml against its program."""
    from .upkeep import lint_problems

    if problems := lint_problems(say):
        raise fail("; ".join(problems))
    say("no problems")


@task
def audit(c: Context) -> None:
    """Look up the locked packages in the advisories on vulnerabilities."""
    from .upkeep import audit as packages

    if packages():
        raise fail("see above; where a newer version mends it: inv lock --upgrade")


@task
def test(c: Context) -> None:
    """Run the project's tests."""
    from .upkeep import python

    if code := python("pytest"):
        raise fail(f"the tests failed (pytest's exit code {code}).")


@task(help={"upgrade": "take the newest versions instead of keeping those in the locks"})
def lock(c: Context, upgrade: bool = False) -> None:
    """Renew all locks together, so that a library has one version everywhere."""
    from .upkeep import lock_all

    for path in lock_all(upgrade):
        say(str(path.relative_to(ROOT)))


@task(positional=["source"], help={"source": "a path or URI of CSV or Parquet", "target": "the column to predict"})
def adopt(c: Context, source: str, target: str = "") -> None:
    """Make the pipeline run on your table: infers schema.yaml and sets the defaults."""
    if not target:
        raise fail(f"which column is to be predicted? inv data.adopt {source} --target COLUMN")
    from .upkeep import adopt_table

    adopt_table(source, target, say)


@task(positional=["name"], help={"name": "lower-case letters, digits and dashes"})
def new(c: Context, name: str) -> None:
    """Make a new step: folder, lock, test, and the line to paste into pipeline.py."""
    from .upkeep import new_component

    new_component(name, say)


AKS: Any = None
if importlib.util.find_spec("tasks.commands.aks"):  # only where Azure was chosen
    AKS = importlib.import_module("tasks.commands.aks")

ns = Collection(run, step, build, push, compile, deploy, schedule, doctor, disk, prune, lint, audit, test, lock)
ns.add_collection(Collection("runs", runs_list, show, logs, compare, show_report, watch))
ns.add_collection(Collection("cluster", up, status, ui, proxy, down, reset))
if AKS:
    ns.add_collection(Collection("aks", AKS.up, AKS.status, AKS.credentials, AKS.down))
ns.add_collection(Collection("template", template.update, template.status, template.link))
ns.add_collection(Collection("data", adopt))
ns.add_collection(Collection("component", new))
# A variable such as INVOKE_KFP_HOST counts only for a setting that is there, so those that may be left out are.
ns.configure({name: Settings.__dataclass_fields__[name].default for name in OPTIONAL})
