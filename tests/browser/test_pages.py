"""The pages in a real browser: from disk, with the network off, light and dark, on a desk and on a phone.

Every page that is opened has to load without a word on the console and to hold axe-core's accessibility rules.
"""

import re
from pathlib import Path

import pytest

from helpers.browsing import CHROMIUM, Visit
from helpers.inv import inv
from helpers.template import Bake

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")


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
    assert len(found) == 7, "validation of three runs, prediction and evaluation of two"
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
        "Model card: sex",
        "Prediction of sex",
        "It becomes the champion",
        "Version 1",
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
    assert printed.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", printed)) in range(2, 15)
    assert not page.locator("nav").is_visible()


def test_the_page_of_all_runs_sorts_filters_and_compares(visit: Visit, penguins: Path) -> None:
    inv(penguins, "runs.report", "--all")
    path = penguins / "build/runs.html"
    visit.see(path)
    page, said = visit.open(path)
    rows = page.locator("#runs tbody tr")
    ids = [folder.name for folder in reports(penguins)]
    first = "#runs tbody tr:not([hidden]) td:nth-child(2)"
    assert page.locator(first).all_inner_texts() == ids[::-1], "the newest first"
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("button", name="Run", exact=True).click()
    assert page.locator(first).all_inner_texts() == ids
    page.locator("#filter").fill("failed")
    assert page.locator(first).all_inner_texts() == ids[2:] and page.locator("#count").inner_text() == "1 of 3"
    page.locator("#filter").fill("target=body_mass_g succeeded")
    assert page.locator(first).all_inner_texts() == ids[1:2]
    page.locator("#filter").fill("")
    assert not page.locator("#compared").is_visible()
    for run in ids[:2]:
        page.get_by_label(f"Compare {run}").check()
    compared = page.locator("#compared").inner_text()
    assert "sex" in compared and "body_mass_g" in compared and "seed" not in compared, "what differs, and no more"
    assert rows.count() == 3 and said == []
