"""Pages in a real browser."""

import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)


FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


HOSTILE = "<script>document.title='ran'</script>\"'&</pre></iframe></style>\u202eevil\x1b[31m"


LARGEST = 1_500_000  # bytes of a page


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


def newest(project: Path) -> Path:
    folder: Path = max(path.parent for path in project.glob("runs/*/run.json"))
    return folder
