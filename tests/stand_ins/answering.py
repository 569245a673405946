"""A server that answers everything alike."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@contextmanager
def answering(
    status: int, headers: Mapping[str, str] | None = None, content: bytes = b"", listing: bytes = b""
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Its address, and what it was asked for by whom. With `listing`, that is what a listing of files says."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Authorization", "")))
            listed = listing and "?path=" in self.path
            self.send_response(200 if listed else status)
            said = listing if listed else content
            for name, value in {**(headers or {}), "Content-Length": str(len(said))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        do_HEAD = do_GET

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
