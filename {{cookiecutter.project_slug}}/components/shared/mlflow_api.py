"""What is asked of an MLflow server: its REST API (mlflow.org/docs/latest/rest-api.html), versions 2 and 3.

Who asks is said by MLFLOW_TRACKING_TOKEN, or by MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, as to MLflow's
own client. That client is a dozen requests here, for which it would bring every project 15 packages.
"""

import json
import os
import shutil
import ssl
import time
from base64 import b64encode
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPSHandler, Request, build_opener

from shared.masking import learn, masked
from shared.objects import Taken
from shared.redirects import Staying
from shared.step import StepError

T = TypeVar("T")
API, FILES = "/api/2.0/mlflow/", "/api/2.0/mlflow-artifacts/artifacts/"
WAITS = (0, 1, 3)  # seconds before each try
BUSY = (429, 502, 503, 504)  # answers after which another try may help
LONGEST = 300  # letters of what a server says


class Refused(StepError):
    """The server does not do what it was asked; `code` is MLflow's own word for why."""

    def __init__(self, said: str, code: str) -> None:
        super().__init__(said)
        self.code = code


class Mlflow:
    """An MLflow server. Raises StepError where it cannot be asked, Refused where it says no."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._headers = _credentials(self.address)
        certificates = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or None
        try:
            self._opener = build_opener(Staying, HTTPSHandler(context=ssl.create_default_context(cafile=certificates)))
        except OSError as problem:
            raise StepError(
                f"MLFLOW_TRACKING_SERVER_CERT_PATH names no file of certificates: {problem}. Correct it."
            ) from problem

    def get(self, what: str, **query: str) -> dict[str, Any]:
        return self._json("GET", f"{API}{what}?{urlencode(query)}")

    def post(self, what: str, **content: Any) -> dict[str, Any]:
        return self._json("POST", API + what, content)

    def make(self, what: str, **content: str) -> dict[str, Any]:
        """Have something made that has a name. Raises Taken where there is one."""
        try:
            return self.post(what, **content)
        except Refused as problem:
            raise (Taken() if problem.code == "RESOURCE_ALREADY_EXISTS" else problem) from None

    def delete(self, what: str, **content: Any) -> dict[str, Any]:
        return self._json("DELETE", API + what, content)

    def upload(self, path: Path, key: str) -> None:
        """Have the server keep a file among its artifacts."""

        def put() -> None:
            with path.open("rb") as file:
                headers = {"Content-Type": "application/octet-stream", "Content-Length": str(path.stat().st_size)}
                self._open(Request(self.address + FILES + quote(key), file, headers, method="PUT")).close()

        self._told(put, again=True)

    def download(self, key: str, target: Path) -> None:
        """Copy a file of the server's artifacts. Raises FileNotFoundError."""

        def copied() -> None:
            with self._open(Request(self.address + FILES + quote(key))) as answer, target.open("wb") as file:
                shutil.copyfileobj(answer, file, 1 << 20)

        try:
            self._told(copied, again=True)
        except Refused as problem:
            if problem.code == "RESOURCE_DOES_NOT_EXIST" or not self._lists(key):  # MLflow 2 has no word for it
                raise FileNotFoundError(key) from problem
            raise

    def _lists(self, key: str) -> bool:
        """Whether the server's artifacts have a file, or may have it."""
        folder, _, name = key.rpartition("/")
        try:
            listed = self._json("GET", f"{FILES.rstrip('/')}?{urlencode({'path': folder})}").get("files", [])
        except Refused:
            return True
        return name in [str(each.get("path", "")).rpartition("/")[2] for each in listed]

    def _json(self, method: str, what: str, content: Any = None) -> dict[str, Any]:
        data = None if content is None else json.dumps(content).encode()
        request = Request(self.address + what, data, {"Content-Type": "application/json"}, method=method)

        def asked() -> dict[str, Any]:
            with self._open(request) as answer:
                found = json.loads(answer.read() or b"{}")
            if not isinstance(found, dict):
                raise ValueError("it is no object")
            return found

        return self._told(asked, again=method == "GET")

    def _open(self, request: Request) -> Any:
        for name, value in self._headers.items():
            request.add_unredirected_header(name, value)
        return self._opener.open(request, timeout=60)

    @property
    def _named(self) -> str:
        return f"MLflow at {masked(self.address)!r}"

    def _told(self, work: Callable[[], T], again: bool) -> T:
        """Do what asks the server; `again` says that it may be done twice."""
        for wait in WAITS if again else WAITS[:1]:
            time.sleep(wait)
            try:
                return work()
            except HTTPError as answer:
                problem: StepError = self._refused(answer)
                if answer.code not in BUSY:
                    break
            except ValueError:
                problem = StepError(f"{self._named} does not answer as MLflow does. Check the address.")
                break
            except (OSError, HTTPException) as fault:
                said = masked(str(getattr(fault, "reason", "") or fault or type(fault).__name__))
                problem = StepError(f"{self._named} cannot be reached: {said}. Check the address and the network.")
        raise problem

    def _refused(self, answer: HTTPError) -> Refused:
        if answer.code in (401, 403):
            remedy = "Give MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD, of who may do this"
            return Refused(f"{self._named} refuses who asks ({answer.code}). {remedy}.", str(answer.code))
        if 300 <= answer.code < 400:
            where = masked(answer.headers.get("Location", "elsewhere"))
            return Refused(f"{self._named} sends on to {where!r}. Give the address itself.", str(answer.code))
        try:
            said = json.loads(answer.read())
            code, why = str(said["error_code"]), " ".join(str(said["message"]).split())
        except (ValueError, TypeError, KeyError, OSError, HTTPException):
            said = f"{self._named} gave an answer that is none of MLflow's: {answer.code}"
            return Refused(f"{said}. Check the address.", str(answer.code))
        return Refused(f"{self._named} says no: {masked(why)[:LONGEST].rstrip('.')}. Mend that there.", code)


def _credentials(address: str) -> dict[str, str]:
    """The header that says who asks. Raises StepError where that would go over the network for all to read."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StepError(f"mlflow: {masked(address)!r} is no address of http or https. Correct it in invoke.yaml.")
    if parts.username or parts.password:
        raise StepError("mlflow: an address holds no credentials. Give MLFLOW_TRACKING_USERNAME and _PASSWORD instead.")
    token, user = os.environ.get("MLFLOW_TRACKING_TOKEN", ""), os.environ.get("MLFLOW_TRACKING_USERNAME", "")
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
    if not token and not user:
        return {}
    if parts.scheme == "http" and not _near(parts.hostname):
        raise StepError(
            f"mlflow: {masked(address)!r} is not encrypted, so no credentials are sent there. Give an address of https."
        )
    basic = b64encode(f"{user}:{password}".encode()).decode()
    for secret in (token, password, basic):
        learn(secret, "secret")
    return {"Authorization": f"Bearer {token}" if token else f"Basic {basic}"}


def _near(host: str) -> bool:
    """Whether a host is this machine, or inside of the cluster that this runs on."""
    return host in ("localhost", "127.0.0.1", "::1") or "." not in host or host.endswith((".svc", ".svc.cluster.local"))
