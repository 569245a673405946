"""A stand-in for KFP's API server and for the UI's server before it, which answers as KFP 2.17.0 did.

What it says of runs is made of recordings of a real server (`recordings.py`): a whole run is replayed as it was at any
moment, and a run that a test makes up has the recorded nodes of a task like it, with other names and times.
"""

import base64
import copy
import http.server
import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import kfp_server_api  # type: ignore[import-untyped]

from helpers.flow import SETTINGS, Project
from stand_ins.folders import archive, inside_of
from stand_ins.recordings import NEVER, Task, details_of, first_version, nodes_of, now, recurring_like, run_like, task

__all__ = ["Kfp", "change", "now", "script", "set_up", "task"]


class Kfp(http.server.ThreadingHTTPServer):
    """A KFP API server with its state in memory. `faults` maps a path's pattern to what happens there instead."""

    daemon_threads = True

    def __init__(self, address: str = "127.0.0.1") -> None:
        super().__init__((address, 0), Routes)
        self.host = f"http://{address.replace('127.0.0.1', 'localhost')}:{self.server_address[1]}"
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
        self.script: list[list[Task]] = []  # what the run's tasks are at, one entry a poll
        self.replay: list[dict[str, Any]] = []  # or a recorded run, one moment a poll
        self.workflows: dict[str, dict[str, Any]] = {}  # by the run's id: what version 1 of the API says of it
        self.objects: dict[str, bytes] = {}  # the artifacts' store: bucket/key
        self.archive: dict[str, str] = {}  # logs that Argo has archived, by the end of their node's name
        self.end = "SUCCEEDED"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no news."""

    def used_before(self) -> None:
        """Somebody has run something in the experiments of the tests' projects."""
        names = ("flow", "my-kfp-project") if not self.experiments else ()
        self.experiments += [{"display_name": name, "experiment_id": str(uuid.uuid4())} for name in names]

    def started_elsewhere(self, run: dict[str, Any]) -> None:
        """A run that somebody else has started."""
        self.used_before()
        self.runs.append(run)

    def poll(self, run: dict[str, Any]) -> None:
        """Let a run get on by one entry of the script, or one moment of the replay."""
        if self.replay:
            moment = self.replay.pop(0) if len(self.replay) > 1 else self.replay[0]
            own: dict[str, Any] = {name: run[name] for name in ("run_id", "display_name", "description") if name in run}
            run |= {**copy.deepcopy(moment["v2beta1"]), **own}
            self.workflows[run["run_id"]] = moment["v1beta1"]
            return
        if self.script or "run_details" not in run:
            name = f"flow-{run['run_id'][:5]}"
            nodes = nodes_of(self.script.pop(0) if self.script else [], name)
            run["run_details"] = {"task_details": details_of(nodes, run["run_id"])}
            version = run.get("pipeline_version_reference", {}).get("pipeline_version_id", "")
            self.workflows[run["run_id"]] = first_version(run, name, nodes, self.specs.get(version, ""))
        run["state"] = "RUNNING" if self.script else self.end
        run["finished_at"] = NEVER if self.script else now()


