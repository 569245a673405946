"""Makes the pictures of the docs, of a project with the defaults: `make pictures`. Wants chromium."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

from helpers.browsing import CHROMIUM, FLAGS
from helpers.template import TEMPLATE

DOCS = TEMPLATE / "docs"
BUILD = TEMPLATE / "build" / "pictures"
PROJECT = BUILD / "my-kfp-project"
CHANGED = ("-p", "learning_rate=0.05", "-p", "max_leaf_nodes=15")
WIDTH = 84  # of the terminal, in characters
# Rich's own picture of a terminal, without the font that it would fetch.
FRAME = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>
.{unique_id}-matrix {{ font-family: Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: {char_height}px;
  line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def inv(*arguments: str) -> str:
    command = [sys.executable, "-m", "invoke", *arguments]
    return subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout


def main() -> None:
    if not CHROMIUM:
        sys.exit("chromium is not installed.")
    shutil.rmtree(BUILD, ignore_errors=True)
    bake = ["cookiecutter", str(TEMPLATE), "--no-input", "--default-config", "--output-dir", str(BUILD)]
    subprocess.run([sys.executable, "-m", *bake], check=True, capture_output=True)
    said = inv("run")
    inv("run", *CHANGED)
    terminal("first-run.svg", f"$ uv run inv run\n{said}")
    terminal("inv.svg", f"$ inv\n{inv()}")
    page = max(PROJECT.glob("runs/*/report.html"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        shown = browser.new_page(viewport={"width": 1400, "height": 1031})
        shown.goto(page.as_uri())
        shown.screenshot(path=DOCS / "report.png")
        browser.close()


def terminal(name: str, text: str) -> None:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"{text.rstrip()}\n"))
    console.save_svg(str(DOCS / name), title="", code_format=FRAME, unique_id=Path(name).stem)


if __name__ == "__main__":
    main()
