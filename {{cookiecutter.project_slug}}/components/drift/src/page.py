"""The page that shows a table beside its reference, the columns that have drifted first."""

from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from differences import Difference, Thresholds, known, shown
from shared.plots import beside
from shared.reports import render

REPORT = Path(__file__).with_name("drift.html.j2")
DRAWN, LISTED, BARS = 40, 500, 20


def page(rows: int, reference: dict[str, Any], found: Any, given: Thresholds) -> str:
    title = "Drift" if found.reasons else "no drift" if reference else "no reference yet"
    every = sorted([*found.predictions, *found.differences], key=lambda each: (not each.reasons, -each.psi))
    plots = [plot for each in every[:DRAWN] if (plot := drawn(each))]
    return render(
        REPORT,
        title=title if found.reasons else f"Drift: {title}",
        rows=rows,
        reference=reference,
        found=found,
        given=given,
        listed=[row(each) for each in every[:LISTED]],
        left_out=max(len(every) - LISTED, 0),
        metrics=[
            (name, f"{now:.4g}", "" if was is None else f"{was:.4g}") for name, (now, was) in found.metrics.items()
        ],
        plots=plots,
        undrawn=len(every) > DRAWN,
    )


def row(each: Difference) -> tuple[object, ...]:
    was, is_ = (f"{part['missing'] / part['rows']:.1%}" if part.get("rows") else "" for part in (each.before, each.now))
    p = "" if np.isnan(each.p) else f"{each.p:.2g}"
    verdict = Markup('<strong class="failed">drifted</strong>') if each.reasons else ""
    told = "; ".join([*each.reasons, *each.notes])
    return each.name, verdict, told, f"{each.psi:.2f}" if p or each.psi else "", p, was, is_


def drawn(each: Difference) -> Markup | None:
    """Both distributions of a column as bars side by side; None where one has no values."""
    before, now = each.before, each.now
    if not now or not known(before) or not known(now) or now["kind"] != before["kind"]:
        return None
    if before["kind"] == "category":
        return beside(each.name, *categories(before, now))
    if not before.get("values") or not now.get("values"):
        return None
    title = f"{each.name}, length" if before["kind"] == "text" else each.name
    return beside(title, *numbers(before["kind"], np.array(before["values"]), np.array(now["values"])))


def categories(before: Any, now: Any) -> tuple[list[str], list[float], list[float]]:
    """The most frequent categories of both: their names, and their shares in each."""
    both = {name: before["counts"].get(name, 0) / known(before) for name in before["counts"] | now["counts"]}
    both = {name: share + now["counts"].get(name, 0) / known(now) for name, share in both.items()}
    names = sorted(both, key=lambda name: -both[name])[:8]
    old, new = ([side["counts"].get(name, 0) / known(side) for name in names] for side in (before, now))
    if len(both) > len(names):
        return [*names, "others"], [*old, max(1 - sum(old), 0)], [*new, max(1 - sum(new), 0)]
    return names, old, new


def numbers(kind: str, before: Any, now: Any) -> tuple[list[str], list[float], list[float]]:
    """Shares of both in bins of the same width; what is far out is in the first and the last."""
    ends = [np.quantile(values, [0.005, 0.995]) / 4 for values in (before, now)]  # even the largest have a range
    low, high = min(each[0] for each in ends), max(each[1] for each in ends)
    if low == high:
        return [shown(kind, low * 4)], [1.0], [1.0]
    places = [np.clip((values / 4 - low) / (high - low) * BARS, 0, BARS - 1e-9).astype(int) for values in (before, now)]
    shares = [(np.bincount(place, minlength=BARS) / len(place)).tolist() for place in places]
    names = [""] * BARS
    names[0], names[BARS // 2], names[-1] = (shown(kind, end * 4) for end in (low, (low + high) / 2, high))
    return names, shares[0], shares[1]