class Routes(http.server.BaseHTTPRequestHandler):
    server: Kfp
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        split = urlsplit(self.path)
        path, query = unquote(split.path), {name: values[0] for name, values in parse_qs(split.query).items()}
        self.server.asked.append(f"{self.command} {path}")
        share = 1.0
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
                if fault == "half":
                    share = 0.5
                    continue
                if isinstance(fault, dict | list):
                    return self._say(200, json.dumps(fault).encode())
                if fault == "login":
                    return self._say(302, b"", "text/html", {"Location": "/dex/auth"})
                if fault:
                    return self._say(fault, json.dumps({"message": f"made to fail with {fault}", "code": 13}).encode())
        if self.server.token and self.headers.get("Authorization") != f"Bearer {self.server.token}":
            return self._say(401, b"Unauthorized", "text/plain")
        if path == "/artifacts/get":
            return self._artifact(query)
        answer = self._answer(path.removeprefix("/apis/v2beta1"), query, body)
        if answer is None:
            return self._say(404, json.dumps({"message": f"nothing at {path}", "code": 5}).encode())
        if isinstance(answer, int):
            return self._say(answer, json.dumps({"message": "already exists", "code": 6}).encode())
        if isinstance(answer, Refusal):
            return self._say(answer.status, json.dumps({"message": answer.message, "code": 13}).encode())
        data = json.dumps(answer).encode()
        return self._say(200, data[: int(len(data) * share)])

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

    def _artifact(self, query: dict[str, str]) -> None:
        """As frontend/server/handlers/artifacts.ts: a part of the object, all of a folder as an archive, or 404."""
        name = f"{query['bucket']}/{query['key']}"
        content, inside = self.server.objects.get(name), inside_of(self.server.objects, name)
        if content is None and inside:
            return self._say(200, archive(inside), "application/gzip")
        if content is None:
            return self._say(404, f"No objects found at {name}".encode(), "text/plain")
        return self._say(200, content[: int(query.get("peek") or 0) or None], "application/octet-stream")

    def _answer(self, path: str, query: dict[str, str], body: bytes) -> Any:
        server, get = self.server, self.command == "GET"
        if path == "/healthz" and server.ui:
            return server.ui
        if path == "/healthz":
            about = {"commit_sha": "1", "tag_name": server.version, "multi_user": server.multi_user}
            return checked("V2beta1GetHealthzResponse", about)
        for routes in (self._pipelines, self._recurring, self._runs):
            answer = routes(path, query, body, get)
            if answer is not NOTHING:
                return answer
        return None

    def _pipelines(self, path: str, query: dict[str, str], body: bytes, get: bool) -> Any:
        server = self.server
        if path == "/pipelines" and get:
            return checked("V2beta1ListPipelinesResponse", {"pipelines": filtered(server.pipelines, query)})
        if path == "/pipelines":
            given = json.loads(body)
            if any(each["display_name"] == given["display_name"] for each in server.pipelines):
                return 409
            server.pipelines.append({**given, "pipeline_id": str(uuid.uuid4()), "created_at": now()})
            return checked("V2beta1Pipeline", server.pipelines[-1])
        if path == "/pipelines/upload_version":
            of_it = [each for each in server.versions if each["pipeline_id"] == query["pipelineid"]]
            if any(each["display_name"] == query["name"] for each in of_it):
                return 409
            if len(query["name"]) > 127:
                return Refusal(400, "PipelineVersion.Name length cannot exceed 127")
            version = {"pipeline_id": query["pipelineid"], "pipeline_version_id": str(uuid.uuid4())}
            version |= {"display_name": query["name"], "name": query["name"], "created_at": now()}
            version["description"] = query.get("description", "")
            server.versions.insert(0, version)
            server.specs[version["pipeline_version_id"]] = uploaded(self.headers["Content-Type"], body)
            return checked("V2beta1PipelineVersion", version)
        if match := re.fullmatch(r"/pipelines/([^/]+)/versions", path):
            of_it = [each for each in server.versions if each["pipeline_id"] == match[1]]
            # A page holds one, so that whoever lists has to turn the pages.
            start = int(query.get("page_token") or 0)
            assert query["sort_by"] == "created_at desc"
            page: dict[str, Any] = {"pipeline_versions": of_it[start : start + 1]}
            if start + 1 < len(of_it):
                page["next_page_token"] = str(start + 1)
            return checked("V2beta1ListPipelineVersionsResponse", page)
        if path == "/experiments" and get:
            return checked("V2beta1ListExperimentsResponse", {"experiments": filtered(server.experiments, query)})
        if path == "/experiments":
            server.experiments.append({**json.loads(body), "experiment_id": str(uuid.uuid4())})
            return checked("V2beta1Experiment", server.experiments[-1])
        return NOTHING

    def _recurring(self, path: str, query: dict[str, str], body: bytes, get: bool) -> Any:
        server = self.server
        if path == "/recurringruns" and get:
            return checked(
                "V2beta1ListRecurringRunsResponse",
                {"recurringRuns": server.recurring, "total_size": len(server.recurring)},
            )
        if path == "/recurringruns":
            given = json.loads(body)
            if refusal := too_long(given, ("display_name", "description", "service_account")):
                return refusal
            server.recurring.append(recurring_like(given))
            return checked("V2beta1RecurringRun", server.recurring[-1])
        if match := re.fullmatch(r"/recurringruns/([^/:]+)(:disable)?", path):
            found = next((each for each in server.recurring if each["recurring_run_id"] == match[1]), None)
            if found is None:
                return None
            if match[2]:
                found["status"] = "DISABLED"
            if self.command == "DELETE":
                server.recurring.remove(found)
                for run in server.runs:  # its workflow goes with the ScheduledWorkflow that owns it
                    if run.get("recurring_run_id") == match[1] and run["state"] == "RUNNING":
                        run["workflow_is_gone"] = True
            return {}
        return NOTHING

    def _runs(self, path: str, query: dict[str, str], body: bytes, get: bool) -> Any:
        server = self.server
        if path == "/runs" and get:
            return checked("V2beta1ListRunsResponse", {"runs": filtered(server.runs, query)})
        if path == "/runs":
            run = run_like({**json.loads(body), "run_id": str(uuid.uuid4())})
            refusal = too_long(run, ("display_name", "description", "service_account"))
            if refusal or (refusal := four_bytes(json.dumps(run, ensure_ascii=False))):
                return refusal
            server.runs.insert(0, run)
            return checked("V2beta1Run", run)
        if match := re.fullmatch(r"/runs/([^/:]+)", path):
            for run in server.runs:
                if run["run_id"] == match[1]:
                    server.poll(run)
                    return checked("V2beta1Run", run)
            return None
        if match := re.fullmatch(r"/apis/v1beta1/runs/([^/:]+)", path):
            found = copy.deepcopy(server.workflows.get(match[1]))
            if found:
                found["pipeline_runtime"]["workflow_manifest"] = json.dumps(
                    found["pipeline_runtime"]["workflow_manifest"]
                )
            return found
        if match := re.fullmatch(r"/runs/([^/]+)/nodes/([^/]+)/artifacts/main-logs:read", path):
            nodes = server.workflows[match[1]]["pipeline_runtime"]["workflow_manifest"]["status"]["nodes"]
            name = nodes[match[2]]["name"] if match[2] in nodes else ""
            log = next((text for end, text in server.archive.items() if name.endswith(end)), None)
            return None if log is None else {"data": base64.b64encode(log.encode()).decode()}
        return NOTHING


