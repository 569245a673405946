"""A run's page, read as text and tags; and a run's record, changed for it."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from helpers.flow import Project

HOSTILE = "<script>alert(1)</script>\"'&</pre></iframe>"


class Page(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def page(project: Project, path: str = "") -> Page:
    file = project.root / (path or f"runs/{project.runs()[0]['id']}/report.html")
    found = Page(file.read_text(encoding="utf-8"))
    assert [attributes for tag, attributes in found.tags if tag == "script"] == [{}], "its own, and no other"
    for tag, attributes in found.tags:
        assert tag not in ("link", "img"), "it needs nothing from elsewhere"
        assert not any(name.startswith("on") for name in attributes)
        if tag == "iframe":
            assert attributes["sandbox"] == "allow-same-origin", "nothing runs in it"
    assert file.stat().st_size < 1_500_000
    return found


def changed(project: Project, change: Callable[[dict[str, Any], Path], None]) -> Page:
    """The page of the newest run, after a change of its record."""
    folder = project.root / "runs" / project.runs()[0]["id"]
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    change(record, folder)
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    project.inv("runs.report", "latest")
    return page(project)


def placed(name: str, *groups: tuple[str, str, int | None, Any], **more: Any) -> dict[str, Any]:
    """A step with its place, as the engine records it."""
    place = [dict(zip(("group", "kind", "iteration", "item"), group, strict=True)) for group in groups]
    return {"name": name, "status": "succeeded", "started": "2026-01-01T00:00:00+00:00", "place": place} | more
