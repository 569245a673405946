"""A webhook: a server that keeps what it is sent, and answers with the number at the end of its address."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "T024BE7LH-wHoKnowsIt"


@contextmanager
def webhook(answer: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """The address of a webhook while it runs, and what it was sent."""
    got: list[Any] = []

    class Taker(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the terminal."""

        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answer)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/services/{SECRET}", got
    finally:
        server.shutdown()
        server.server_close()
