"""How a table's columns differ from a reference, by their profiles, and which of them have drifted."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from significance import (
    Test,
    another_share,
    chi_square,
    in_bins,
    in_groups,
    kolmogorov_smirnov,
    more_often,
    new_category,
    psi,
    significant,
    unseen_more_often,
)

Entry = Mapping[str, Any]  # of a column, in a profile
KINDS = {"number": "numbers", "date": "dates", "category": "text", "text": "text", "other": "other values"}


@dataclass
class Thresholds:
    """What is drift. Shares are from 0 to 1."""

    psi: float = 0.2  # of a distribution, from here on
    p_value: float = 0.01  # of all tests of one kind together: how often it may be chance
    missing: float = 0.05  # by so much another share of missing values
    unseen: float = 0.01  # share of rows with a category, or outside of the range, that the reference has not
    worse: float = 0.1  # of the accuracy, or of the error, by what share of it
    action: str = "warn"  # or end: the step fails


@dataclass
class Difference:
    """A column of the table, held against that of the reference."""

    name: str
    kind: str
    before: Entry
    now: Entry
    tests: list[Test] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)  # why it has drifted; empty where it has not
    notes: list[str] = field(default_factory=list)  # what else is to be said
    psi: float = 0.0

    @property
    def p(self) -> float:
        """Of its distribution."""
        return min((test.p for test in self.tests if test.what == "distribution"), default=float("nan"))


def compare(name: str, before: Entry, now: Entry, given: Thresholds) -> Difference:
    """The difference of a column; whether it has drifted, `decide` says, when all of them are known."""
    found = Difference(name, before["kind"], before, now)
    kinds = {KINDS[entry["kind"]] for entry in (before, now) if entry["kind"] in KINDS and known(entry)}
    found.tests += filter(None, [missing(before, now, given)])
    if len(kinds) == 2:
        found.reasons.append(f"it held {KINDS[before['kind']]} and holds {KINDS[now['kind']]}")
    if len(kinds) != 1 or not known(before) or not known(now) or before["kind"] == "other":
        return found
    if before["kind"] == "date":
        found.notes.append("dates go on: where they lie is shown and is no drift")
        return found
    found.psi, p, words = distribution(before, now)
    words = f"it is distributed in another way (PSI {found.psi:.2g}{words})"
    found.tests.append(Test("distribution", p, 0, found.psi >= given.psi, words))
    found.tests += filter(None, [new_values(before, now, given)])
    return found


def known(entry: Entry) -> int:
    return int(entry["rows"] - entry["missing"])


def decide(differences: list[Difference], others: list[Test], given: Thresholds) -> list[str]:
    """Say of each difference why it has drifted, if it has; and of the `others`, which are significant and matter."""
    found = significant([*others, *(test for each in differences for test in each.tests)], given.p_value)
    matters = {id(test) for test in found if test.matters}
    for each in differences:
        each.reasons += [test.words for test in each.tests if id(test) in matters]
        unsure = [test for test in each.tests if test.what == "categories" and id(test) not in matters and test.p < 1]
        if unsure and not each.before["single"]:  # with rare ones, new ones are to be expected
            each.notes.append(f"{unsure[0].words}, too few to call it drift")
    return [test.words for test in others if id(test) in matters]


def missing(before: Entry, now: Entry, given: Thresholds) -> Test | None:
    counts = before["missing"], before["rows"], now["missing"], now["rows"]
    if not (before["rows"] and now["rows"]):
        return None
    p, possible = another_share(*counts)
    was, is_ = counts[0] / counts[1], counts[2] / counts[3]
    words = f"missing in {is_:.1%} of the rows, before in {was:.1%}"
    return Test("missing", p, possible, abs(is_ - was) >= given.missing, words)


def distribution(before: Entry, now: Entry) -> tuple[float, float, str]:
    """PSI, p, and in words how much it is moved."""
    if before["kind"] == "category":
        counts = in_groups(before["counts"], before["others"], now["counts"], now["others"])
        return psi(counts[0], known(before), counts[1], known(now)), chi_square(*counts), ""
    values = np.array(before["values"]), np.array(now["values"])
    rows = before["sampled"], now["sampled"]
    if not all(rows):  # the few values that there are were not drawn
        return 0.0, 1.0, ""
    _, p = kolmogorov_smirnov(values[0], rows[0], values[1], rows[1])
    found = psi(*[each for pair in zip(in_bins(*values), rows, strict=True) for each in pair])
    words = f", median {np.median(values[1]):.4g} after {np.median(values[0]):.4g}"
    if before["kind"] == "text":
        words = ", by the length of the texts"
        counts = in_groups(before["counts"], before["others"], now["counts"], now["others"])
        by_text = psi(counts[0], known(before), counts[1], known(now))
        if by_text > found:
            return by_text, chi_square(*counts), ", by the most frequent texts"
    return found, p, words


def new_values(before: Entry, now: Entry, given: Thresholds) -> Test | None:
    """Categories that the reference has not, or numbers outside of its range, of which a column is at each end open
    beyond which there is more.
    """
    if before["kind"] == "category":
        return new_categories(before, now, given)
    if before["kind"] != "number":
        return None
    count = outside(before, now)
    p, _ = more_often(before["open"], known(before), count, known(now))
    share = count / known(now)
    words = f"{share:.1%} of the rows are outside of {before['least']:.6g} to {before['greatest']:.6g}"
    # What lies outside is known by the ends of these very rows, so that no count is impossible.
    return Test("range", p, 0.0, share >= given.unseen, words)


def new_categories(before: Entry, now: Entry, given: Thresholds) -> Test:
    """Categories that the reference has not: all of them together, and the most frequent one, which a column of many
    rare ones would hide.
    """
    unseen = unseen_in(before, now)
    count, most = sum(unseen.values()) + now["others"], max(unseen.values(), default=0)
    p, possible = unseen_more_often(before["single"], known(before), count, known(now))
    share = count / known(now)
    matters = share >= given.unseen
    if before["single"] and most and most >= given.unseen * known(now):
        of_one = new_category(known(before), most, known(now))
        p, possible = min(2 * p, 2 * of_one, 1.0), 0.0
    words = f"{share:.1%} of the rows hold categories that the reference has not ({named(unseen)})"
    return Test("categories", p, possible, matters, words)


def unseen_in(before: Entry, now: Entry) -> dict[str, int]:
    """Rows of each category that the reference has not, the most frequent first."""
    return {name: rows for name, rows in now["counts"].items() if rows and name not in before["counts"]}


def named(unseen: Mapping[str, int]) -> str:
    return ", ".join(repr(name[:40]) for name in list(unseen)[:3]) + ", ..." * (len(unseen) > 3)


def outside(before: Entry, now: Entry) -> int:
    """How many rows of a column of numbers are outside of the range of the reference, as the drawn ones say."""
    values = np.array(now["values"])
    beyond = int(((values < before["least"]) | (values > before["greatest"])).sum())
    if not beyond:  # the ends are those of all rows
        return int(now["least"] < before["least"]) + int(now["greatest"] > before["greatest"])
    return round(beyond / len(values) * known(now))


def shown(kind: str, value: float) -> str:
    """A number, or of dates the day."""
    if kind != "date":
        return f"{value:.4g}"
    with np.errstate(all="ignore"):
        try:
            return dt.datetime.fromtimestamp(value, dt.UTC).date().isoformat()
        except (ValueError, OverflowError, OSError):  # a year that Python has not
            return f"{value:.6g}"
