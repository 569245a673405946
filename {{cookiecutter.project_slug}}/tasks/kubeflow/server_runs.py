"""The runs of a server beside the local ones: asked for, brought up to date, and adopted where others started them."""

from collections.abc import Callable
from typing import Any

import yaml

from ..project.parameters import own_defaults
from ..project.pipelines import name_of
from ..project.settings import Settings
from ..report import graph
from ..runs.record import RUNS, Run, newest_first
from .answers import NotWhole, document, told
from .connect import Api, Refused, connect, fetched
from .experiments import find
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
            return told(api.client.runs.run_service_get_run(run_id), "run_id", "created_at")
        except ApiException as error:
            if error.status == 404:
                return None
            raise


def get_workflow(api: Api, run: Run, kubectl: Kubectl | None) -> Workflow | None:
    """The run's workflow from the API's first version, or else from Kubernetes; None where neither gives it.

    Raises `NotWhole` where what comes is half of one: that is no run without a workflow.
    """
    _, manifest = _first_version(api, run.remote["run_id"])
    try:
        found = read(document(manifest)) if manifest else None
        return found or (read(kubectl.workflow()) if kubectl else None)
    except (KeyError, TypeError, AttributeError) as error:
        raise NotWhole(f"half an answer: a workflow that lacks {error}") from None


def _first_version(api: Api, run_id: str) -> tuple[str, str]:
    """The compiled pipeline and the workflow of a run, which version 2 of the API does not give; empty without them.

    Raises `NotWhole` for half an answer.
    """
    try:
        answer = fetched(api, f"/apis/v1beta1/runs/{run_id}", LARGEST)
    except Refused:
        return "", ""
    except OSError as error:
        raise NotWhole(f"no whole answer ({error})") from None
    if len(answer) >= LARGEST:  # as it would be the next time
        return "", ""
    found = document(answer)
    try:
        pipeline = found["run"].get("pipeline_spec", {}).get("pipeline_manifest", "")
        return str(pipeline), str(found.get("pipeline_runtime", {}).get("workflow_manifest", ""))
    except (KeyError, AttributeError):
        raise NotWhole("half an answer: a run without its parts") from None


def refresh(config: Settings, say: Say, everything: bool = False) -> list[str]:
    """Bring the records of cluster runs up to date; with `everything`, make those of runs started elsewhere too.

    Returns a sentence for each run of which the server gave half an answer: it stays as it was, for the next time.
    """
    api = connect(config, say)
    known = {run.remote["run_id"]: run for run in newest_first() if run.remote.get("host") == api.host}
    wanted: list[tuple[str, Run | None]] = [(id, run) for id, run in known.items() if run.status == "running"]
    if everything:
        with spoken(api.host, api.namespace):
            listing = api.client.runs.run_service_list_runs
            experiment = find(api, config.experiment)
            found = listing(experiment_id=experiment, page_size=50, sort_by="created_at desc") if experiment else None
            listed = [told(each, "run_id").run_id for each in (found and found.runs) or []]
        # The oldest first: what is served from the cache comes from an older one.
        wanted += [(run_id, None) for run_id in reversed(listed) if run_id not in known]
    problems = []
    for run_id, run in wanted:
        try:
            if run:
                _take_over(api, run, get_run(api, run_id), config)
            else:
                _adopt(api, run_id, config)
        except NotWhole as error:
            problems.append(f"of run {run_id}, {api.host} gave {error}")
    return problems


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
    with spoken(api.host, api.namespace):
        workflow = get_workflow(api, run, kubectl)
    conclude(api, run, workflow, kubectl, everything=True)
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
    if called := spec.pipeline_info.name:
        run.pipeline, run.function = called, name_of(called, run.pipeline)
    run.graph, run.groups = graph.nodes_of(spec), graph.groups_of(spec)
    run.steps = expected(run.graph)
    run.defaults = own_defaults(spec)
