"""The docs become a site: every page is in it, is reached from its first one, and is found by its search."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.template import TEMPLATE

DOCS = TEMPLATE / "docs"
PAGES = sorted(path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("site") / "html"
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", str(DOCS), str(built)]
    made = subprocess.run([*command, "--doctree-dir", str(built.with_name("doctrees"))], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return built


def test_every_page_is_reached_and_found(site: Path) -> None:
    def linked(page: str) -> set[str]:
        html = (site / f"{page}.html").read_text(encoding="utf-8")
        found = {(site / page).parent / link for link in re.findall(r'href="([^"#:]+\.html)', html)}
        return {path.resolve().relative_to(site).with_suffix("").as_posix() for path in found}

    reached = {"index"} | linked("index") | linked("fr/index")
    assert set(PAGES) <= reached
    searched = (site / "searchindex.js").read_text(encoding="utf-8")
    assert all(f'"{page}"' in searched for page in PAGES)


def test_the_pictures_are_in_it(site: Path) -> None:
    pictures = {path.name for path in DOCS.glob("*") if path.suffix in (".png", ".svg")}
    assert pictures == {path.name for path in (site / "_images").iterdir()}
