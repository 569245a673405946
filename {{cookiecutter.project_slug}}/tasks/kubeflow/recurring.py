"""The recurring runs of a server, made equal to the schedules of `invoke.yaml`.

Each names the pipeline alone, no version of it. KFP 2.17 bakes a version's parameters into the workflow that it submits
each time (backend/src/apiserver/template/v2_template.go, ScheduledWorkflow: "macros ... are not formatted here"), so
that `[[CurrentTime]]` would stay as it is and every run but the first be served from the cache. Without a version its
controller starts a run through the API instead (crd/controller/scheduledworkflow/controller.go,
submitNewWorkflowIfNotAlreadySubmitted), which fills in the time (v2_template.go, RunWorkflow) and takes the newest one.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from ..project.pipelines import FIRST, Compiled
from ..project.settings import Settings
from ..terminal import fail
from .answers import told
from .connect import Api
from .experiments import find_or_make
from .limits import check_account, check_text
from .listing import named, pages
from .orphans import remove_orphans
from .ownership import check_own
from .refusals import spoken
from .schedules import Schedule
from .versions import Version, find_pipeline, versions

Say = Callable[[str], None]

UNDER_WAY = ("PENDING", "RUNNING", "CANCELING", "PAUSED")


def apply_schedules(
    api: Api,
    wanted: list[Schedule],
    pipelines: list[Compiled],
    config: Settings,
    say: Say,
    dry_run: bool,
    yes: bool,
    every: bool,
) -> None:
    """Make the recurring runs of these pipelines equal to `wanted`; those of others stay as they are.

    Where these are `every` pipeline of the project, what is there of another is of one that is no more, and goes.
    The API cannot change one, so it is replaced: the new one is made before the old one goes.
    """
    check_account(config)
    for schedule in wanted:
        shown = json.dumps(schedule.parameters, ensure_ascii=False)
        check_text(f"invoke.yaml: schedules: {schedule.name}: parameters", shown)
    with spoken(api.host, api.namespace):
        titles = {each.name: each.title for each in pipelines}
        ids = {name: found for name, title in titles.items() if (found := find_pipeline(api, title))}
        known = {name: versions(api, pipeline_id) for name, pipeline_id in ids.items()}
        for name in [name for name, found in known.items() if found and not dry_run]:
            check_own(api.host, titles[name], [each.description for each in known[name]], yes, take_over=False)
        if missing := [titles[each.pipeline] for each in wanted if not known.get(each.pipeline)]:
            raise fail(f"{api.host} has no version of {missing[0]} yet: inv deploy")
        ask = api.client.recurring_runs.recurring_run_service_list_recurring_runs
        prefix = f"{config.project}--"
        listed = [told(each, "recurring_run_id") for each in pages(ask, "recurring_runs", namespace=api.namespace)]
        there = [each for each in listed if (each.display_name or "").startswith(prefix)]
        changes = 0
        for schedule in wanted:
            old = [each for each in there if each.display_name == prefix + schedule.name]
            changes += _apply(api, schedule, known[schedule.pipeline][0], old, config, say, dry_run)
        names = {prefix + schedule.name for schedule in wanted}
        own = [each for each in there if every or _pipeline_id(each) in ids.values()]
        for gone in [each for each in own if each.display_name not in names]:
            changes += 1
            say(f"  {gone.display_name.removeprefix(prefix):<16}  delete")
            if not dry_run:
                _retire(api, [gone], config, say)
    for pipeline_id in ids.values() if not dry_run else ():
        changes += remove_orphans(api, pipeline_id, config, say)
    if not wanted and not changes:
        say("no schedules: invoke.yaml has none, and neither has the server")
    elif dry_run and changes:
        say("nothing was changed: this was a dry run")


def _apply(
    api: Api, schedule: Schedule, newest: Version, old: list[Any], config: Settings, say: Say, dry_run: bool
) -> int:
    """Make one recurring run equal to a schedule; how many changes that took, 0 or 1."""
    description = _description(schedule, config)
    same = [each for each in old if each.description == description and _enabled(each) == schedule.enabled]
    if same:
        say(f"  {schedule.name:<16}  up to date   {schedule.when()}")
    else:
        of = "" if schedule.pipeline == FIRST else f"{schedule.pipeline}, "
        what = (
            f"{'replace' if old else 'create':<11}  {schedule.when()}, {of}version {newest.name} or what is newer then"
        )
        say(f"  {schedule.name:<16}  {what}{'' if schedule.enabled else ', disabled'}")
        if not dry_run:
            _create(api, schedule, newest.pipeline_id, description, config, say)
    others = [each for each in old if each not in same[:1]]
    if not dry_run:
        _retire(api, others, config, say)
    return int(not same)


def _pipeline_id(recurring_run: Any) -> str | None:
    reference = recurring_run.pipeline_version_reference
    return reference.pipeline_id if reference else None


def _enabled(recurring_run: Any) -> bool:
    return str(recurring_run.status or "ENABLED").upper() != "DISABLED"


def _description(schedule: Schedule, config: Settings) -> str:
    """What tells a later call whether a schedule has changed, in few letters: the server's column takes 255."""
    about = [schedule.when(), schedule.parameters, config.experiment, config.service_account, "newest version"]
    about += [] if schedule.pipeline == FIRST else [schedule.pipeline]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    return f"made by inv schedule, {digest}"


