"""Markdown as HTML, kept beside Python's own bytecode: loading what makes it takes longer than the rest of a page."""

import contextlib
import hashlib
import importlib.util
import os
import sys
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(importlib.util.cache_from_source(__file__)).parent
MOST = 20  # texts whose HTML is kept


def html(text: str) -> str:
    """The HTML of a text in Markdown, in which HTML is shown as text."""
    known = f"{version('markdown-it-py')}\n{Path(__file__).read_text(encoding='utf-8')}\n{text}"
    kept = FOLDER / f"{hashlib.sha256(known.encode()).hexdigest()}.md.html"
    with contextlib.suppress(OSError):
        return kept.read_text(encoding="utf-8")
    from markdown_it import MarkdownIt

    made: str = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    if not sys.dont_write_bytecode:
        with contextlib.suppress(OSError):  # as Python itself does without where it cannot write
            _keep(kept, made)
    return made


def _keep(file: Path, made: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_text(made, encoding="utf-8", newline="\n")
    partial.replace(file)
    for old in sorted(FOLDER.glob("*.md.html"), key=lambda each: each.stat().st_mtime)[:-MOST]:
        old.unlink()
