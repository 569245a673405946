"""The connection to a KFP API: where it is, with which token, and whether it answers."""

import contextlib
import os
import re
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..project.compiling import import_kfp
from ..project.settings import Settings
from ..terminal import fail
from .answers import insist
from .refusals import next_step, reason, refusal, spoken

if TYPE_CHECKING:
    from kfp.client import Client

Say = Callable[[str], None]

SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")  # where Kubeflow's notebooks have theirs


class Refused(OSError):
    """What a server answers instead of what was asked for."""


@dataclass(frozen=True)
class Api:
    """A KFP API that answers: the SDK's client, the host's address, and the namespace (None: it has no users)."""

    client: "Client"
    host: str
    namespace: str | None

    def remote(self, run_id: str, version: str) -> dict[str, str]:
        """What a record says of a run on it: where it is, of which version of the pipeline, and its page in the UI."""
        url = f"{self.host}/#/runs/details/{run_id}"
        return {"host": self.host, "run_id": run_id, "version": version, "url": url}


def connect(config: Settings, say: Say) -> Api:
    """Connect to `kfp_host` of invoke.yaml, with the token that the environment names, and say where that is.

    A token comes from KFP_TOKEN, from the file that KFP_TOKEN_FILE names, or from the volume of a Kubeflow notebook.
    Raises `Exit` where nothing answers there, or something else than KFP does.
    """
    host = config.kfp_host.rstrip("/")
    if not re.match(r"https?://\S+$", host):
        raise fail(f"invoke.yaml: kfp_host '{host}' must be an address, as in http://localhost:8080.")
    _check_token(host, config)
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
    insist(client.runs.api_client)  # one for all of the client's services
    return Api(client, host, namespace)


def _check_token(host: str, config: Settings) -> None:
    """Raises `Exit` for a token of this environment that would go over a network for everybody to read.

    That of a Kubeflow notebook's volume is of its cluster, and stays in it.
    """
    name = next((name for name in ("KFP_TOKEN", "KFP_TOKEN_FILE") if os.environ.get(name)), "")
    address = urlsplit(host)
    machine = (address.hostname or "").rstrip(".")
    here = machine in ("localhost", "::1") or machine.endswith(".localhost") or re.fullmatch(r"127(\.\d+){3}", machine)
    if name and address.scheme.lower() == "http" and not here and not config.kfp_token_over_http:
        raise fail(
            f"{name} would go to {host} unencrypted, for everybody on the way to read: give kfp_host an https address, "
            "or a tunnel's on localhost; or allow it with kfp_token_over_http: true in invoke.yaml."
        )


def _token_file() -> Path | None:
    if name := os.environ.get("KFP_TOKEN_FILE"):
        if not Path(name).is_file():
            raise fail(f"KFP_TOKEN_FILE names {name}, which is no file.")
        return Path(name)
    return SERVICE_ACCOUNT_TOKEN if SERVICE_ACCOUNT_TOKEN.is_file() else None


def _authorities() -> str | None:
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")


def _headers() -> dict[str, str]:
    token, file = os.environ.get("KFP_TOKEN"), _token_file()
    if not token and file:
        token = file.read_text(encoding="utf-8").strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


def fetched(api: Api, path: str, most: int, **query: str) -> bytes:
    """What is at a path of the host that the SDK knows nothing of, at most so many bytes of it; raises as `chunks`."""
    found = b""
    with contextlib.closing(chunks(api, path, None, **query)) as coming:
        for chunk in coming:
            found += chunk
            if len(found) >= most:
                break
    return found[:most]


def chunks(api: Api, path: str, headers: dict[str, str] | None = None, **query: str) -> Generator[bytes]:
    """All of it, piece by piece; the answer's headers are put into `headers`.

    Raises `OSError` with the reason where there is no answer, and `Refused` where there is nothing or no right to it.
    """
    import requests

    if api.namespace:
        query["namespace"] = api.namespace
    try:
        with requests.get(
            f"{api.host}{path}", params=query, headers=_headers(), timeout=(5, 60), allow_redirects=False, stream=True
        ) as answer:
            page = "text/html" in answer.headers.get("Content-Type", "") and "/apis/" in path  # of a login
            if answer.status_code != 200 or page:
                raise Refused(f"{path.rstrip('/')} answers {'with a page' if page else answer.status_code}")
            if headers is not None:
                headers.update(answer.headers)
            yield from answer.iter_content(64 * 1024)
    except requests.RequestException as error:  # which is an OSError too, with many words
        raise OSError(reason(error)) from None


def _health(host: str, config: Settings) -> dict[str, Any]:
    """What the server says of itself: KFP's API server, or that of the UI, which hands on the API.

    Asked here and not by the SDK, which tries for half a minute and says little.
    """
    import requests

    url = f"{host}/apis/v2beta1/healthz"
    try:
        answer = requests.get(url, headers=_headers(), timeout=(5, 15), allow_redirects=False)
    except requests.RequestException as error:
        raise fail(f"no KFP API answers at {host} ({reason(error)}). {next_step(host)}") from None
    if answer.status_code != 200:
        raise fail(refusal(answer.status_code, answer.text, host, config.kfp_namespace))
    try:
        found = answer.json()
    except ValueError:
        found = None
    if isinstance(found, dict):
        if found.get("apiServerReady") is False:
            raise fail(f"the UI answers at {host}, but the API server behind it does not: inv cluster.status")
        return found
    raise fail(refusal(302, "", host, config.kfp_namespace))
