"""Whether a difference is more than chance: a probability for each question, and what is asked of them together."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

EXPECTED = 5  # rows of a category that the chi-square test needs, in either table
GROUPS = 20  # categories that are told apart; the rarer ones are one more together
BINS = 10  # of as many rows each, in the reference
FEW, UNLIKELY = 200, 0.0005  # rows below which a test by counts is too careful, and how seldom its interval is wrong


@dataclass
class Test:
    """One question that is asked of a column: is it more than chance, and is it enough to matter?"""

    what: str  # distribution, missing, range, categories or metric
    p: float  # of a difference at least as large, if nothing has changed
    possible: float  # the least `p` that could have come out: what cannot be small need not be corrected for
    matters: bool
    words: str


def significant(tests: Sequence[Test], p_value: float) -> list[Test]:
    """The tests that are more than chance, so that all of one kind together are wrong with at most `p_value`.

    Those of a kind are corrected together: a new category, which is rare to turn up, need not be as sure for there
    being many columns of numbers.
    """
    alpha = {kind: level([test for test in tests if test.what == kind], p_value) for kind in {t.what for t in tests}}
    return [test for test in tests if test.p <= alpha[test.what]]


def level(tests: Sequence[Test], p_value: float) -> float:
    """Below which p each of the tests is significant, so that all together are wrong with at most `p_value`.

    This is Bonferroni's correction, for as many tests as could come out significant at all (Tarone's).
    """
    possible = np.array([test.possible for test in tests])
    return next(p_value / count for count in range(1, len(tests) + 1) if (possible <= p_value / count).sum() <= count)


def kolmogorov_smirnov(before: Any, rows_before: int, now: Any, rows_now: int) -> tuple[float, float]:
    """The greatest distance between two distributions, and its p. Both are sorted values of that many rows."""
    every = np.concatenate([before, now])
    shares = [np.searchsorted(values, every, side="right") / len(values) for values in (before, now)]
    distance = float(np.abs(shares[0] - shares[1]).max())
    if len(before) == rows_before and len(now) == rows_now:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where it cannot be exact, it says so
            return distance, float(stats.ks_2samp(before, now).pvalue)
    rows = rows_before * rows_now / (rows_before + rows_now)
    return distance, float(stats.kstwo.sf(distance, max(round(rows), 1)))


def chi_square(before: Any, now: Any) -> float:
    """p of two rows of counts, shape (groups,) each."""
    there = before + now > 0
    if there.sum() < 2 or not before.sum() or not now.sum():
        return 1.0
    return float(stats.chi2_contingency([before[there], now[there]], correction=there.sum() == 2).pvalue)


def more_often(before: int, rows_before: int, now: int, rows_now: int) -> tuple[float, float]:
    """p that what was so `before` of its rows is so in as many rows `now`, and the least p that there could be."""
    both, share = before + now, rows_now / (rows_before + rows_now)
    return float(stats.binom.sf(now - 1, both, share)), share**both


def unseen_more_often(single: int, rows_before: int, now: int, rows_now: int) -> tuple[float, float]:
    """p that `now` of its rows hold categories that the reference has not, and the least p that there could be.

    Good and Turing: such rows are as frequent as those of the reference whose category is in no other row. Counts are
    few, and only some p can come out of them; so p is how often one at most as large does, at the worst of the means
    that the counts leave possible (Boschloo's test, and Berger and Boos's interval).
    """
    p, least = more_often(single, rows_before, now, rows_now)
    both, share = single + now, rows_now / (rows_before + rows_now)
    if not now or both >= FEW:
        return p, least
    counts = np.arange(1, 3 * FEW)
    ends = stats.chi2.ppf([UNLIKELY / 2, 1 - UNLIKELY / 2], [2 * both, 2 * both + 2]) / 2
    often = stats.poisson.pmf(counts, np.linspace(ends[0], ends[1], 50)[:, None])

    def at_worst(limit: float) -> float:
        as_large = stats.binom.isf(limit * (1 + 1e-9), counts, share)
        return min(limit, float((often @ stats.binom.sf(as_large, counts, share)).max()) + UNLIKELY)

    return at_worst(p), at_worst(least)


def new_category(rows_before: int, now: int, rows_now: int) -> float:
    """p that any category of which the reference has no row is in at least `now` rows, however many there are.

    Shares of all categories are 1 together, so it is at most as large as for the worst share, by that share.
    """
    shares = np.geomspace(1e-9, 0.9, 500)
    return float(
        min((np.exp(rows_before * np.log1p(-shares)) * stats.binom.sf(now - 1, rows_now, shares) / shares).max(), 1)
    )


def another_share(before: int, rows_before: int, now: int, rows_now: int) -> tuple[float, float]:
    """The same of more or less often."""
    more, least = more_often(before, rows_before, now, rows_now)
    less, other_least = more_often(now, rows_now, before, rows_before)
    return min(2 * more, 2 * less, 1.0), min(2 * least, 2 * other_least, 1.0)


def psi(before: Any, rows_before: int, now: Any, rows_now: int) -> float:
    """The population stability index of two rows of counts, shape (groups,), less what chance alone makes of it."""
    if not rows_before or not rows_now:
        return 0.0
    there = before + now > 0
    least = max(0.5 / min(rows_before, rows_now), 1e-4)  # an empty group would make it infinite
    shares = [np.maximum(counts[there] / counts.sum(), least) for counts in (before, now)]
    found = ((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum()
    chance = (there.sum() - 1) * (1 / rows_before + 1 / rows_now)
    return float(max(found - chance, 0))


def in_bins(before: Any, now: Any) -> tuple[Any, Any]:
    """How many of two columns' sorted values are in each bin: about tenths of the first, and outside of its range."""
    tenths = before[(np.arange(1, BINS) * len(before) / BINS).astype(int)]
    edges = np.unique([np.nextafter(before[0], -np.inf), *tenths, before[-1]])
    counts = [np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1) for values in (before, now)]
    return counts[0], counts[1]


def in_groups(before: dict[str, int], others_before: int, now: dict[str, int], others_now: int) -> tuple[Any, Any]:
    """How many rows of two columns are in each group: the frequent categories, and all others together."""
    rows = (sum(before.values()) + others_before, sum(now.values()) + others_now)
    smaller = min(rows) / max(sum(rows), 1)
    both = {name: before.get(name, 0) + now.get(name, 0) for name in before | now}
    ranked = sorted(both, key=lambda name: (-both[name], name))[:GROUPS]
    groups = [name for name in ranked if both[name] * smaller >= EXPECTED]
    counts = [[side.get(name, 0) for name in groups] for side in (before, now)]
    return tuple(np.array([*each, all_ - sum(each)]) for each, all_ in zip(counts, rows, strict=True))  # type: ignore[return-value]
