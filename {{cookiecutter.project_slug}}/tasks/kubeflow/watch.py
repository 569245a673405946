"""Runs on a cluster, watched to their end."""

import os
import time
from collections.abc import Callable
from typing import Any

from invoke.exceptions import Exit

from ..project.settings import Settings
from ..report.pages import write_report
from ..runs.listing import rows
from ..runs.record import Run
from ..terminal import fail, live, message_of, plain
from .connect import Api
from .outcome import conclude
from .pods import Kubectl
from .progress import OVER, update
from .refusals import spoken
from .server_runs import GONE, get_run, get_workflow
from .workflow import Workflow

Say = Callable[[str], None]

POLL = float(os.environ.get("KF_TEMPLATE_POLL_SECONDS", "3"))
PATIENCE = 600  # seconds without an answer, after which a watch gives up
LOOK = float(os.environ.get("KF_TEMPLATE_LOOK_SECONDS", "10"))  # between two looks at the pods


def watch(api: Api, run: Run, config: Settings, say: Say) -> None:
    """Follow a run to its end, a line for each step that changes; the record has how it ended.

    Raises `Exit` where a step cannot start, where nothing answers for ten minutes, and on Ctrl-C: the run goes on.
    """
    back = f"come back to it with: inv runs.watch {run.id}"
    try:
        kubectl = Kubectl.of(config, run)
        with live(lambda: rows(run)):
            workflow = _followed(api, run, kubectl, say, back)
    except KeyboardInterrupt:
        raise Exit(f"the run goes on: {run.remote['url']}\n{back}", code=130) from None
    conclude(api, run, workflow, kubectl, everything=True)
    run.save()
    write_report(run, config.page_metric)


def _followed(api: Api, run: Run, kubectl: Kubectl | None, say: Say, back: str) -> Workflow | None:
    """Ask until the run is over; its workflow as it was then."""
    silent_since: float | None = None
    looked, seen, told = 0.0, "", dict[str, str]()
    workflow: Workflow | None = None
    while True:
        try:
            found = get_run(api, run.remote["run_id"])
            # The workflow is large: it is asked for where something has changed.
            if found and (now := _states(found)) != seen:
                with spoken(api.host, api.namespace):
                    fresh = get_workflow(api, run, kubectl)
                if workflow and not fresh:
                    raise fail(f"{api.host} does not give the run's workflow any more.")
                workflow, seen = fresh, now
            silent_since = None
        except Exit as error:
            if silent_since is None:
                silent_since = time.monotonic()
                say(f"  {message_of(error)} Trying again.")
            elif time.monotonic() - silent_since > PATIENCE:
                raise fail(f"the cluster does not answer any more. The run goes on; {back}") from None
            time.sleep(min(POLL * 3, 30))
            continue
        if found is None:
            run.status, run.reason = "stopped", GONE
            run.save()
            raise fail(f"run {run.id} is gone from {api.host}: somebody has deleted it there, or reset the cluster.")
        update(run, found, workflow, plain)
        run.save()
        if run.status in OVER:
            return workflow
        if kubectl and time.monotonic() - looked > LOOK:
            looked = time.monotonic()
            _look(run, kubectl, told, back)
        time.sleep(POLL)


def _states(found: Any) -> str:
    """What the tasks of a run are at, as one text."""
    details = (found.run_details.task_details if found.run_details else None) or []
    return repr([str(found.state), *sorted((str(each.task_id), str(each.state)) for each in details)])


def _look(run: Run, kubectl: Kubectl, told: dict[str, str], back: str) -> None:
    """Say of what a step waits; where it will wait in vain, end with that."""
    waits, problem = kubectl.trouble()
    for step in run.steps:
        if (reason := waits.get(step.name)) and reason != told.get(step.name):
            plain(f"  {step.name:<14}  {reason}")
            told[step.name] = reason
        step.reason = reason or step.reason
    if problem:
        raise fail(f"{problem}\nThe run itself waits for it; {back}\n{run.remote['url']}")
