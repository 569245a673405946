"""Plots for a step's report: inline SVG, styled by style.css, the same for the same data."""

import re
from collections.abc import Sequence
from html import escape

from shared.step import Html

Points = Sequence[tuple[float, float]]
Pair = tuple[Sequence[float], Sequence[float]]  # as many values of x and of y
# Not needed of pygal's SVG: the date, its style, what its script reads, most decimals of a dot's place.
SURPLUS = re.compile(r'<!--.*?-->|<(script|style|desc|title)\b.*?</\1>|(?P<place> c[xy]="\d+\.\d)\d+', re.DOTALL)


def line(title: str, x: str, y: str, points: Pair, reference: Points) -> Html:
    """A line through the points (x, y), and a dashed line of reference. Of many points, 200 are drawn."""
    found = list(zip(*points, strict=True))
    return _xy(title, x, y, [*found[: -1 : -(-len(found) // 200)], found[-1]], reference, stroke=True)


def dots(title: str, x: str, y: str, points: Pair, reference: Points) -> Html:
    """The points (x, y), and a dashed line of reference."""
    return _xy(title, x, y, list(zip(*points, strict=True)), reference, stroke=False)


def _xy(title: str, x: str, y: str, points: Points, reference: Points, stroke: bool) -> Html:
    import pygal

    chart = pygal.XY(width=480, height=480, x_title=x, y_title=y, show_legend=False, max_scale=8, dots_size=2, js=[])
    for each, options in ((points, {"stroke": stroke, "show_dots": not stroke}), (reference, {"show_dots": False})):
        chart.add("", [(float(a), float(b)) for a, b in each], **options)
    svg = SURPLUS.sub(r"\g<place>", chart.render(no_prefix=True, disable_xml_declaration=True))
    svg = svg.replace('id=""', f'role="img" aria-label="{escape(title)}: {escape(y)} by {escape(x)}"', 1)
    return Html(f'<div class="plot"><h2>{escape(title)}</h2>{svg}</div>')


def beside(*plots: str) -> str:
    """Plots beside each other, as far as there is room."""
    return f'<div class="plots">{"".join(plots)}</div>'


def matrix(title: str, names: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Counts of true classes (rows) by predicted ones (columns)."""
    lines = ["<tr><td></td>", *(f'<th scope="col">{escape(name)}</th>' for name in names), "</tr>"]
    for name, row in zip(names, counts, strict=True):
        most = max(sum(row), 1) / 0.6  # on 60 % of the colour, text is readable, light or dark
        cells = (f'<td style="background: rgb(0 114 178 / {count / most:.2f})">{count}</td>' for count in row)
        lines += ['<tr><th scope="row">', escape(name), "</th>", *cells, "</tr>"]
    caption = "<caption>Rows: the true class. Columns: the predicted one. Shade: share of the row.</caption>"
    table = f'<div class="scroll" tabindex="0"><table>{caption}{"".join(lines)}</table></div>'
    return f"<h2>{escape(title)}</h2>{table}"


def bar(share: float) -> Html:
    """A bar in a table's cell; `share` is from 0 to 1."""
    width = 120 * min(max(share, 0), 1)
    return Html(
        f'<svg width="120" height="14" aria-hidden="true"><rect class="bar" width="{width:.1f}" height="14"/></svg>'
    )


def histogram(counts: Sequence[int]) -> Html:
    """Counts side by side in a table's cell."""
    most, wide = max(max(counts), 1), 120 / len(counts)
    bars = (f"M{i * wide:.3g} 32v-{30 * count / most:.0f}h{wide * 0.9:.3g}V32" for i, count in enumerate(counts))
    return Html(f'<svg width="120" height="32" aria-hidden="true"><path class="bar" d="{"".join(bars)}"/></svg>')
