"""The runs of a server beside the local ones: asked for, brought up to date, and adopted where others started them."""

import json
from collections.abc import Callable
from typing import Any

import yaml

from ..project.parameters import own_defaults
from ..project.settings import Settings
from ..report import graph
from ..runs.record import RUNS, Run, newest_first
from .connect import Api, connect, fetched
from .experiments import experiment
from .outcome import conclude
from .pods import Kubectl
from .progress import OVER, expected, update
from .refusals import spoken
from .workflow import Workflow, decoded, read

Say = Callable[[str], None]

LARGEST = 64 * 2**20  # bytes of a run with its workflow
GONE = "it is gone from the server"


def get_run(api: Api, run_id: str) -> Any:
    """What the server says of a run; None where there is none of that id any more."""
    from kfp_server_api import ApiException

    with spoken(api.host, api.namespace):
        try:
            return api.client.runs.run_service_get_run(run_id)
        except ApiException as error:
            if error.status == 404:
                return None
            raise


def get_workflow(api: Api, run: Run, kubectl: Kubectl | None) -> Workflow | None:
    """The run's workflow from the API's first version, or else from Kubernetes; None where neither gives it."""
    _, manifest = _first_version(api, run.remote["run_id"])
    return read(manifest) or (read(kubectl.workflow()) if kubectl else None)


def _first_version(api: Api, run_id: str) -> tuple[str, str]:
    """The compiled pipeline and the workflow of a run, which version 2 of the API does not give; empty without them."""
    try:
        document = json.loads(fetched(api, f"/apis/v1beta1/runs/{run_id}", LARGEST))
        pipeline = document["run"].get("pipeline_spec", {}).get("pipeline_manifest", "")
        return str(pipeline), str(document.get("pipeline_runtime", {}).get("workflow_manifest", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "", ""


def refresh(config: Settings, say: Say, everything: bool = False) -> None:
    """Bring the records of cluster runs up to date; with `everything`, make those of runs started elsewhere too."""
    api = connect(config, say)
    known = {run.remote["run_id"]: run for run in newest_first() if run.remote.get("host") == api.host}
    for run in known.values():
        if run.status == "running":
            _take_over(api, run, get_run(api, run.remote["run_id"]), config)
    if not everything:
        return
    with spoken(api.host, api.namespace):
        listing = api.client.runs.run_service_list_runs
        found = listing(experiment_id=experiment(api, config.experiment), page_size=50, sort_by="created_at desc")
    for each in reversed(found.runs or []):  # the oldest first: what is served from the cache comes from an older one
        if each.run_id not in known:
            _adopt(api, each.run_id, config)


def _take_over(api: Api, run: Run, found: Any, config: Settings) -> None:
    """Take over what the server says of a run; where it is over, with its metrics and the reason for a failure."""
    if found is None:
        run.status, run.reason = "stopped", GONE
        run.end_steps()
    else:
        kubectl = Kubectl.of(config, run)
        workflow = get_workflow(api, run, kubectl)
        update(run, found, workflow)
        if run.status in OVER:
            conclude(api, run, workflow, kubectl)
    run.save()


def complete(config: Settings, run: Run) -> None:
    """See to it that a run that is over has its logs and reports here; asked for once, and quiet without a server."""
    if run.status not in OVER or run.remote.get("kept") == "all" or run.reason == GONE:
        return
    api = connect(config, lambda _: None)
    if api.host != run.remote["host"] or get_run(api, run.remote["run_id"]) is None:
        return
    kubectl = Kubectl.of(config, run)
    conclude(api, run, get_workflow(api, run, kubectl), kubectl, everything=True)
    run.save()


def _adopt(api: Api, run_id: str, config: Settings) -> None:
    """Make the record of a run that a schedule or somebody else has started."""
    found = get_run(api, run_id)
    if found is None:
        return
    folder = RUNS / f"kfp-{run_id[:8]}"
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    parameters = (found.runtime_config.parameters if found.runtime_config else None) or {}
    run = Run(
        id=folder.name,
        pipeline=config.project,
        engine="cluster",
        parameters={name: value for name, value in parameters.items()},
        command=found.display_name or "",
        started=found.created_at.isoformat() if found.created_at else "",
        remote=api.remote(run_id, found.description or ""),
    )
    pipeline, _ = _first_version(api, run_id)
    _draw(run, pipeline)
    _take_over(api, run, found, config)


def _draw(run: Run, pipeline: str) -> None:
    """Give a record the graph and the defaults of its compiled pipeline, as text of YAML or JSON."""
    from google.protobuf.json_format import ParseDict, ParseError
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

    try:
        document = decoded(pipeline) or next(iter(yaml.safe_load_all(pipeline)), {}) or {}
        spec = ParseDict(document.get("pipeline_spec", document), PipelineSpec(), ignore_unknown_fields=True)
    except (yaml.YAMLError, ParseError, AttributeError):
        return
    run.graph, run.groups = graph.nodes_of(spec), graph.groups_of(spec)
    run.steps = expected(run.graph)
    run.defaults = own_defaults(spec)
