"""A Docker engine that says of what size it is, and nothing else."""

import http.server
import json
import threading
from typing import Any


class Engine(http.server.ThreadingHTTPServer):
    """What `docker info` asks; `host` is for DOCKER_HOST."""

    daemon_threads = True

    def __init__(self, **about: Any) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.about = {"ApiVersion": "1.44", "MinAPIVersion": "1.24", "DockerRootDir": "/nowhere", **about}
        self.host = f"tcp://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(http.server.BaseHTTPRequestHandler):
    server: Engine

    def do_GET(self) -> None:
        data = json.dumps(self.server.about).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass
