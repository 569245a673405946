"""Plots for a step's report: inline SVG, styled by style.css, the same for the same data."""

import re
from collections.abc import Sequence

from markupsafe import Markup

Points = Sequence[tuple[float, float]]
Pair = tuple[Sequence[float], Sequence[float]]  # as many values of x and of y
# Not needed of pygal's SVG: the date, its style, what its script reads, most decimals of a dot's place.
SURPLUS = re.compile(r'<!--.*?-->|<(script|style|desc|title)\b.*?</\1>|(?P<place> c[xy]="\d+\.\d)\d+', re.DOTALL)


def line(title: str, x: str, y: str, points: Pair, reference: Points) -> Markup:
    """A line through the points (x, y), and a dashed line of reference. Of many points, 200 are drawn."""
    found = list(zip(*points, strict=True))
    return _xy(title, x, y, [*found[: -1 : -(-len(found) // 200)], found[-1]], reference, stroke=True)


def dots(title: str, x: str, y: str, points: Pair, reference: Points) -> Markup:
    """The points (x, y), and a dashed line of reference."""
    return _xy(title, x, y, list(zip(*points, strict=True)), reference, stroke=False)


def _xy(title: str, x: str, y: str, points: Points, reference: Points, stroke: bool) -> Markup:
    import pygal

    chart = pygal.XY(width=480, height=480, x_title=x, y_title=y, show_legend=False, max_scale=8, dots_size=2, js=[])
    for each, options in ((points, {"stroke": stroke, "show_dots": not stroke}), (reference, {"show_dots": False})):
        chart.add("", [(float(a), float(b)) for a, b in each], **options)
    drawn = SURPLUS.sub(r"\g<place>", chart.render(no_prefix=True, disable_xml_declaration=True))
    label = Markup('role="img" aria-label="{}: {} by {}"').format(title, y, x)
    svg = Markup(drawn.replace('id=""', label, 1))  # pygal escapes its texts itself
    return Markup('<div class="plot"><h2>{}</h2>{}</div>').format(title, svg)


def bar(share: float) -> Markup:
    """A bar in a table's cell; `share` is from 0 to 1."""
    width = 120 * min(max(share, 0), 1)
    return Markup(
        f'<svg width="120" height="14" aria-hidden="true"><rect class="bar" width="{width:.1f}" height="14"/></svg>'
    )


def histogram(counts: Sequence[int]) -> Markup:
    """Counts side by side in a table's cell."""
    most, wide = max(max(counts), 1), 120 / len(counts)
    bars = (f"M{i * wide:.3g} 32v-{30 * count / most:.0f}h{wide * 0.9:.3g}V32" for i, count in enumerate(counts))
    return Markup(f'<svg width="120" height="32" aria-hidden="true"><path class="bar" d="{"".join(bars)}"/></svg>')
