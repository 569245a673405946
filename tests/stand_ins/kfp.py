"""A server that speaks KFP 2.17's API as far as the project uses it."""

import http.server
import json
import re
import threading
import uuid
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import kfp_server_api  # type: ignore[import-untyped]

from helpers.flow import SETTINGS, Project

PASSING = {"PENDING", "RUNNING"}


def now(shift: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=shift)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Kfp(http.server.ThreadingHTTPServer):
    """A KFP API server with its state in memory. `faults` maps a path's pattern to what happens there instead."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Routes)
        self.host = f"http://localhost:{self.server_address[1]}"
        self.version, self.multi_user, self.token = "2.17.0", False, ""
        self.ui: dict[str, Any] = {}  # what the UI's server says of its health, where it stands in front
        self.pipelines: list[dict[str, Any]] = []
        self.versions: list[dict[str, Any]] = []
        self.specs: dict[str, str] = {}
        self.experiments: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.recurring: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.faults: dict[str, Any] = {}
        self.script: list[list[dict[str, Any]]] = []  # what the run's tasks look like, one entry a poll
        self.end = "SUCCEEDED"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no news."""


class Routes(http.server.BaseHTTPRequestHandler):
    server: Kfp
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        split = urlsplit(self.path)
        path, query = unquote(split.path), {name: values[0] for name, values in parse_qs(split.query).items()}
        self.server.asked.append(f"{self.command} {path}")
        for pattern, fault in self.server.faults.items():
            if re.search(pattern, f"{self.command} {path}"):
                if callable(fault):
                    fault = fault()
                if fault == "drop":
                    self.close_connection = True
                    self.connection.close()
                    return None
                if fault == "html":
                    return self._say(200, b"<html><body>Log in</body></html>", "text/html")
                if fault == "login":
                    return self._say(302, b"", "text/html", {"Location": "/dex/auth"})
                if fault:
                    return self._say(fault, json.dumps({"message": f"made to fail with {fault}", "code": 13}).encode())
        if self.server.token and self.headers.get("Authorization") != f"Bearer {self.server.token}":
            return self._say(401, b"Unauthorized", "text/plain")
        answer = self._answer(path.removeprefix("/apis/v2beta1"), query, body)
        if answer is None:
            return self._say(404, json.dumps({"message": f"nothing at {path}", "code": 5}).encode())
        if isinstance(answer, int):
            return self._say(answer, json.dumps({"message": "already exists", "code": 6}).encode())
        return self._say(200, json.dumps(answer).encode())

    do_GET = do_POST = do_DELETE = _handle

    def _say(
        self, status: int, data: bytes, kind: str = "application/json", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, path: str, query: dict[str, str], body: bytes) -> Any:
        server, get = self.server, self.command == "GET"
        if path == "/healthz" and server.ui:
            return server.ui
        if path == "/healthz":
            about = {"commit_sha": "1", "tag_name": server.version, "multi_user": server.multi_user}
            return checked("V2beta1GetHealthzResponse", about)
        if path == "/pipelines" and get:
            return checked("V2beta1ListPipelinesResponse", {"pipelines": filtered(server.pipelines, query)})
        if path == "/pipelines":
            given = json.loads(body)
            if any(each["display_name"] == given["display_name"] for each in server.pipelines):
                return 409
            server.pipelines.append({**given, "pipeline_id": str(uuid.uuid4()), "created_at": now()})
            return checked("V2beta1Pipeline", server.pipelines[-1])
        if path == "/pipelines/upload_version":
            if any(each["display_name"] == query["name"] for each in server.versions):
                return 409
            version = {"pipeline_id": query["pipelineid"], "pipeline_version_id": str(uuid.uuid4())}
            version |= {"display_name": query["name"], "name": query["name"], "created_at": now()}
            version["description"] = query.get("description", "")
            server.versions.insert(0, version)
            server.specs[version["pipeline_version_id"]] = uploaded(self.headers["Content-Type"], body)
            return checked("V2beta1PipelineVersion", version)
        if re.fullmatch(r"/pipelines/[^/]+/versions", path):
            # A page holds one, so that whoever lists has to turn the pages.
            start = int(query.get("page_token") or 0)
            assert query["sort_by"] == "created_at desc"
            page: dict[str, Any] = {"pipeline_versions": server.versions[start : start + 1]}
            if start + 1 < len(server.versions):
                page["next_page_token"] = str(start + 1)
            return checked("V2beta1ListPipelineVersionsResponse", page)
        if path == "/experiments" and get:
            return checked("V2beta1ListExperimentsResponse", {"experiments": filtered(server.experiments, query)})
        if path == "/experiments":
            server.experiments.append({**json.loads(body), "experiment_id": str(uuid.uuid4())})
            return checked("V2beta1Experiment", server.experiments[-1])
        if path == "/recurringruns" and get:
            return checked("V2beta1ListRecurringRunsResponse", {"recurringRuns": server.recurring})
        if path == "/recurringruns":
            given = json.loads(body)
            status = "ENABLED" if given["mode"] == "ENABLE" else "DISABLED"
            server.recurring.append({**given, "recurring_run_id": str(uuid.uuid4()), "status": status})
            return checked("V2beta1RecurringRun", server.recurring[-1])
        if match := re.fullmatch(r"/recurringruns/([^/:]+)(:disable)?", path):
            if not any(each["recurring_run_id"] == match[1] for each in server.recurring):
                return None
            if self.command == "DELETE":
                server.recurring = [each for each in server.recurring if each["recurring_run_id"] != match[1]]
            return {}
        if path == "/runs" and get:
            return checked("V2beta1ListRunsResponse", {"runs": server.runs})
        if path == "/runs":
            run = {**json.loads(body), "run_id": str(uuid.uuid4()), "created_at": now(-5), "state": "PENDING"}
            server.runs.insert(0, run)
            return checked("V2beta1Run", run)
        if match := re.fullmatch(r"/runs/([^/:]+)", path):
            for run in server.runs:
                if run["run_id"] == match[1]:
                    tasks = (
                        server.script.pop(0) if server.script else run.get("run_details", {}).get("task_details", [])
                    )
                    run["run_details"] = {"task_details": tasks}
                    run["state"] = "RUNNING" if server.script else server.end
                    run["finished_at"] = "1970-01-01T00:00:00Z" if server.script else now()
                    return checked("V2beta1Run", run)
        return None


