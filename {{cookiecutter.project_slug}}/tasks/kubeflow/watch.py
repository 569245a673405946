"""Runs on a cluster, watched to their end."""

import os
import time
from collections.abc import Callable

from invoke.exceptions import Exit

from ..files import write
from ..project.settings import Settings
from ..report.pages import write_report
from ..runs.listing import rows
from ..runs.record import Run
from ..terminal import fail, live, plain
from .connect import Api
from .pods import Kubectl
from .progress import OVER, update
from .server_runs import get_run

Say = Callable[[str], None]

POLL = float(os.environ.get("KF_TEMPLATE_POLL_SECONDS", "3"))
PATIENCE = 600  # seconds without an answer, after which a watch gives up


def watch(api: Api, run: Run, config: Settings, say: Say) -> None:
    """Follow a run to its end, a line for each step that changes; the record has how it ended.

    Raises `Exit` where a step cannot start, where nothing answers for ten minutes, and on Ctrl-C: the run goes on.
    """
    back = f"come back to it with: inv runs.watch {run.id}"
    kubectl = Kubectl.of(config, run)
    silent_since: float | None = None
    looked = 0.0
    try:
        with live(lambda: rows(run)):
            while True:
                try:
                    found = get_run(api, run)
                    silent_since = None
                except Exit as error:
                    if silent_since is None:
                        silent_since = time.monotonic()
                        say(f"  {str(error.message).removeprefix('error: ')} Trying again.")
                    elif time.monotonic() - silent_since > PATIENCE:
                        raise fail(f"the cluster does not answer any more. The run goes on; {back}") from None
                    time.sleep(min(POLL * 3, 30))
                    continue
                update(run, found, plain)
                run.save()
                if run.status in OVER:
                    break
                if time.monotonic() - looked > 10:
                    looked = time.monotonic()
                    if kubectl and (problem := kubectl.stuck()):
                        raise fail(f"{problem}\nThe run itself waits for it; {back}\n{run.remote['url']}")
                time.sleep(POLL)
    except KeyboardInterrupt:
        raise Exit(f"the run goes on: {run.remote['url']}\n{back}", code=130) from None
    failed = [step for step in run.steps if step.status == "failed"]
    for step in failed:
        if kubectl and (log := kubectl.log(step.name)):
            write(run.log(step.name), log)
            step.reason = step.reason or next((each for each in reversed(log.splitlines()) if each.strip()), None)
    if failed and run.status == "failed":
        run.reason = f"{failed[0].name}: {failed[0].reason or 'failed'}"
    run.save()
    write_report(run)
