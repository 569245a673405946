"""The templates of the pages, and what each of them may use. All text in them is escaped, and made visible."""

import base64
import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ..files import ROOT
from ..terminal import cut
from .drawing import curve, tip
from .room import fitting
from .text import shown

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
STEP_STYLE = ROOT / "components" / "shared" / "style.css"
SIGNS = {"succeeded": "✓", "cached": "≡", "failed": "✗", "stopped": "■", "running": "…", "pending": "…", "skipped": "-"}


def rendered(template: str, script: str = "page.js", **values: Any) -> str:
    """A page made of a template. It may run this one script, which lies beside it."""
    text = _read(HERE / script)
    return _environment().get_template(template).render(values, script=Markup(text), policy=_policy(text))


@functools.cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from .compiled import Compiled

    made = Environment(
        loader=FileSystemLoader(HERE, encoding="utf-8"),
        bytecode_cache=Compiled(Path(__file__)),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "fitting": fitting,
        "signs": SIGNS,
        "step_style": Markup(_read(STEP_STYLE)),
        "style": Markup(_read(HERE / "run.css")),
    }
    made.filters |= {"cut": cut, "shown": shown, "curve": curve, "tip": tip, "px": _pixels, "seconds": _seconds}
    return made


def _policy(script: str) -> str:
    """What a page may do: nothing, but to be styled, to show what is in it, and to run this one script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
        f"script-src 'sha256-{digest}'"
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _pixels(value: float) -> str:
    return f"{value:.1f}"


def _seconds(value: float) -> str:
    return f"{value:,.1f} s"