def _create(api: Api, schedule: Schedule, pipeline_id: str, description: str, config: Settings, say: Say) -> None:
    """Make a recurring run, which the SDK's own function would refuse without a version."""
    from kfp_server_api import (
        ApiException,
        V2beta1CronSchedule,
        V2beta1PeriodicSchedule,
        V2beta1PipelineVersionReference,
        V2beta1RecurringRun,
        V2beta1RuntimeConfig,
        V2beta1Trigger,
    )

    if schedule.cron:
        trigger = V2beta1Trigger(cron_schedule=V2beta1CronSchedule(cron=schedule.cron))
    else:
        trigger = V2beta1Trigger(periodic_schedule=V2beta1PeriodicSchedule(interval_second=schedule.every))
    body = V2beta1RecurringRun(
        display_name=f"{config.project}--{schedule.name}",
        description=description,
        pipeline_version_reference=V2beta1PipelineVersionReference(pipeline_id=pipeline_id),
        runtime_config=V2beta1RuntimeConfig(parameters=schedule.parameters),
        trigger=trigger,
        mode="ENABLE" if schedule.enabled else "DISABLE",
        no_catchup=True,
        max_concurrency=1,
        experiment_id=find_or_make(api, config.experiment),
        service_account=config.service_account or None,
    )
    try:
        api.client.recurring_runs.recurring_run_service_create_recurring_run(body)
    except ApiException:
        # The server makes the ScheduledWorkflow before it writes its row (resource_manager.go, CreateJob).
        remove_orphans(api, pipeline_id, config, say)
        raise


def _retire(api: Api, old: list[Any], config: Settings, say: Say) -> None:
    """Disable, and delete those that have no run under way, whose workflow would vanish with them.

    One that somebody else has deleted meanwhile is gone as it should be.
    """
    from kfp_server_api import ApiException

    for each in old:
        try:
            api.client.recurring_runs.recurring_run_service_disable_recurring_run(each.recurring_run_id)
            if _under_way(api, each.recurring_run_id):
                name = each.display_name.removeprefix(f"{config.project}--")
                say(f"  {name:<16}  disabled: a run of the old one is under way; inv schedule deletes it afterwards")
                continue
            api.client.recurring_runs.recurring_run_service_delete_recurring_run(each.recurring_run_id)
        except ApiException as error:
            if error.status != 404:
                raise


def _under_way(api: Api, recurring_run_id: str) -> bool:
    """Whether a run of a recurring run is not over yet."""
    own = json.loads(named(recurring_run_id))
    own["predicates"][0]["key"] = "recurring_run_id"
    own["predicates"].append({"operation": 8, "key": "state", "stringValues": {"values": list(UNDER_WAY)}})
    found = api.client.runs.run_service_list_runs(namespace=api.namespace, filter=json.dumps(own), page_size=1)
    return bool(found.runs)
