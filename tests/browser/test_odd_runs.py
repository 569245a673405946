"""Pages of runs made to be odd: large, hostile, with what is gone."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from helpers.browsing import CHROMIUM, HOSTILE, LARGEST, Visit, newest
from helpers.flow import FLOW, Project

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")


def changed(project: Project, change: Any) -> Path:
    """Change the record of the newest run, and make its page again."""
    folder = newest(project.root)
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    change(record, folder)
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    project.inv("runs.report", "latest")
    return folder / "report.html"


def test_loops_conditions_and_exit_handlers_are_drawn(visit: Visit, flow: Project) -> None:
    flow.write("pipeline.py", FLOW)
    flow.inv("run")
    path = newest(flow.root) / "report.html"
    visit.see(path)
    page, _ = visit.open(path)
    groups = page.locator(".graph rect.group")
    assert groups.count() == 5, "an exit handler, the branches, two conditions and a loop"
    drawn = page.locator(".graph").inner_text()
    for label in ("large: if adding-sum > 3", "small: if not (adding-sum > 3)", "for each of [10, 20, 30]"):
        assert label in drawn
    outside = page.evaluate("""() => [...document.querySelectorAll(".graph rect.node")].flatMap(node => {
        const box = node.getBoundingClientRect(), group = node.closest("g g[transform] > g > g[transform]");
        const frame = group?.parentElement.querySelector("rect.group").getBoundingClientRect();
        return frame && (box.left < frame.left || box.right > frame.right || box.bottom > frame.bottom) ? [1] : [];
    })""")
    assert outside == []


def test_100_steps_with_long_logs_large_reports_and_hostile_names(visit: Visit, flow: Project) -> None:
    many = "".join(f"    add(a=n, b={number})\n" for number in range(98))
    flow.write("pipeline.py", (flow.root / "pipeline.py").read_text(encoding="utf-8") + many)
    flow.inv("run")

    def change(record: dict[str, Any], folder: Path) -> None:
        record["parameters"] = {f"{HOSTILE}{number}": HOSTILE * 100 for number in range(500)}
        record["metrics"] = {f"{HOSTILE}{number}": number / 7 for number in range(500)}
        record["pipeline"] = record["reason"] = record["engine"] = record["command"] = HOSTILE
        record["remote"] = {"host": "x", "run_id": HOSTILE, "url": f"https://x/{HOSTILE}"}
        for number, step in enumerate(record["steps"]):
            (folder / "logs" / f"{step['name']}.log").write_text(f"{HOSTILE} {number}\n" * 4000, encoding="utf-8")
            (folder / f"own{number}").write_text(f"<!doctype html><p>{'x' * 300_000}", encoding="utf-8")
            uri = (folder / f"own{number}").relative_to(flow.root).as_posix()
            step["outputs"][HOSTILE] = {"type": "system.HTML", "name": "a", "uri": uri, "metadata": {"rows": HOSTILE}}
            place = f"javascript:{HOSTILE}"
            step["inputs"][HOSTILE] = {"type": "system.Dataset", "name": "a", "uri": place, "metadata": {}}
        record["steps"][0]["reason"] = HOSTILE
        record["steps"][0]["status"] = "failed"
        record["graph"][0]["name"] = HOSTILE

    path = changed(flow, change)
    assert path.stat().st_size < LARGEST
    page, said = visit.open(path, width=390)
    assert said == [] and page.title() != "ran"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("a[href^='javascript']").count() == 0
    assert page.locator("main script").count() == 0
    text = page.locator("body").inner_text()
    assert "\u202e" not in text and "\\x202eevil" in text
    assert re.search(r"\d+ more are in run.json", text), "of 500 parameters"
    assert text.count("It is too large to be shown here") >= 90
    assert page.locator("a", has_text="the whole log").count() >= 90
    frame_rows = page.locator("section", has=page.locator("#steps")).locator("tbody tr")
    assert frame_rows.count() == 100
    for link in page.locator("a[href*='logs/'], a[href*='reports/']").all()[:5]:
        href = link.evaluate("element => element.href")
        assert Path(re.sub("^file://", "", unquote(href))).is_file()


def test_a_step_report_can_neither_run_nor_fetch_nor_leave_its_frame(visit: Visit, flow: Project) -> None:
    flow.inv("run")
    asked = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    evil = (
        "<!doctype html><title>x</title><script>parent.document.title = 'ran'</script>"
        "<img src=http://localhost:1/picture onerror=\"parent.document.title='ran'\">"
        "<link rel=stylesheet href=http://localhost:1/style><style>body{background:url(http://localhost:1/u)}</style>"
        "<meta http-equiv=refresh content='0;url=http://localhost:1/page'><base href=http://localhost:1/>"
        "<form action=http://localhost:1/form><button>send</button></form></iframe><h1>out</h1>"
    ).replace("localhost:1", f"localhost:{server.server_port}")

    def change(record: dict[str, Any], folder: Path) -> None:
        (folder / "evil").write_text(evil, encoding="utf-8")
        (folder / "card").write_text(
            f"# {evil}\n\n[link](javascript:alert(1)) ![x](http://localhost:{server.server_port}/p)", "utf-8"
        )
        for name, kind in (("evil", "system.HTML"), ("card", "system.Markdown")):
            uri = (folder / name).relative_to(flow.root).as_posix()
            record["steps"][0]["outputs"][name] = {"type": kind, "name": name, "uri": uri, "metadata": {}}

    path = changed(flow, change)
    page, _ = visit.open(path, offline=False)
    page.frames[1].locator("button").click()
    page.wait_for_timeout(1000)
    server.shutdown()
    assert asked == []
    assert page.url == path.as_uri() and page.title() != "ran"
    assert page.locator("h1").count() == 1, "it cannot close its frame"
    assert page.frames[2].locator("a[href^='javascript']").count() == 0


def test_what_is_gone_is_said(visit: Visit, flow: Project) -> None:
    flow.inv("run")

    def change(record: dict[str, Any], folder: Path) -> None:
        gone = {"type": "system.HTML", "name": "gone", "uri": "runs/gone", "metadata": {}}
        record["steps"][0]["outputs"] |= {"gone": gone, "none": {"type": "system.Markdown", "uri": "", "metadata": {}}}
        record["remote"] = {"host": "x", "run_id": "x", "url": "https://x/"}

    path = changed(flow, change)
    visit.see(path)
    page, _ = visit.open(path)
    assert page.get_by_text("It cannot be read: No such file or directory.").count() == 1
