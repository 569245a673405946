"""The cache in a generated project, whose source may change behind its name."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from helpers.inv import inv
from helpers.penguins import STEPS, cached, penguin_rows, run_on


def test_what_did_not_change_is_served_from_the_cache(penguins: Path) -> None:
    assert "nothing changed: every step was served from the cache" in inv(penguins, "run").stdout
    assert all(cached(penguins).values())
    program = penguins / "components/training/src/train.py"
    kept = program.read_text(encoding="utf-8")
    program.write_text(kept + "\n# changed\n", encoding="utf-8")
    inv(penguins, "run")
    assert {step for step, hit in cached(penguins).items() if not hit} == set(STEPS[3:])
    program.write_text(kept, encoding="utf-8")
    inv(penguins, "run", "-p", "max_leaf_nodes=7")
    assert {step for step, hit in cached(penguins).items() if not hit} == set(STEPS[3:])
    inv(penguins, "run", "--no-cache")
    assert not any(cached(penguins).values())


def test_a_changed_file_is_never_served_from_the_cache(penguins: Path) -> None:
    frame = penguin_rows(penguins)
    run_on(penguins, frame, name="changing.csv")
    run_on(penguins, frame, name="changing.csv")
    assert all(cached(penguins).values()), "written anew with the same content"
    run_on(penguins, frame.iloc[::-1], name="changing.csv")
    assert not any(cached(penguins).values())


class Served(BaseHTTPRequestHandler):
    content = b""
    headers_of_it: dict[str, str]

    def do_GET(self) -> None:
        self.send_response(200)
        for name, value in {**self.headers_of_it, "Content-Length": str(len(self.content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(self.content)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, type[Served]]]:
    handler = type("Handler", (Served,), {"headers_of_it": {}})
    with ThreadingHTTPServer(("localhost", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://localhost:{running.server_port}/penguins.csv", handler
        running.shutdown()


@pytest.mark.parametrize("header", ["ETag", "Last-Modified", None])
def test_a_changed_uri_is_never_served_from_the_cache(
    penguins: Path, server: tuple[str, type[Served]], header: str | None
) -> None:
    uri, handler = server
    frame = penguin_rows(penguins)
    states = (
        ['"one"', '"two"'] if header == "ETag" else ["Mon, 23 Nov 2026 10:00:00 GMT", "Mon, 23 Nov 2026 11:00:00 GMT"]
    )
    hits = []
    for state, content in ((states[0], frame), (states[0], frame), (states[1], frame.iloc[::-1])):
        handler.content = content.to_csv(index=False).encode()
        handler.headers_of_it = {header: state} if header else {}
        inv(penguins, "run", "-p", f"source={uri}")
        hits.append(cached(penguins)["gathering"])
    assert hits == [False, header is not None, False], "without a header there is no telling, so it is read anew"
