"""The versions of the pipeline on a server: looked up, and uploaded where it changed."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from invoke.exceptions import Exit

from ..clusters.pulling import pull_ahead
from ..images import engine
from ..images.origin import origin
from ..images.registry import held
from ..project.compiling import images_of, write_compiled
from ..project.components import component_of
from ..project.pipelines import Compiled
from ..project.settings import Settings
from ..terminal import fail
from .answers import told
from .connect import Api
from .limits import VERSION, check_text
from .listing import named, pages
from .ownership import check_own, description
from .refusals import spoken

Say = Callable[[str], None]

HASH = re.compile(r"-([0-9a-f]{8})(-\d+)?")


@dataclass(frozen=True)
class Version:
    """A version of the pipeline on the server, and the file that it was uploaded from."""

    name: str
    pipeline_id: str
    version_id: str
    description: str = ""


def find_pipeline(api: Api, title: str) -> str | None:
    """The id of the pipeline that is called so; None where it was never deployed."""
    listed = api.client.pipelines.pipeline_service_list_pipelines(
        namespace=api.namespace, filter=named(title), page_size=100
    )
    return next((told(each, "pipeline_id").pipeline_id for each in listed.pipelines or []), None)


def versions(api: Api, pipeline_id: str) -> list[Version]:
    """The versions of a pipeline, newest first."""
    ask = api.client.pipelines.pipeline_service_list_pipeline_versions
    found = pages(ask, "pipeline_versions", pipeline_id=pipeline_id, sort_by="created_at desc")
    whole = [told(each, "display_name", "pipeline_version_id") for each in found]
    return [Version(v.display_name, pipeline_id, v.pipeline_version_id, v.description or "") for v in whole]


def deploy(
    api: Api, pipelines: Sequence[Compiled], config: Settings, say: Say, yes: bool = False, take_over: bool = False
) -> list[Version]:
    """Upload each pipeline as a new version, unless its newest is the same; return their newest versions.

    A cluster on kind begins to pull their images. Raises `Exit` where an image of one is not in its registry, and where
    one is another repository's, before any is uploaded.
    """
    from google.protobuf.json_format import MessageToDict

    for each in pipelines:
        check_text("pipeline.py", json.dumps(MessageToDict(each.spec), ensure_ascii=False))
    check_images(pipelines, say)
    packages = write_compiled(pipelines, config)
    newest, changed = list[Version](), list[str]()
    with spoken(api.host, api.namespace):
        there = [_there(api, each.title, yes, take_over) for each in pipelines]
        for each, package, found in zip(pipelines, packages, there, strict=False):  # components come after
            pipeline_id, known, own = found
            of = f"{each.title}: " if len(pipelines) > 1 else ""
            digest = hashlib.sha256(package.read_bytes()).hexdigest()[:8]
            if own and (match := HASH.search(known[0].name)) and match[1] == digest:
                newest.append(known[0])
                say(f"{of}unchanged: version {known[0].name}")
                continue
            pipeline_id = pipeline_id or _create_pipeline(api, each.title)
            newest.append(_upload(api, pipeline_id, package, _version_name(digest, {v.name for v in known})))
            changed += [image for image in images_of(each.spec) if component_of(image)]
            say(f"{of}deployed version {newest[-1].name}")
            say(f"  {api.host}/#/pipelines/details/{newest[-1].pipeline_id}/version/{newest[-1].version_id}")
    pull_ahead(config, dict.fromkeys(changed))
    return newest


def _there(api: Api, title: str, yes: bool, take_over: bool) -> tuple[str | None, list[Version], bool]:
    """The id of a pipeline, its versions, newest first, and whether they say that they are this repository's.

    Raises `Exit` where they are another's.
    """
    pipeline_id = find_pipeline(api, title)
    known = versions(api, pipeline_id) if pipeline_id else []
    own = bool(known) and check_own(api.host, title, [each.description for each in known], yes, take_over)
    return pipeline_id, known, own


def _upload(api: Api, pipeline_id: str, package: Path, name: str) -> Version:
    """Upload the file of a pipeline as a version of that name."""
    uploaded = api.client.pipeline_uploads.upload_pipeline_version(
        str(package), name=name, pipelineid=pipeline_id, description=description()
    )
    return Version(name, pipeline_id, told(uploaded, "pipeline_version_id").pipeline_version_id)


def _create_pipeline(api: Api, title: str) -> str:
    """Make the pipeline without a version: an upload would name its first one like the pipeline."""
    from kfp_server_api import ApiException, V2beta1Pipeline

    made = V2beta1Pipeline(display_name=title, name=title, namespace=api.namespace)
    try:
        return str(told(api.client.pipelines.pipeline_service_create_pipeline(made), "pipeline_id").pipeline_id)
    except ApiException as error:
        if error.status == 409 and (found := find_pipeline(api, title)):  # somebody else has just made it
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


def check_images(pipelines: Sequence[Compiled], say: Say) -> None:
    """See to it that the registry has this project's images, since KFP waits for ever for one that is missing.

    Raises `Exit` with those that are missing. Where no Docker engine answers, nothing can be asked with its logins.
    """
    own = list(dict.fromkeys(i for each in pipelines for i in images_of(each.spec) if component_of(i)))
    try:
        client = engine.connect()
    except Exit:
        say("the images were not looked for in the registry: no Docker engine answers")
        return
    missing = [image for image in own if held(client, image) is None]
    if missing:
        names = ", ".join(component_of(image) or "" for image in missing)
        raise fail(f"the registry does not hold the images of: {names}. Push them: inv push")
