"""`inv runs` and what is under it."""

import sys

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from ..files import ROOT
from ..project.settings import load_settings
from ..runs.listing import compared_text, details, summary
from ..runs.listing import listing as table_of_runs
from ..runs.metrics import sorted_by
from ..runs.record import Run, all_runs, find, newest_first, state, step_of
from ..terminal import fail, harmless, printable, say
from .run import check_engine, finish

WHICH = "a run's id, the start of one, or a pipeline for its latest; without, the latest of all"


@task(
    name="list",
    default=True,
    help={
        "json": "print a JSON list, for programs",
        "on": "only those on host, docker or cluster; cluster asks the server, and lists what others started there too",
        "sort": "the best first, by a metric or by seconds",
    },
)
def listing(c: Context, json: bool = False, on: str = "", sort: str = "") -> None:
    """List the runs, newest first."""
    if on:
        check_engine(on)
    _refresh(c, on == "cluster")
    runs, unreadable = all_runs()
    found = [run for run in runs if on in ("", run.engine)]
    if sort:
        found = sorted_by(found, sort)
    if json:
        import json as codec

        say(codec.dumps([summary(run) for run in found], indent=2, ensure_ascii=False))
    elif found:
        say(table_of_runs(found, sort))
    else:
        say("no runs yet; start one with: inv run")
    for name, why in unreadable.items():
        print(printable(f"{name} cannot be read: {why}"), file=sys.stderr)


@task(positional=["id"], help={"id": WHICH})
def show(c: Context, id: str = "latest") -> None:
    """Show one run: steps, parameters, metrics, outputs."""
    _refresh(c)
    say(details(_whole(c, _run(id))))


@task(positional=["id", "steps"], iterable=["steps"], help={"id": WHICH, "steps": "only these steps"})
def logs(c: Context, steps: list[str], id: str = "latest") -> None:
    """Print the logs of a run's steps."""
    if id != "latest" and any(step.name == id for step in _run("latest").steps):  # inv runs.logs STEP
        id, steps = "latest", [id, *steps]
    run = _whole(c, _run(id))
    chosen = [step_of(run, name) for name in steps] or run.steps
    for step in chosen:
        if len(chosen) > 1:
            say(f"== {step.name} ({state(step)})")
        path = run.log(step.name)
        if path.exists():
            with path.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    say(harmless(line.removesuffix("\n")))
        elif step.cached:
            say(f"served from the cache: it did not run{f'; inv runs.logs {step.origin}' if step.origin else ''}")
        elif run.remote and step.status not in ("waiting", "pending", "skipped"):
            from ..kubeflow.pods import Kubectl

            kubectl = Kubectl.of(load_settings(c), run)
            log = kubectl.log(step.name).rstrip() if kubectl else ""
            say("\n".join(map(harmless, log.splitlines())) or f"no log of it could be read; see {run.remote['url']}")
        else:
            say("no log: it did not run")


@task(
    positional=["ids"],
    iterable=["ids"],
    help={"ids": "runs; one is held against the latest of its pipeline, none: the newest two of one"},
)
def compare(c: Context, ids: list[str]) -> None:
    """Compare runs: what differs, and what came of it."""
    chosen = [_run(id) for id in ids or ["latest"]]
    if len(chosen) < 2:
        alike = [run for run in newest_first() if run.pipeline == chosen[0].pipeline]
        chosen += alike[:1] if ids else alike[1:2]
    compared = list({run.id: run for run in chosen}.values())
    if len(compared) < 2:
        raise fail(f"that is one run, {compared[0].id}: name another beside it; they are listed by: inv runs")
    from ..report.pages import write_comparison

    compared = [_whole(c, each) for each in compared]
    say(compared_text(compared))
    say(f"page: {write_comparison(compared).relative_to(ROOT)}")


@task(
    positional=["id"],
    help={
        "id": WHICH,
        "all": "one page of all runs instead: sorted, filtered, over time, two compared",
        "open": "open it in the browser",
    },
)
def report(c: Context, id: str = "latest", all: bool = False, open: bool = False) -> None:
    """Write a run's report anew, and show where it is."""
    metric = load_settings(c).page_metric
    if all:
        from ..report.project import write_project

        _refresh(c)
        runs = newest_first()
        if not runs:
            raise fail("there is no run yet; start one with: inv run")
        path = write_project(runs, metric)
    else:
        from ..report.pages import write_report

        path = write_report(_whole(c, _run(id)), metric)
    say(str(path.relative_to(ROOT)))
    if open:
        import webbrowser

        webbrowser.open(path.as_uri())


@task(positional=["id"], help={"id": f"{WHICH} on a cluster"})
def watch(c: Context, id: str = "latest") -> None:
    """Follow a run on a cluster to its end."""
    remote = [run for run in newest_first() if run.remote] if id == "latest" else []
    run = remote[0] if remote else _run(id)
    if not run.remote:
        raise fail(f"run {run.id} was on {run.engine}, and is {run.status}: inv runs.show {run.id}")
    from ..kubeflow.connect import connect
    from ..kubeflow.watch import watch as follow

    config = load_settings(c)
    follow(connect(config, say), run, config, say)
    finish(run, config)


@task(
    positional=["id", "steps"],
    iterable=["steps"],
    help={"id": f"{WHICH} on a cluster", "steps": "only what these steps made"},
)
def fetch(c: Context, steps: list[str], id: str = "latest") -> None:
    """Bring here the tables and models of a cluster's run."""
    if id != "latest" and any(step.name == id for step in _run("latest").steps):  # inv runs.fetch STEP
        id, steps = "latest", [id, *steps]
    run = _whole(c, _run(id))
    if not run.remote:
        raise fail(f"run {run.id} was on {run.engine}: what it made is here, in {run.folder.relative_to(ROOT)}")
    chosen = [step_of(run, name) for name in steps] or run.steps
    from ..kubeflow.connect import connect
    from ..kubeflow.contents import bring, missing

    api = connect(load_settings(c), say)
    if api.host != run.remote["host"]:
        raise fail(f"run {run.id} was on {run.remote['host']}, not on {api.host}: set kfp_host to where it was.")
    wanted = [(step, name) for step in chosen for name in missing(step)]
    problems = []
    for step, name in wanted:
        try:
            say(f"  {printable(step.name)} {printable(name)}: {bring(api, run, step, name)}")
        except OSError as problem:
            problems.append(f"{name} of step {step.name} cannot be had: {problem}")
        run.save()
    if problems:
        raise fail(printable("; ".join(problems)))
    if not wanted:
        say("nothing is missing: all that there is of it is here")


def _refresh(c: Context, everything: bool = False) -> None:
    """Ask the server how runs on a cluster got on, where there are some; without it, they stay as they were."""
    if not everything and not any(run.remote and run.status == "running" for run in newest_first()):
        return
    from ..kubeflow.server_runs import refresh

    try:
        for problem in refresh(load_settings(c), lambda _: None, everything):
            print(f"{problem}; it is shown as it was.", file=sys.stderr)
    except Exit as error:
        if everything:
            raise
        print(f"runs on the cluster are shown as they were: {error.message}", file=sys.stderr)


def _run(wanted: str) -> Run:
    return find(None if wanted == "latest" else wanted)


def _whole(c: Context, run: Run) -> Run:
    """A run with its logs and reports here, those of a run on a cluster too, where its server answers."""
    if run.remote and run.status != "running" and run.remote.get("kept") != "all":
        from ..kubeflow.server_runs import complete

        try:
            complete(load_settings(c), run)
        except Exit as error:
            print(f"run {run.id} is shown as it was: {error.message}", file=sys.stderr)
    return run