NOTHING = object()


@dataclass
class Refusal:
    status: int
    message: str = field(default="")


def too_long(given: dict[str, Any], names: tuple[str, ...]) -> Refusal | None:
    """MySQL's answer to a text that is longer than its column, 255 where the model names none (GORM's varchar)."""
    for name in names:
        if len(given.get(name) or "") > 255:
            column = name.title().replace("_", "")
            return Refusal(
                500, f"InternalServerError: Failed to create: Error 1406 (22001): Data too long for column '{column}'"
            )
    return None


def four_bytes(text: str) -> Refusal | None:
    """MySQL's answer to letters of four bytes: the API server connects with its charset utf8 (client/sql.go)."""
    if any(ord(letter) > 0xFFFF for letter in text):
        return Refusal(500, "InternalServerError: Error 1366 (HY000): Incorrect string value: '\\xF0\\x9F' for column")
    return None


def checked(model: str, document: dict[str, Any]) -> dict[str, Any]:
    """The document, which KFP's own model of it can read."""

    class Response:
        data = json.dumps(document)

    client = kfp_server_api.ApiClient(kfp_server_api.Configuration())
    read = client.sanitize_for_serialization(client.deserialize(Response, model))
    names = set(getattr(kfp_server_api, model).attribute_map.values())
    assert set(document) - {"commit_sha", "tag_name", "workflow_is_gone"} <= names, (model, set(document) - names)
    assert read.keys() or not document
    return document


def filtered(items: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
    """The items that KFP's filter lets through (backend/api/v2beta1/filter.proto: 1 is EQUALS, 8 is IN)."""
    found = items
    for predicate in json.loads(query["filter"])["predicates"] if query.get("filter") else []:
        if predicate["operation"] == 1:
            wanted = [predicate["stringValue"]]
        else:
            assert predicate["operation"] == 8
            wanted = predicate["stringValues"]["values"]
        found = [item for item in found if item.get(predicate["key"]) in wanted]
    return found


def uploaded(kind: str, body: bytes) -> str:
    """The one file of a form."""
    form = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    (part,) = form.iter_parts()
    content = part.get_content()
    return content.decode() if isinstance(content, bytes) else str(content)


def script(kfp: Kfp, *, fails: bool = False) -> None:
    done = "FAILED" if fails else "SUCCEEDED"
    kfp.script = [
        [],
        [task("adding", "RUNNING")],
        [task("adding", done, 7), *([] if fails else [task("adding-2", "PENDING")])],
        [task("adding", done, 7), *([] if fails else [task("adding-2", "CACHED", 0)])],
    ]
    kfp.end = done


def set_up(project: Project, kfp: Kfp, text: str) -> None:
    project.write("invoke.yaml", SETTINGS + f"kfp_host: {kfp.host}\n" + text)


def change(project: Project, number: int) -> None:
    project.adding_does(f"pass  # {number}")
