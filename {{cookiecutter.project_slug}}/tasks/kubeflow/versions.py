"""The versions of the pipeline on a server: looked up, and uploaded where it changed."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from ..clusters.pulling import pull_ahead
from ..images import engine
from ..images.origin import origin
from ..images.registry import held
from ..project.compiling import images_of, write_compiled
from ..project.components import component_of
from ..project.settings import Settings
from ..terminal import fail
from .answers import told
from .connect import Api
from .limits import VERSION, check_text
from .listing import named, pages
from .ownership import check_own, description
from .refusals import spoken

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PlatformSpec

Say = Callable[[str], None]

HASH = re.compile(r"-([0-9a-f]{8})(-\d+)?")


@dataclass(frozen=True)
class Version:
    """A version of the pipeline on the server, and the file that it was uploaded from."""

    name: str
    pipeline_id: str
    version_id: str
    description: str = ""


def find_pipeline(api: Api, config: Settings) -> str | None:
    """The id of this project's pipeline; None where it was never deployed."""
    listed = api.client.pipelines.pipeline_service_list_pipelines(
        namespace=api.namespace, filter=named(config.project), page_size=100
    )
    return next((told(each, "pipeline_id").pipeline_id for each in listed.pipelines or []), None)


def versions(api: Api, pipeline_id: str) -> list[Version]:
    """The versions of a pipeline, newest first."""
    ask = api.client.pipelines.pipeline_service_list_pipeline_versions
    found = pages(ask, "pipeline_versions", pipeline_id=pipeline_id, sort_by="created_at desc")
    whole = [told(each, "display_name", "pipeline_version_id") for each in found]
    return [Version(v.display_name, pipeline_id, v.pipeline_version_id, v.description or "") for v in whole]


def deploy(
    api: Api,
    spec: "PipelineSpec",
    platform: "PlatformSpec",
    config: Settings,
    say: Say,
    yes: bool = False,
    take_over: bool = False,
) -> Version:
    """Upload the pipeline as a new version, unless the newest is the same; return the version that is the newest now.

    A cluster on kind begins to pull its images. Raises `Exit` where an image of it is not in its registry, and where
    the pipeline is another repository's.
    """
    from google.protobuf.json_format import MessageToDict

    check_text("pipeline.py", json.dumps(MessageToDict(spec), ensure_ascii=False))
    check_images(spec, say)
    package = write_compiled(spec, platform, config)[0]
    digest = hashlib.sha256(package.read_bytes()).hexdigest()[:8]
    with spoken(api.host, api.namespace):
        pipeline_id = find_pipeline(api, config) or _create_pipeline(api, config)
        known = versions(api, pipeline_id)
        own = not known or check_own(api.host, [each.description for each in known], config, yes, take_over)
        if own and known and (match := HASH.search(known[0].name)) and match[1] == digest:
            say(f"unchanged: version {known[0].name}")
            return known[0]
        name = _version_name(digest, {version.name for version in known})
        uploaded = api.client.pipeline_uploads.upload_pipeline_version(
            str(package), name=name, pipelineid=pipeline_id, description=description()
        )
        version = Version(name, pipeline_id, told(uploaded, "pipeline_version_id").pipeline_version_id)
    pull_ahead(config, [image for image in images_of(spec) if component_of(image)])
    say(f"deployed version {name}")
    say(f"  {api.host}/#/pipelines/details/{pipeline_id}/version/{version.version_id}")
    return version


def _create_pipeline(api: Api, config: Settings) -> str:
    """Make the pipeline without a version: an upload would name its first one like the pipeline."""
    from kfp_server_api import ApiException, V2beta1Pipeline

    made = V2beta1Pipeline(display_name=config.project, name=config.project, namespace=api.namespace)
    try:
        return str(told(api.client.pipelines.pipeline_service_create_pipeline(made), "pipeline_id").pipeline_id)
    except ApiException as error:
        if error.status == 409 and (found := find_pipeline(api, config)):  # somebody else has just made it
            return found
        raise


def _version_name(digest: str, taken: set[str]) -> str:
    """As in 0.1.0-1a2b3c4-5d6e7f80: the project's version, the commit and the hash of what is uploaded."""
    where = origin()
    commit = where["REVISION"][:7] or "nogit"
    name = f"{(where['VERSION'] or '0')[: VERSION - 30]}-{commit}-{digest}"
    number = 1
    while (numbered := name if number == 1 else f"{name}-{number}") in taken:  # an older one that came back
        number += 1
    return numbered


def check_images(spec: "PipelineSpec", say: Say) -> None:
    """See to it that the registry has this project's images, since KFP waits for ever for one that is missing.

    Raises `Exit` with those that are missing. Where no Docker engine answers, nothing can be asked with its logins.
    """
    own = [image for image in images_of(spec) if component_of(image)]
    try:
        client = engine.connect()
    except Exit:
        say("the images were not looked for in the registry: no Docker engine answers")
        return
    missing = [image for image in own if held(client, image) is None]
    if missing:
        names = ", ".join(component_of(image) or "" for image in missing)
        raise fail(f"the registry does not hold the images of: {names}. Push them: inv push")
