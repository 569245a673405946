"""Runs started on a cluster, with a record of their own beside those of local runs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit

from ..project.compiling import images_of, without_credentials
from ..project.components import by_component
from ..project.parameters import own_defaults
from ..project.pipelines import Compiled
from ..project.settings import Settings
from ..project.settings_files import acting
from ..report import graph
from ..runs.record import Run, create
from ..terminal import fail
from .answers import told
from .connect import Api
from .experiments import find_or_make
from .limits import check_account, check_run
from .progress import expected
from .refusals import spoken
from .store import lost, said
from .versions import Version

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PlatformSpec

Say = Callable[[str], None]


def start(
    api: Api,
    version: Version,
    compiled: Compiled,
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

    check_run(parameters, name)
    check_account(config)
    spec, nodes = compiled.spec, graph.nodes_of(compiled.spec)
    if cache and (gone := lost(api)):
        raise fail(f"{said(gone)}.")
    if cache:
        reference = {"pipeline_id": version.pipeline_id, "pipeline_version_id": version.version_id}
        what = {"pipeline_version_reference": V2beta1PipelineVersionReference(**reference)}
    else:  # KFP takes the cache's switch from the pipeline alone, so the run brings its own
        what = {"pipeline_spec": _without_cache(spec, compiled.platform)}
    run = create(
        pipeline=compiled.title,
        function=compiled.name,
        engine="cluster",
        parameters=parameters,
        images=by_component(images_of(spec)),
        template_version=config.template_version,
        environment=acting(),
        command=command,
        steps=expected(nodes),
        defaults=own_defaults(spec),
        graph=nodes,
        groups=graph.groups_of(spec),
    )
    try:
        with spoken(api.host, api.namespace, "Whether it has started the run, says: inv runs --on cluster"):
            body = V2beta1Run(
                experiment_id=find_or_make(api, experiment),
                display_name=name or f"{compiled.title} {run.id}",
                description=f"version {version.name}",
                runtime_config=V2beta1RuntimeConfig(parameters=parameters),
                service_account=config.service_account or None,
                **what,
            )
            run_id = told(api.client.runs.run_service_create_run(body), "run_id").run_id
    except Exit:
        for folder in (run.folder / "logs", run.folder):
            folder.rmdir()
        raise
    run.pid = None  # it does not end with this process
    run.remote = api.remote(run_id, version.name)
    run.save()
    say(f"run {run.id} on cluster\n  {run.remote['url']}")
    return run


def _without_cache(spec: "PipelineSpec", platform: "PlatformSpec") -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict

    copy = type(spec)()
    copy.CopyFrom(without_credentials(spec))
    for dag in [copy.root.dag, *(part.dag for part in copy.components.values() if part.HasField("dag"))]:
        for task in dag.tasks.values():
            task.caching_options.enable_cache = False
    document = MessageToDict(copy)
    placed = MessageToDict(platform)
    return {"pipeline_spec": document, "platform_spec": placed} if placed else document
