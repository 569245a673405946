"""A stand-in for S3: buckets in memory that take a file only where there is none, as `If-None-Match: *` asks for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class Bucket(BaseHTTPRequestHandler):
    """One bucket, `team`; another one is not there."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]
    lock: threading.Lock

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        if bucket != "team":
            return self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        if not key:
            prefix = parse_qs(parts.query).get("prefix", [""])[0]
            names = sorted(name for name in self.objects if name.startswith(prefix))
            found = "".join(
                f"<Contents><Key>{escape(name)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                f"<Size>{len(self.objects[name])}</Size><ETag>1</ETag></Contents>"
                for name in names
            )
            return self._answer(
                200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()
            )
        if key not in self.objects:
            return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        return self._answer(200, self.objects[key])

    def do_PUT(self) -> None:
        bucket, _, key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if bucket != "team":
            return self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        with self.lock:
            if self.headers.get("If-None-Match") == "*" and key in self.objects:
                return self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            self.objects[key] = content
        return self._answer(200, b"")

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        headers = {"Content-Length": str(len(body)), "ETag": '"1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def s3() -> Iterator[tuple[dict[str, str], dict[str, bytes]]]:
    """The variables by which it is reached, and what the bucket holds by its keys."""
    objects: dict[str, bytes] = {}
    handler = type("Handler", (Bucket,), {"objects": objects, "lock": threading.Lock()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        variables = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}", "AWS_REGION": "us-east-1"}
        yield variables | {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "secret-of-a-test"}, objects
    finally:
        server.shutdown()
        server.server_close()
