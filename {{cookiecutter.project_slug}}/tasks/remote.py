"""The pipeline on a cluster: the one place that talks to a Kubeflow Pipelines (KFP) API, whichever cluster it is on."""

import contextlib
import hashlib
import json
import os
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit

from .images import engine
from .images.origin import origin
from .images.registry import held
from .project.compiling import import_kfp, sentence, write_compiled
from .project.components import component_of
from .project.parameters import typed
from .project.settings import NAME, Settings
from .terminal import fail

if TYPE_CHECKING:
    from kfp.client import Client
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PlatformSpec

Say = Callable[[str], None]

SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")  # where Kubeflow's notebooks have theirs
HASH = re.compile(r"-([0-9a-f]{8})(-\d+)?")


@dataclass(frozen=True)
class Api:
    """A KFP API that answers: the SDK's client, the host's address, and the namespace (None: it has no users)."""

    client: "Client"
    host: str
    namespace: str | None


# Connecting


def connect(config: Settings, say: Say) -> Api:
    """Connect to `kfp_host` of invoke.yaml, with the token that the environment names, and say where that is.

    A token comes from KFP_TOKEN, from the file that KFP_TOKEN_FILE names, or from the volume of a Kubeflow notebook.
    Raises `Exit` where nothing answers there, or something else than KFP does.
    """
    host = config.kfp_host.rstrip("/")
    if not re.match(r"https?://\S+$", host):
        raise fail(f"invoke.yaml: kfp_host '{host}' must be an address, as in http://localhost:8080.")
    health = _health(host, config)
    namespace = config.kfp_namespace or None
    if health.get("multi_user") and not namespace:
        raise fail(f"{host} is a Kubeflow with users: set kfp_namespace in invoke.yaml to yours.")
    say(f"on {host}" + (f", namespace {namespace}" if namespace else ""))
    import_kfp()
    import kfp
    from kfp.client import Client
    from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials

    server = str(health.get("tag_name") or health.get("apiServerTagName") or "")
    if re.match(r"\d", server) and server.split(".")[:2] != kfp.__version__.split(".")[:2]:
        say(f"warning: the server is KFP {server}, and this project's kfp {kfp.__version__}; what is new may not work")
    Client._LOCAL_KFP_CONTEXT = ""  # a file in the home, which would put another namespace in place of ours
    token, file = os.environ.get("KFP_TOKEN"), _token_file()
    with warnings.catch_warnings(), spoken(host, namespace):
        warnings.simplefilter("ignore")
        client = Client(
            host=host,
            namespace=namespace or "kubeflow",
            existing_token=token,
            credentials=None if token or not file else ServiceAccountTokenVolumeCredentials(str(file)),
            ssl_ca_cert=_authorities(),
        )
    return Api(client, host, namespace)


def _token_file() -> Path | None:
    if name := os.environ.get("KFP_TOKEN_FILE"):
        if not Path(name).is_file():
            raise fail(f"KFP_TOKEN_FILE names {name}, which is no file.")
        return Path(name)
    return SERVICE_ACCOUNT_TOKEN if SERVICE_ACCOUNT_TOKEN.is_file() else None


def _authorities() -> str | None:
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")


def _health(host: str, config: Settings) -> dict[str, Any]:
    """What the server says of itself: KFP's API server, or that of the UI, which hands on the API.

    Asked here and not by the SDK, which tries for half a minute and says little.
    """
    import requests

    token, file = os.environ.get("KFP_TOKEN"), _token_file()
    if not token and file:
        token = file.read_text(encoding="utf-8").strip()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"{host}/apis/v2beta1/healthz"
    try:
        answer = requests.get(url, headers=headers, timeout=(5, 15), allow_redirects=False)
    except requests.RequestException as error:
        raise fail(f"no KFP API answers at {host} ({_reason(error)}). {_next_step(host)}") from None
    if answer.status_code != 200:
        raise fail(_refusal(answer.status_code, answer.text, host, config.kfp_namespace))
    try:
        found = answer.json()
    except ValueError:
        found = None
    if isinstance(found, dict):
        if found.get("apiServerReady") is False:
            raise fail(f"the UI answers at {host}, but the API server behind it does not: inv cluster.status")
        return found
    raise fail(_refusal(302, "", host, config.kfp_namespace))


def _next_step(host: str) -> str:
    if re.match(r"https?://(localhost|127\.)", host):
        return "Start a cluster: inv cluster.up; or name another in invoke.yaml: kfp_host."
    return "Check kfp_host in invoke.yaml, the network, and proxies (HTTPS_PROXY, NO_PROXY)."


