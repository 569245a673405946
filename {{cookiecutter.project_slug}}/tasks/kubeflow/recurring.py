"""The recurring runs of a server, made equal to the schedules of `invoke.yaml`."""

import json
from collections.abc import Callable
from typing import Any

from ..project.settings import Settings
from ..terminal import fail
from .connect import Api
from .experiments import experiment
from .listing import pages
from .refusals import spoken
from .schedules import Schedule
from .versions import Version, find_pipeline, versions

Say = Callable[[str], None]


def apply_schedules(api: Api, wanted: list[Schedule], config: Settings, say: Say, dry_run: bool) -> None:
    """Make this project's recurring runs equal to `wanted`, on the newest version; those of others stay as they are.

    The API cannot change one, so it is replaced: the new one is made before the old one goes.
    """
    with spoken(api.host, api.namespace):
        pipeline_id = find_pipeline(api, config)
        newest = versions(api, pipeline_id)[:1] if pipeline_id else []
        if wanted and not newest:
            raise fail(f"{api.host} has no version of {config.project} yet: inv deploy")
        ask = api.client.recurring_runs.recurring_run_service_list_recurring_runs
        listed = pages(ask, "recurring_runs", namespace=api.namespace)
        prefix = f"{config.project}--"
        there = [each for each in listed if (each.display_name or "").startswith(prefix)]
        changes = 0
        for schedule in wanted:
            old = [each for each in there if each.display_name == prefix + schedule.name]
            body = _recurring_run(schedule, newest[0], config)
            if len(old) == 1 and old[0].description == body["description"] and _enabled(old[0]) == schedule.enabled:
                say(f"  {schedule.name:<16}  up to date   {schedule.when()}")
                continue
            changes += 1
            what = f"{'replace' if old else 'create':<11}  {schedule.when()}, version {newest[0].name}"
            say(f"  {schedule.name:<16}  {what}{'' if schedule.enabled else ', disabled'}")
            if not dry_run:
                _create_recurring_run(api, body, config)
                _delete_recurring_runs(api, old)
        names = {prefix + schedule.name for schedule in wanted}
        for gone in [each for each in there if each.display_name not in names]:
            changes += 1
            say(f"  {gone.display_name.removeprefix(prefix):<16}  delete")
            if not dry_run:
                _delete_recurring_runs(api, [gone])
    if not wanted and not changes:
        say("no schedules: invoke.yaml has none, and neither has the server")
    elif dry_run and changes:
        say("nothing was changed: this was a dry run")


def _enabled(recurring_run: Any) -> bool:
    return str(recurring_run.status or "ENABLED").upper() != "DISABLED"


def _recurring_run(schedule: Schedule, version: Version, config: Settings) -> dict[str, Any]:
    """The fields of a recurring run. Its description says all of it, so that a later call can tell a change."""
    about = {
        "schedule": schedule.name,
        "when": schedule.when(),
        "parameters": schedule.parameters,
        "version": version.name,
        "version_id": version.version_id,
        "experiment": config.experiment,
        "service_account": config.service_account,
    }
    trigger: dict[str, Any] = (
        {"cron_expression": schedule.cron} if schedule.cron else {"interval_second": schedule.every}
    )
    return {
        "job_name": f"{config.project}--{schedule.name}",
        "description": json.dumps(about, sort_keys=True),
        "pipeline_id": version.pipeline_id,
        "version_id": version.version_id,
        "params": schedule.parameters,
        "enabled": schedule.enabled,
        "no_catchup": True,
        "max_concurrency": 1,
        "service_account": config.service_account or None,
        **trigger,
    }


def _create_recurring_run(api: Api, body: dict[str, Any], config: Settings) -> None:
    api.client.create_recurring_run(experiment_id=experiment(api, config.experiment), **body)


def _delete_recurring_runs(api: Api, old: list[Any]) -> None:
    """Disable and delete; one that somebody else has deleted meanwhile is gone as it should be."""
    from kfp_server_api import ApiException

    for each in old:
        try:
            api.client.recurring_runs.recurring_run_service_disable_recurring_run(each.recurring_run_id)
            api.client.recurring_runs.recurring_run_service_delete_recurring_run(each.recurring_run_id)
        except ApiException as error:
            if error.status != 404:
                raise
