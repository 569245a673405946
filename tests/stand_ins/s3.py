"""A stand-in for S3: buckets in memory that take a file only where there is none, as `If-None-Match: *` asks for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

PART = "a part of "


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

    def do_HEAD(self) -> None:
        bucket, key, _ = self._asked()
        there = bucket == "team" and key in self.objects
        self._answer(200 if there else 404, self.objects[key] if there else b"")

    def do_POST(self) -> None:
        """Begin or end a file that comes in parts."""
        bucket, key, query = self._asked()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if bucket != "team":
            return self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        if "uploads" in query:
            said = "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
            return self._answer(200, said.encode())
        with self.lock:
            found = sorted(name for name in self.objects if name.startswith(f"{PART}{key}/"))
            self.objects[key] = b"".join(self.objects.pop(name) for name in found)
        return self._answer(200, b'<CompleteMultipartUploadResult><ETag>"1"</ETag></CompleteMultipartUploadResult>')

    def do_PUT(self) -> None:
        bucket, key, query = self._asked()
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if bucket != "team":
            return self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        if "partNumber" in query:
            key = f"{PART}{key}/{int(query['partNumber'][0]):04}"
        with self.lock:
            if self.headers.get("If-None-Match") == "*" and key in self.objects:
                return self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            self.objects[key] = content
        return self._answer(200, b"")

    def _asked(self) -> tuple[str, str, dict[str, list[str]]]:
        """The bucket, the key and the query of a request."""
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        return bucket, key, parse_qs(parts.query, keep_blank_values=True)

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        headers = {"Content-Length": str(len(body)), "ETag": '"1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
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
