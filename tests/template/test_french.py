"""The French pages are in step with the English ones: the same pages, headings, commands, settings and tables."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.template import TEMPLATE

DOCS = TEMPLATE / "docs"
FRENCH = DOCS / "fr"
NAMES = sorted(page.name for page in DOCS.glob("*.md"))


def test_every_page_is_there_in_french() -> None:
    assert len(NAMES) >= 12
    assert sorted(page.name for page in FRENCH.iterdir()) == NAMES


def lines(page: Path) -> Iterator[tuple[str, str]]:
    """The lines of a page, each as `code` or `text`; the directives of the site, which are neither, are left out."""
    fence = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            fence = "" if fence else line
        elif fence.startswith("```{"):
            continue
        else:
            yield ("code" if fence or line.startswith("    ") else "text"), line


def text(page: Path) -> str:
    return "\n".join(line for kind, line in lines(page) if kind == "text")


def headings(page: Path) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", text(page), re.MULTILINE)]


def code(page: Path) -> list[str]:
    """What is in the code blocks, without comments, which are translated."""
    bare = [re.sub(r"(^|\s+)#.*$", "", line).rstrip() for kind, line in lines(page) if kind == "code"]
    return [line for line in bare if line]


def quoted(page: Path) -> set[str]:
    """What is in backticks within a line: commands, settings, files, what a program says."""
    return {" ".join(each.split()) for each in re.findall(r"`([^`]+)`", text(page))}


def tables(page: Path) -> list[int]:
    """How many lines each table has."""
    return [table.count("\n") for table in re.findall(r"(?:^\|.*\n)+", text(page) + "\n", re.MULTILINE)]


def pictures(page: Path) -> list[str]:
    return [Path(link).name for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text(page))]


@pytest.mark.parametrize("name", NAMES)
def test_a_french_page_says_what_the_english_one_says(name: str) -> None:
    english, french = DOCS / name, FRENCH / name
    assert headings(french) == headings(english)
    assert code(french) == code(english)
    assert quoted(french) == quoted(english)
    assert tables(french) == tables(english)
    assert pictures(french) == pictures(english)


@pytest.mark.parametrize("name", NAMES)
def test_a_link_leads_to_a_page_of_the_same_language(name: str) -> None:
    for page in (DOCS / name, FRENCH / name):
        for link in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8")):
            target = (page.parent / link).resolve()
            assert target.is_file(), link
            assert target.parent == page.parent or target.suffix != ".md" or name == "index.md", link


@pytest.mark.parametrize("name", NAMES)
def test_no_line_of_french_begins_with_a_mark(name: str) -> None:
    """Before : ; ! ? and within « » is a no-break space, U+00A0."""
    prose = re.sub(r"`[^`]+`", "x", text(FRENCH / name))
    assert re.findall(r".*(?:[ \n](?:[:;?»]|!(?!\[))|« ).*", prose) == []


def test_what_differs_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A\n\n    inv run  # here\n\n## B\n\n| a | b |\n|---|---|\n| `inv\nx` | |\n\n```yaml\njobs: 0\n```\n"
        "```{toctree}\nb\n```\n| c |\n|---|\n",
        encoding="utf-8",
    )
    assert headings(page) == [1, 2]
    assert code(page) == ["    inv run", "jobs: 0"]
    assert quoted(page) == {"inv x"}
    assert tables(page) == [3, 2]