def _reason(error: BaseException) -> str:
    """The innermost cause of a failed connection, which is the one that says something."""
    text = str(error)
    found = re.findall(r"(Connection refused|Name or service not known|timed out|certificate verify failed)", text)
    return found[-1].lower() if found else text.rsplit(": ", 1)[-1].strip("'\")(<>")[:200] or type(error).__name__


def _refusal(status: int, body: str, host: str, namespace: str | None) -> str:
    """An HTTP error of a KFP API in one sentence, with what to do."""
    try:
        document = json.loads(body)
        said = str(document.get("message") or document.get("error") or "")
    except (ValueError, AttributeError):
        said = ""
    said = " ".join(said.split())[:300]
    where = f"namespace {namespace}" if namespace else "its namespace"
    if status in (301, 302, 303, 307, 308):
        return (
            f"{host} answers with a page instead of the KFP API: it wants a login, or is something else. "
            "Give a token in KFP_TOKEN, or correct kfp_host in invoke.yaml."
        )
    if status == 401:
        return f"{host} wants a login: give a token in KFP_TOKEN, or a file that holds one in KFP_TOKEN_FILE."
    if status == 403:
        return f"{host} does not let you act in {where}: check kfp_namespace, and your role there. {said}".strip()
    if status == 404:
        return f"{host} has no such thing: {said or 'it may be no KFP API; correct kfp_host in invoke.yaml'}"
    if status >= 500:
        return f"the KFP API at {host} failed ({status}): {said or 'no reason given'}. Try again; inv cluster.status"
    return f"the KFP API at {host} refused it ({status}): {said or 'no reason given'}"


@contextlib.contextmanager
def spoken(host: str, namespace: str | None) -> Iterator[None]:
    """Turn what the SDK raises into `Exit` with one sentence."""
    import urllib3
    from kfp_server_api import ApiException

    try:
        yield
    except ApiException as error:
        raise fail(_refusal(error.status or 500, error.body or error.reason or "", host, namespace)) from None
    except (urllib3.exceptions.HTTPError, ConnectionError) as error:
        raise fail(f"the KFP API at {host} stopped answering ({_reason(error)}). Run the command again.") from None
    except (ValueError, AttributeError, TypeError) as error:  # the SDK, given a page instead of JSON
        raise fail(f"{host} answers what is not KFP's: {sentence(error)}. {_next_step(host)}") from None


def named(name: str) -> str:
    """KFP's filter for things with this name."""
    return json.dumps({"predicates": [{"operation": 1, "key": "display_name", "stringValue": name}]})


def pages(ask: Callable[..., Any], field: str, **query: Any) -> Iterator[Any]:
    """The items of all pages of a listing."""
    token = ""
    while True:
        page = ask(page_token=token, page_size=100, **query)
        yield from getattr(page, field) or []
        token = page.next_page_token or ""
        if not token:
            return


# Versions


@dataclass(frozen=True)
class Version:
    """A version of the pipeline on the server, and the file that it was uploaded from."""

    name: str
    pipeline_id: str
    version_id: str


def find_pipeline(api: Api, config: Settings) -> str | None:
    """The id of this project's pipeline; None where it was never deployed."""
    listed = api.client.pipelines.pipeline_service_list_pipelines(
        namespace=api.namespace, filter=named(config.project), page_size=100
    )
    return next((each.pipeline_id for each in listed.pipelines or []), None)


def versions(api: Api, pipeline_id: str) -> list[Version]:
    """The versions of a pipeline, newest first."""
    ask = api.client.pipelines.pipeline_service_list_pipeline_versions
    found = pages(ask, "pipeline_versions", pipeline_id=pipeline_id, sort_by="created_at desc")
    return [Version(each.display_name, pipeline_id, each.pipeline_version_id) for each in found]


def deploy(api: Api, spec: "PipelineSpec", platform: "PlatformSpec", config: Settings, say: Say) -> Version:
    """Upload the pipeline as a new version, unless the newest is the same; return the version that is the newest now.

    Raises `Exit` where an image of it is not in its registry.
    """
    check_images(spec, say)
    package = write_compiled(spec, platform, config)[0]
    digest = hashlib.sha256(package.read_bytes()).hexdigest()[:8]
    with spoken(api.host, api.namespace):
        pipeline_id = find_pipeline(api, config) or _create_pipeline(api, config)
        known = versions(api, pipeline_id)
        if known and (match := HASH.search(known[0].name)) and match[1] == digest:
            say(f"unchanged: version {known[0].name}")
            return known[0]
        name = _version_name(digest, {version.name for version in known})
        uploaded = api.client.pipeline_uploads.upload_pipeline_version(
            str(package), name=name, pipelineid=pipeline_id, description=_description()
        )
    version = Version(name, pipeline_id, uploaded.pipeline_version_id)
    say(f"deployed version {name}")
    say(f"  {api.host}/#/pipelines/details/{pipeline_id}/version/{version.version_id}")
    return version


