"""Runs on a cluster: started, watched to their end, and kept as records beside those of local runs."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit

from . import cluster, remote
from .files import write
from .project.components import component_of
from .project.parameters import default_values
from .project.settings import Settings
from .remote import Api
from .report import graph
from .report.pages import write_report
from .runs import listing, record
from .runs.record import Run, Step
from .terminal import fail, live, plain

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PlatformSpec

Say = Callable[[str], None]

POLL = float(os.environ.get("KF_TEMPLATE_POLL_SECONDS", "3"))
PATIENCE = 600  # seconds without an answer, after which a watch gives up
STATES = {
    "PENDING": "pending",
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "SKIPPED": "skipped",
    "FAILED": "failed",
    "CANCELING": "stopped",
    "CANCELED": "stopped",
    "PAUSED": "pending",
}
OVER = ("succeeded", "failed", "stopped")
STUCK = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"}


# Starting


def start(
    api: Api,
    version: remote.Version,
    spec: "PipelineSpec",
    platform: "PlatformSpec",
    parameters: dict[str, Any],
    config: Settings,
    say: Say,
    *,
    command: str,
    experiment: str,
    name: str,
    cache: bool,
) -> Run:
    """Start a run of a deployed version, and make its record."""
    from kfp_server_api import V2beta1PipelineVersionReference, V2beta1Run, V2beta1RuntimeConfig

    what: dict[str, Any] = {}
    if cache:
        reference = V2beta1PipelineVersionReference(
            pipeline_id=version.pipeline_id, pipeline_version_id=version.version_id
        )
        what["pipeline_version_reference"] = reference
    else:  # KFP takes the cache's switch from the pipeline alone, so the run brings its own
        what["pipeline_spec"] = _without_cache(spec, platform)
    nodes = graph.nodes_of(spec)
    run = record.create(
        pipeline=config.project,
        engine="cluster",
        parameters=parameters,
        images={own: image for image in remote.images_of(spec) if (own := component_of(image))},
        template_version=config.template_version,
        command=command,
        steps=[Step(node["name"]) for node in nodes],
        defaults={name: value for name, value in default_values(spec).items() if not name.endswith("_fingerprint")},
        graph=nodes,
        groups=graph.groups_of(spec),
    )
    try:
        with remote.spoken(api.host, api.namespace):
            body = V2beta1Run(
                experiment_id=remote.experiment(api, experiment),
                display_name=name or f"{config.project} {run.id}",
                description=f"version {version.name}",
                runtime_config=V2beta1RuntimeConfig(parameters=parameters),
                service_account=config.service_account or None,
                **what,
            )
            run_id = api.client.runs.run_service_create_run(body).run_id
    except Exit:
        for folder in (run.folder / "logs", run.folder):
            folder.rmdir()
        raise
    run.pid = None  # it does not end with this process
    url = f"{api.host}/#/runs/details/{run_id}"
    run.remote = {"host": api.host, "run_id": run_id, "version": version.name, "url": url}
    run.save()
    say(f"run {run.id} on cluster")
    say(f"  {url}")
    return run


def _without_cache(spec: "PipelineSpec", platform: "PlatformSpec") -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict

    copy = type(spec)()
    copy.CopyFrom(spec)
    for dag in [copy.root.dag, *(part.dag for part in copy.components.values() if part.HasField("dag"))]:
        for task in dag.tasks.values():
            task.caching_options.enable_cache = False
    document = MessageToDict(copy)
    placed = MessageToDict(platform)
    return {"pipeline_spec": document, "platform_spec": placed} if placed else document


# Watching


def watch(api: Api, run: Run, config: Settings, say: Say) -> None:
    """Follow a run to its end, a line for each step that changes; the record has how it ended.

    Raises `Exit` where a step cannot start, where nothing answers for ten minutes, and on Ctrl-C: the run goes on.
    """
    back = f"come back to it with: inv runs.watch {run.id}"
    kubectl = Kubectl.of(config, run)
    silent_since: float | None = None
    looked = 0.0
    try:
        with live(lambda: listing.rows(run)):
            while True:
                try:
                    found = _get(api, run)
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


def _get(api: Api, run: Run) -> Any:
    with remote.spoken(api.host, api.namespace):
        return api.client.runs.run_service_get_run(run.remote["run_id"])


def update(run: Run, found: Any, say: Say | None = None) -> None:
    """Take over what the server says of a run, and say what changed."""
    details = (found.run_details.task_details if found.run_details else None) or []
    by_name: dict[str, list[Any]] = {}
    for each in details:
        by_name.setdefault(each.display_name or "", []).append(each)
    names = list(dict.fromkeys(re.sub(r" \(\d+\)$", "", step.name) for step in run.steps))
    for name in names:
        tasks = sorted(by_name.get(name, []), key=lambda task: str(task.start_time or ""))
        for number, task in enumerate(tasks, 1):  # a loop has it several times
            _update_step(run, name if number == 1 else f"{name} ({number})", task, details, say)
    state = STATES.get(str(found.state), "running")
    run.status = state if state in OVER else "running"
    if found.error and found.error.message:
        run.reason = " ".join(str(found.error.message).split())[:500]
    if found.finished_at and _year(found.finished_at) > 1971:
        run.seconds = round((found.finished_at - found.created_at).total_seconds(), 1)
    if run.status in OVER:
        for step in run.steps:
            if step.status in ("waiting", "pending", "running"):
                step.status = "skipped" if step.status != "running" else "stopped"


def _year(moment: datetime) -> int:
    return moment.year


def _update_step(run: Run, name: str, task: Any, details: list[Any], say: Say | None) -> None:
    step = next((step for step in run.steps if step.name == name), None)
    if step is None:
        step = Step(name)
        run.steps.append(step)
    before = record.state(step)
    step.status = STATES.get(str(task.state), "waiting")
    drivers = [each for each in details if each.display_name == f"{task.display_name}-driver"]
    # A condition skips its tasks with all that belongs to them; a task alone is skipped for the cache.
    cached = step.status == "skipped" and all(str(each.state) == "SUCCEEDED" for each in drivers)
    if cached:
        step.status = "succeeded"
    if task.start_time and _year(task.start_time) > 1971:
        step.started = task.start_time.isoformat()
        if task.end_time and task.end_time >= task.start_time:
            step.seconds = round((task.end_time - task.start_time).total_seconds(), 1)
    # A task that is served from the cache starts no pod, and a pod takes longer than that to start.
    pods = [each for each in details if each.parent_task_id and each.parent_task_id == task.task_id]
    skipped = any(str(each.state) == "SKIPPED" for each in pods)
    quick = not pods and bool(task.end_time) and step.seconds <= 1
    step.cached = step.status == "succeeded" and (cached or skipped or quick)
    if task.error and task.error.message:
        step.reason = " ".join(str(task.error.message).split())[:500]
    after = record.state(step)
    if say and after != before and after != "waiting":
        took = f"{step.seconds:7.1f} s" if after in (*OVER, "cached") else ""
        say(f"  {name:<14}  {after:<9}{took}".rstrip())


class Kubectl:
    """What only Kubernetes knows of a run's pods, where kubectl reaches the cluster that it is on."""

    def __init__(self, context: str, namespace: str, run_id: str) -> None:
        self._command = ["kubectl", "--context", context, "--namespace", namespace]
        self._run_id = run_id

    @classmethod
    def of(cls, config: Settings, run: Run) -> "Kubectl | None":
        """For this project's cluster on kind or AKS, or what KFP_KUBE_CONTEXT names: no other may be the run's."""
        own = [cluster.context(config), f"{config.project}-aks"]
        local = re.match(r"https?://(localhost|127\.0\.0\.1)\b", run.remote.get("host", ""))
        wanted = [os.environ["KFP_KUBE_CONTEXT"]] if os.environ.get("KFP_KUBE_CONTEXT") else own if local else []
        try:
            known = subprocess.run(["kubectl", "config", "get-contexts", "-o", "name"], capture_output=True, text=True)
        except OSError:
            return None
        context = next((each for each in wanted if each in known.stdout.split()), None)
        if context is None:
            return None
        return cls(context, config.kfp_namespace or "kubeflow", run.remote["run_id"])

    def _ask(self, *arguments: str) -> str:
        command = [*self._command, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=30)
        return result.stdout if result.returncode == 0 else ""

    def _pods(self) -> list[dict[str, Any]]:
        try:
            found = json.loads(self._ask("get", "pods", "-l", f"pipeline/runid={self._run_id}", "-o", "json") or "{}")
        except (ValueError, subprocess.TimeoutExpired):
            return []
        items: list[dict[str, Any]] = found.get("items", [])
        return items

    @staticmethod
    def _step(pod: dict[str, Any]) -> str:
        """The task that a pod belongs to, as in my-run.root.training.executor."""
        annotations: dict[str, str] = pod["metadata"].get("annotations", {})
        path = annotations.get("workflows.argoproj.io/node-name", "").split(".")
        return path[-2] if len(path) > 2 and path[-1].startswith("executor") else path[-1]

    def stuck(self) -> str | None:
        """The step whose pod cannot start, and why."""
        for pod in self._pods():
            status = pod.get("status", {})
            for container in status.get("containerStatuses", []) + status.get("initContainerStatuses", []):
                waiting = container.get("state", {}).get("waiting") or {}
                if waiting.get("reason") in STUCK:
                    why = waiting.get("message") or container.get("image", "")
                    return f"{self._step(pod)} cannot start: {waiting['reason']}: {why}"
            for condition in status.get("conditions", []):
                if condition.get("reason") == "Unschedulable":
                    return f"{self._step(pod)} cannot start: no node takes it: {condition.get('message', '')}"
        return None

    def log(self, step: str) -> str:
        """The log of a step's pod, and the pod's events; empty where there is none any more."""
        for pod in self._pods():
            if self._step(pod) == step:
                name = pod["metadata"]["name"]
                try:
                    log = self._ask("logs", name, "--container", "main", "--tail", "1000")
                    events = self._ask(
                        "get", "events", "--field-selector", f"involvedObject.name={name}", "--no-headers"
                    )
                except subprocess.TimeoutExpired:
                    return ""
                return log + (f"\nevents of pod {name}:\n{events}" if events.strip() and not log.strip() else "")
        return ""


# Beside the local runs


def refresh(config: Settings, say: Say, everything: bool = False) -> None:
    """Bring the records of cluster runs up to date; with `everything`, make those of runs started elsewhere too."""
    api = remote.connect(config, say)
    known = {run.remote["run_id"]: run for run in record.newest_first() if run.remote.get("host") == api.host}
    for run in known.values():
        if run.status == "running":
            update(run, _get(api, run))
            run.save()
    if not everything:
        return
    with remote.spoken(api.host, api.namespace):
        listing = api.client.runs.run_service_list_runs
        found = listing(
            experiment_id=remote.experiment(api, config.experiment), page_size=50, sort_by="created_at desc"
        )
        for each in found.runs or []:
            if each.run_id not in known:
                _adopt(api, each, config)


def _adopt(api: Api, found: Any, config: Settings) -> None:
    """Make the record of a run that a schedule or somebody else has started."""
    whole = api.client.runs.run_service_get_run(found.run_id)
    details = (whole.run_details.task_details if whole.run_details else None) or []
    names = {task.display_name or "" for task in details}
    steps = [name for name in names if f"{name}-driver" in names and name != "root"]
    folder = record.RUNS / f"kfp-{found.run_id[:8]}"
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
