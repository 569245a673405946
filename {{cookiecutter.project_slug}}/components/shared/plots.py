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


def beside(title: str, names: Sequence[str], before: Sequence[float], now: Sequence[float]) -> Markup:
    """Two rows of bars side by side, of shares from 0 to 1; `names` stand below them, where they are not empty."""
    most, wide = max(*before, *now, 1e-9), 440 / len(names)
    drawn = Markup()
    for kind, shares, shift in (("bar", before, 0.05), ("bar now", now, 0.5)):
        bars = (
            f"M{20 + (i + shift) * wide:.4g} 150v{-140 * share / most:.1f}h{0.45 * wide:.3g}V150"
            for i, share in enumerate(shares)
            if share
        )
        drawn += Markup('<path class="{}" d="{}"/>').format(kind, "".join(bars))
    for i, name in enumerate(names):
        short, lower = name if len(name) <= 12 else f"{name[:11]}…", 14 * (i % 2) * (all(names) and len(names) > 4)
        at = min(max(20 + (i + 0.5) * wide, 4 * len(short)), 480 - 4 * len(short))
        drawn += Markup('<text x="{:.4g}" y="{}">{}</text>').format(at, 166 + lower, short)
    label = Markup('role="img" aria-label="{}: before and now"').format(title)
    svg = Markup('<svg viewBox="0 0 480 190" {}>{}</svg>').format(label, drawn)
    return Markup('<div class="plot"><h3>{}</h3>{}</div>').format(title, svg)
