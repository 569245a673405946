"""The runs of a server beside the local ones: asked for, brought up to date, and adopted where others started them."""

from collections.abc import Callable
from typing import Any

from ..project.settings import Settings
from ..runs.record import RUNS, Run, Step, newest_first
from .connect import Api, connect
from .experiments import experiment
from .progress import update
from .refusals import spoken

Say = Callable[[str], None]


def get_run(api: Api, run: Run) -> Any:
    with spoken(api.host, api.namespace):
        return api.client.runs.run_service_get_run(run.remote["run_id"])


def refresh(config: Settings, say: Say, everything: bool = False) -> None:
    """Bring the records of cluster runs up to date; with `everything`, make those of runs started elsewhere too."""
    api = connect(config, say)
    known = {run.remote["run_id"]: run for run in newest_first() if run.remote.get("host") == api.host}
    for run in known.values():
        if run.status == "running":
            update(run, get_run(api, run))
            run.save()
    if not everything:
        return
    with spoken(api.host, api.namespace):
        listing = api.client.runs.run_service_list_runs
        found = listing(experiment_id=experiment(api, config.experiment), page_size=50, sort_by="created_at desc")
        for each in found.runs or []:
            if each.run_id not in known:
                _adopt(api, each, config)


def _adopt(api: Api, found: Any, config: Settings) -> None:
    """Make the record of a run that a schedule or somebody else has started."""
    whole = api.client.runs.run_service_get_run(found.run_id)
    details = (whole.run_details.task_details if whole.run_details else None) or []
    names = {task.display_name or "" for task in details}
    steps = [name for name in names if f"{name}-driver" in names and name != "root"]
    folder = RUNS / f"kfp-{found.run_id[:8]}"
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    parameters = (whole.runtime_config.parameters if whole.runtime_config else None) or {}
    url = f"{api.host}/#/runs/details/{found.run_id}"
    run = Run(
        id=folder.name,
        pipeline=config.project,
        engine="cluster",
        parameters={name: value for name, value in parameters.items()},
        command=whole.display_name or "",
        started=whole.created_at.isoformat() if whole.created_at else "",
        remote={"host": api.host, "run_id": found.run_id, "version": whole.description or "", "url": url},
        steps=[Step(name) for name in sorted(steps)],
    )
    update(run, whole)
    run.save()
