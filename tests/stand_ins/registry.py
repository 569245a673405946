"""The real registry, but for one fault."""

import http.client
import http.server
import json
from typing import Any

from helpers.engine import REGISTRY


class Faulty(http.server.BaseHTTPRequestHandler):
    """The real registry, but for one fault."""

    fault = ""
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        parts = [self.rfile.read(int(self.headers.get("Content-Length") or 0))]
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        body = b"".join(parts)
        upload = self.command in ("PATCH", "PUT", "POST")
        if self.fault == "no login":
            return self._say(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": 'Basic realm="r"'})
        if self.fault == "denied" and upload:
            return self._say(403, "DENIED", "requested access to the resource is denied")
        if self.fault == "full" and self.command == "PATCH":
            return self._say(500, "UNKNOWN", "write: no space left on device")
        connection = http.client.HTTPConnection(REGISTRY)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():  # Accept is there several times
            if name not in ("Transfer-Encoding", "Content-Length"):
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name != "Content-Length":
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(data)
        return None

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _answer

    def _say(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        data = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass
