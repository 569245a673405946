"""The pages in a real browser: from disk, with the network off, light and dark, on a desk and on a phone.

Every page that is opened has to load without a word on the console and to hold axe-core's accessibility rules.
"""

import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from conftest import Bake
from test_engine import FLOW, Project

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
HOSTILE = "<script>document.title='ran'</script>\"'&</pre></iframe></style>\u202eevil\x1b[31m"
LARGEST = 1_500_000  # bytes of a page

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core, of the version in tests/browser/package-lock.json."""
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("npm is not installed, and axe-core comes from it")
    folder = tmp_path_factory.mktemp("axe")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(Path(__file__).with_name("browser") / name, folder)
    subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)
    return (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


class Visit:
    """Pages opened by `see`, and what they said and asked for."""

    def __init__(self, browser: Browser, axe: str) -> None:
        self.browser, self.axe = browser, axe

    def open(self, path: Path, theme: str = "light", width: int = 1280, offline: bool = True) -> tuple[Page, list[str]]:
        """A page from disk, and the list that grows with what it says on the console and fetches."""
        context = self.browser.new_context(
            color_scheme=theme,  # type: ignore[arg-type]
            viewport={"width": width, "height": 900},
            offline=offline,
        )
        page, said = context.new_page(), list[str]()
        page.on("console", lambda message: said.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("request", lambda request: said.append(request.url) if request.url != path.as_uri() else None)
        page.goto(path.as_uri())
        page.wait_for_load_state("load")
        return page, said

    def see(self, path: Path) -> None:
        """Hold a page to everything, in both themes and on both screens."""
        assert path.stat().st_size < LARGEST
        for theme in ("light", "dark"):
            for width in (1280, 390):
                page, said = self.open(path, theme, width)
                assert said == []
                assert page.evaluate("document.documentElement.scrollWidth") <= width, "no sideways scrolling"
                page.evaluate(self.axe + ";0")
                assert violations(page) == [], f"{path.name} {theme} {width}"
                page.context.close()


def violations(page: Page) -> list[str]:
    """What axe finds on a page; in its frames no script runs, and so no axe."""
    found = page.evaluate("axe.run(document, {iframes: false, resultTypes: ['violations']})")["violations"]
    return [f"{each['id']} ({each['impact']}): {each['nodes'][0]['html'][:200]}" for each in found]


@pytest.fixture(scope="module")
def visit(browser: Browser, axe: str) -> Visit:
    return Visit(browser, axe)


def inv(project: Path, *arguments: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "invoke", *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def newest(project: Path) -> Path:
    folder: Path = max(path.parent for path in project.glob("runs/*/run.json"))
    return folder


@pytest.fixture(scope="module")
def penguins(bake: Bake) -> Path:
    """A project with three runs: of classes, of numbers with another learning rate beside, and one that failed."""
    project = bake()
    inv(project, "run")
    inv(project, "run", "-p", "target=body_mass_g", "-p", "problem_type=regression", "-p", "learning_rates=[0.05,0.2]")
    schema = project / "components/validation/schema.yaml"
    schema.write_text(schema.read_text(encoding="utf-8").replace("Adelie, ", ""), encoding="utf-8")
    inv(project, "run", code=1)
    return project


def reports(project: Path) -> list[Path]:
    return sorted(path.parent for path in project.glob("runs/*/run.json"))


def test_the_page_of_each_run(visit: Visit, penguins: Path) -> None:
    for folder in reports(penguins):
        visit.see(folder / "report.html")


def test_the_steps_own_reports(visit: Visit, penguins: Path, tmp_path: Path) -> None:
    found = sorted(penguins.glob("runs/*/reports/*.html"))
    assert len(found) == 5, "validation of three runs, prediction of two"
    for path in found:
        visit.see(path)
    page, _ = visit.open(reports(penguins)[0] / "report.html")
    card = tmp_path / "card.html"
    card.write_text(page.locator("iframe").nth(1).get_attribute("srcdoc") or "", encoding="utf-8")
    visit.see(card)


def test_runs_side_by_side(visit: Visit, penguins: Path) -> None:
    names = [folder.name for folder in reports(penguins)]
    inv(penguins, "runs.compare", *names)
    visit.see(penguins / "build/compare.html")


def test_reports_of_steps_are_shown_whole_and_in_the_page(visit: Visit, penguins: Path) -> None:
    page, _ = visit.open(reports(penguins)[0] / "report.html")
    frames = page.frames[1:]
    assert [frame.locator("h1").inner_text() for frame in frames] == [
        "Validation: the table holds",
        "Model card: species",
        "Prediction of species",
    ]
    for frame in frames:
        assert frame.evaluate("document.documentElement.scrollHeight <= innerHeight"), "no scroll bar of its own"
    titles = frames[2].locator("h2").all_inner_texts()
    assert titles == ["Confusion matrix", "ROC curve", "Precision and recall", "Importance of the features"]
    columns = frames[0].locator("tbody tr")
    assert columns.count() == 8 and frames[0].locator("td svg").count() == 8
    card = frames[1].locator("body").inner_text()
    assert re.search(r"cv_accuracy\s+0\.9\d+\s+0\.\d+ to [01]", card)


def test_regression_and_loops(visit: Visit, penguins: Path) -> None:
    page, _ = visit.open(reports(penguins)[1] / "report.html")
    titles = next(
        frame.locator("h2").all_inner_texts()
        for frame in page.frames[1:]
        if "Prediction" in frame.locator("h1").inner_text()
    )
    assert titles == ["Predicted against true", "Residuals", "Importance of the features"]
    drawn = page.locator(".graph").inner_text()
    assert "for each of learning_rates" in drawn and "training-2" in drawn
    assert page.locator("strong", has_text="problem_type").count() == 1, "it differs from the default"
    rows = page.locator("section", has=page.locator("#data")).locator("tbody tr").all_inner_texts()
    assert re.search(r"gathering\s+out\s+table\s+344\s+8\s+[\d,]+", rows[0])


def test_a_failed_run_shows_why_and_the_report_of_the_step_that_failed(visit: Visit, penguins: Path) -> None:
    page, _ = visit.open(reports(penguins)[2] / "report.html")
    assert "schema.yaml does not hold" in page.locator(".reason").inner_text()
    assert "row 1: 'Adelie'" in page.frames[1].locator("body").inner_text()
    assert page.locator("details[open]").count() == 1, "the log of the step that failed"


def test_the_keyboard_reaches_all_that_scrolls_or_opens(visit: Visit, penguins: Path) -> None:
    page, _ = visit.open(reports(penguins)[0] / "report.html", width=390)
    reached = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.tagName + ' ' + (document.activeElement.ariaLabel ?? '')"))
    assert {"REGION Graph of the pipeline", "A ", "SUMMARY "} <= {each.replace("DIV", "REGION") for each in reached}
    page.get_by_role("link", name="training", exact=True).click()
    summary = page.locator("summary").get_by_text("training", exact=True)
    assert summary.locator("xpath=ancestor::details").get_attribute("open") is not None


def test_it_is_printed_whole(visit: Visit, penguins: Path, tmp_path: Path) -> None:
    page, _ = visit.open(reports(penguins)[0] / "report.html")
    page.emulate_media(media="print")
    printed = page.pdf(path=tmp_path / "page.pdf")
    assert printed.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", printed)) in range(2, 12)
    assert not page.locator("nav").is_visible()


@pytest.fixture
def flow(tmp_path: Path) -> Project:
    return Project(tmp_path / "flöw with spaces")


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
        record["remote"] = {"host": "x", "url": "javascript:document.title='ran'"}
        for number, step in enumerate(record["steps"]):
            (folder / "logs" / f"{step['name']}.log").write_text(f"{HOSTILE} {number}\n" * 4000, encoding="utf-8")
            (folder / f"own{number}").write_text(f"<!doctype html><p>{'x' * 300_000}", encoding="utf-8")
            uri = (folder / f"own{number}").relative_to(flow.root).as_posix()
            step["outputs"][HOSTILE] = {"type": "system.HTML", "name": "a", "uri": uri, "metadata": {"rows": HOSTILE}}
            step["inputs"][HOSTILE] = {"type": "system.Dataset", "name": "a", "uri": f"javascript:{HOSTILE}"}
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
        record["steps"][0]["outputs"] |= {"gone": gone, "none": {"type": "system.Markdown"}}
        record["remote"] = {"host": "x"}

    path = changed(flow, change)
    visit.see(path)
    page, _ = visit.open(path)
    assert page.get_by_text("It cannot be read: No such file or directory.").count() == 1


# Colours


def linear(colour: str) -> list[float]:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def lab(rgb: list[float]) -> list[float]:
    """CIE L*a*b* (D65) of linear RGB."""
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.9505, 1.0, 1.089)
    xyz = [sum(a * b for a, b in zip(row, rgb, strict=True)) / w for row, w in zip(rows, white, strict=True)]
    x, y, z = (max(value, 1e-9) ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in xyz)
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]


SEEN = {  # Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopia": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}


@pytest.mark.parametrize("eyes", SEEN)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_are_told_apart_by_everyone(default_project: Path, theme: str, eyes: str) -> None:
    style = (default_project / "components/shared/style.css").read_text(encoding="utf-8")
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", light if theme == "light" else dark.split("}")[0]))
    for one, other in (("good", "bad"), ("busy", "bad"), ("first", "second")):
        places = []
        for name in (one, other):
            rgb = linear(colours[name])
            seen = [sum(a * b for a, b in zip(row, rgb, strict=True)) for row in SEEN[eyes]]
            places.append(lab([min(max(value, 0), 1) for value in seen]))
        distance = sum((a - b) ** 2 for a, b in zip(*places, strict=True)) ** 0.5
        assert distance > 20, f"{one} and {other} to {eyes}: {distance:.0f}"
