"""The docs become a site in two languages: every page is in it, reached from its first one, and found by its search."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.template import TEMPLATE

DOCS = TEMPLATE / "docs"
PAGES = sorted(path.stem for path in DOCS.glob("*.md"))
OTHER = {"en": ("fr", "Français", "fr"), "fr": ("en", "English", "..")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both builds, by the commands of `make docs`; the French one twice, as one with nothing to do must pass."""
    built = tmp_path_factory.mktemp("site") / "docs"
    lines = re.findall(r"^\t\$\(VENV\)/python (-m sphinx .*)$", (TEMPLATE / "Makefile").read_text(), re.MULTILINE)
    assert len(lines) == 2
    for line in [*lines, lines[-1]]:
        command = [sys.executable, *line.replace("build/docs", str(built)).split()]
        made = subprocess.run(command, cwd=TEMPLATE, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
    return built


def html(site: Path, language: str, page: str) -> str:
    return (folder(site, language) / f"{page}.html").read_text(encoding="utf-8")


def folder(site: Path, language: str) -> Path:
    return site / "fr" if language == "fr" else site


@pytest.mark.parametrize("language", OTHER)
def test_every_page_is_reached_and_found(site: Path, language: str) -> None:
    assert set(PAGES) <= {"index", *re.findall(r'href="([^"#:/]+)\.html', html(site, language, "index"))}
    searched = (folder(site, language) / "searchindex.js").read_text(encoding="utf-8")
    (named,) = re.findall(r'"docnames":\[([^]]*)\]', searched)
    assert re.findall(r'"([^"]+)"', named) == PAGES


@pytest.mark.parametrize("language", OTHER)
def test_a_page_leads_to_itself_in_the_other_language(site: Path, language: str) -> None:
    other, name, where = OTHER[language]
    for page in [*PAGES, "search"]:
        text = html(site, language, page)
        assert f'<html class="no-js" lang="{language}"' in text
        (link,) = re.findall(
            rf'<p class="language"><a href="([^"]+)" hreflang="{other}" lang="{other}">{name}</a>', text
        )
        assert (folder(site, language) / link).resolve() == (folder(site, language) / where / f"{page}.html").resolve()
        assert (folder(site, language) / link).is_file()


def test_what_surrounds_a_french_page_is_french(site: Path) -> None:
    english, french = around(html(site, "en", "aks")), around(html(site, "fr", "aks"))
    assert {"Search", "Next", "Previous", "On this page", "Back to top", "Skip to content", "Contents"} <= english
    assert {"Recherche", "Suivant", "Précédent", "Sur cette page", "Haut de la page", "Aller au contenu"} <= french
    assert english & french == {"Furo", "Menu", "kf-template"}


def around(page: str) -> set[str]:
    """What a page says outside its text, to the eye and to a screen reader."""
    own = [
        r"<(script|style|article)\b.*?</\1>",
        r'<div class="(?:sidebar-tree|toc-tree|title)">.*?</div>',
        "<!--.*?-->",
    ]
    bare = re.sub(
        "|".join([*own, "<title>[^<]* - kf-template<", '<link rel="(?:next|prev)"[^>]*>']), "", page, flags=re.DOTALL
    )
    said = re.findall(r">([^<>]*)<", bare) + re.findall(r'(?:label|title|placeholder)="([^"]+)"', bare)
    return {" ".join(words.split()) for words in said if words.strip()}


def test_the_pictures_are_in_it(site: Path) -> None:
    pictures = {path.name for path in DOCS.glob("*") if path.suffix in (".png", ".svg")}
    for language in OTHER:
        assert pictures == {path.name for path in (folder(site, language) / "_images").iterdir()}
