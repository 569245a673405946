"""A step's HTML report: a Jinja2 template beside the step's code that extends report.html.j2 here.

What comes from data is escaped by the template (`<script>` is a fine column name).
"""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent


def render(template: Path, **values: Any) -> str:
    """One self-contained HTML page of `template`."""
    environment = Environment(
        loader=FileSystemLoader([template.parent, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (HERE / "style.css").read_text(encoding="utf-8")
    return environment.get_template(template.name).render(values, style=style)