def _create_pipeline(api: Api, config: Settings) -> str:
    """Make the pipeline without a version: an upload would name its first one like the pipeline."""
    from kfp_server_api import ApiException, V2beta1Pipeline

    made = V2beta1Pipeline(display_name=config.project, name=config.project, namespace=api.namespace)
    try:
        return str(api.client.pipelines.pipeline_service_create_pipeline(made).pipeline_id)
    except ApiException as error:
        if error.status == 409 and (found := find_pipeline(api, config)):  # somebody else has just made it
            return found
        raise


def _version_name(digest: str, taken: set[str]) -> str:
    """As in 0.1.0-1a2b3c4-5d6e7f80: the project's version, the commit and the hash of what is uploaded."""
    where = origin()
    commit = where["REVISION"][:7] or "nogit"
    name = f"{where['VERSION'] or '0'}-{commit}-{digest}"
    number = 1
    while (numbered := name if number == 1 else f"{name}-{number}") in taken:  # an older one that came back
        number += 1
    return numbered


def _description() -> str:
    where = origin()
    return f"{where['SOURCE']} {where['REVISION']}".strip()


def images_of(spec: "PipelineSpec") -> list[str]:
    """The images of a compiled pipeline, each once."""
    executors = spec.deployment_spec["executors"]
    return list(
        dict.fromkeys(executors[label]["container"]["image"] for label in executors if "container" in executors[label])
    )


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


# Schedules


@dataclass(frozen=True)
class Schedule:
    """A recurring run as invoke.yaml wants it. `cron` has six fields, seconds first; `every` is in seconds."""

    name: str
    cron: str
    every: int
    parameters: dict[str, Any]
    enabled: bool

    def when(self) -> str:
        return f"cron {self.cron}" if self.cron else f"every {self.every} s"


def schedules(config: Settings, spec: "PipelineSpec") -> list[Schedule]:
    """The checked schedules of invoke.yaml. Raises `Exit` for a slip in one."""
    from .project.task_settings import seconds

    known = {name: part.parameter_type for name, part in spec.root.input_definitions.parameters.items()}
    found = []
    for name, values in config.schedules.items():
        where = f"invoke.yaml: schedules: {name}"
        if not NAME.fullmatch(str(name)):
            raise fail(f"{where}: name it with lower-case letters, digits and dashes.")
        if not isinstance(values, dict) or set(values) - {"cron", "every", "parameters", "enabled"}:
            raise fail(f"{where} takes cron or every, and parameters and enabled.")
        if ("cron" in values) == ("every" in values):
            raise fail(f"{where} takes either cron or every.")
        cron = " ".join(str(values.get("cron", "")).split())
        fields = len(cron.split())
        if cron and (fields not in (5, 6) or not re.fullmatch(r"[\d*/,\-?A-Za-z# ]+", cron)):
            raise fail(f"{where}: cron takes 5 fields, or 6 with seconds first, as in '0 6 * * 1-5', not '{cron}'.")
        try:
            every = seconds(str(values["every"])) if "every" in values else 0
        except ValueError:
            raise fail(f"{where}: every takes a time, as in 90s, 30m, 6h or 1d, not '{values['every']}'.") from None
        given = values.get("parameters") or {}
        if not isinstance(given, dict):
            raise fail(f"{where}: parameters must be lines of 'name: value'.")
        if not isinstance(values.get("enabled", True), bool):
            raise fail(f"{where}: enabled takes true or false.")
        parameters = {key: typed(key, value, known, where) for key, value in given.items()}
        # A schedule is there to see what is new: KFP puts the time here, so that no source is served from the cache.
        stamps = {key: "[[CurrentTime]]" for key in known if key.removesuffix("_fingerprint") in known.keys() - {key}}
        cron = f"0 {cron}" if fields == 5 else cron
        found.append(Schedule(name, cron, every, stamps | parameters, values.get("enabled", True)))
    return found


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


def experiment(api: Api, name: str) -> str:
    """The id of an experiment, which is made where there is none of that name."""
    from kfp_server_api import ApiException, V2beta1Experiment

    experiments = api.client.experiments

    def find() -> str | None:
        listed = experiments.experiment_service_list_experiments(
            namespace=api.namespace, filter=named(name), page_size=100
        )
        return next((str(each.experiment_id) for each in listed.experiments or []), None)

    if found := find():
        return found
    try:
        made = V2beta1Experiment(display_name=name, namespace=api.namespace)
        return str(experiments.experiment_service_create_experiment(made).experiment_id)
    except ApiException as error:
        if error.status == 409 and (found := find()):
            return found
        raise