def checked(model: str, document: dict[str, Any]) -> dict[str, Any]:
    """The document, which KFP's own model of it can read."""

    class Response:
        data = json.dumps(document)

    client = kfp_server_api.ApiClient(kfp_server_api.Configuration())
    read = client.sanitize_for_serialization(client.deserialize(Response, model))
    names = set(getattr(kfp_server_api, model).attribute_map.values())
    assert set(document) - {"commit_sha", "tag_name"} <= names, (model, set(document) - names)
    assert read.keys() or not document
    return document


def filtered(items: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
    (predicate,) = json.loads(query["filter"])["predicates"]
    assert predicate["operation"] == 1
    return [item for item in items if item[predicate["key"]] == predicate["stringValue"]]


def uploaded(kind: str, body: bytes) -> str:
    """The one file of a form."""
    form = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    (part,) = form.iter_parts()
    content = part.get_content()
    return content.decode() if isinstance(content, bytes) else str(content)


def task(name: str, state: str, seconds: float = 5, **more: Any) -> dict[str, Any]:
    """A task of a run as KFP 2.17 tells of it: from Argo's nodes."""
    start = now(-seconds) if state != "PENDING" else "1970-01-01T00:00:00Z"
    end = "1970-01-01T00:00:00Z" if state in PASSING else now()
    return {
        "task_id": str(uuid.uuid4()),
        "display_name": name,
        "start_time": start,
        "end_time": end,
        "state": state,
        **more,
    }


def script(kfp: Kfp, *, fails: bool = False, cached: str = "SUCCEEDED") -> None:
    inner = task("root-driver", "SUCCEEDED"), task("adding-driver", "SUCCEEDED")
    done = "FAILED" if fails else "SUCCEEDED"
    kfp.script = [
        [],
        [*inner, task("adding", "RUNNING")],
        [*inner, task("adding", done, 7), *([] if fails else [task("adding-2", "PENDING")])],
        [*inner, task("adding", done, 7), *([] if fails else [task("adding-2", cached, 0)])],
    ]
    kfp.end = done


def set_up(project: Project, kfp: Kfp, text: str) -> None:
    project.write("invoke.yaml", SETTINGS + f"kfp_host: {kfp.host}\n" + text)


def change(project: Project, number: int) -> None:
    project.adding_does(f"pass  # {number}")
