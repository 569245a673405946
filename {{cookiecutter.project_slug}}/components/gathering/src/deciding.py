"""What the columns of a delimited file hold, decided from all of their values, and said where it is not plain."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kinds import GROUPED, NUMBERS, Fit, at_hand, count, in_parts, look_at, plausible, with_numbers
from reading import WORDS, Reading
from shared.step import StepError

HEAD_ROWS = 1_000  # by which a kind is ruled out for a column
MOST = 38  # digits of a whole number that is kept exactly
NAME = re.compile(r"\d+[A-Za-z]|[A-Za-z]\d+|\d+-\d+")  # such as 12A or 98115-4820: whole numbers beside it are names
ROUNDED = "of more than 15 digits, which are rounded"


@dataclass(frozen=True)
class Decided:
    kind: str
    strict: bool = True  # whether every value seen was of this kind
    note: str = ""
    keep: bool = False  # whether the next table must be read so too, whatever is in it


@dataclass(frozen=True)
class Decisions:
    columns: dict[str, Decided]
    decimal: str  # the decimal sign, where it is a comma
    fits: dict[str, Fit]  # by c0, c1, ...
    sampled: frozenset[str] = frozenset()  # those of which only the first rows were counted


def decide_all(connection: Any, source: str, names: Sequence[str], reading: Reading, delimiter: str) -> Decisions:
    """What the columns c0, c1, ... of text in `source` hold, which have these names."""
    pairs = {f"c{number}": name for number, name in enumerate(names)}
    missing = reading.missing_words
    connection.execute(f"CREATE OR REPLACE TEMP TABLE head AS FROM {source} LIMIT {HEAD_ROWS}")
    likely = plausible(connection, list(pairs), missing)
    for c, name in pairs.items():
        if (told := reading.columns.get(name)) and told not in likely[c]:
            likely[c].append(told)
    source = at_hand(connection, source, pairs)
    found = in_parts(count, connection, source, likely, missing)
    odd = {c: with_numbers(likely[c]) if fit.values > fit.missing else [] for c, fit in found.items() if is_odd(fit)}
    found |= in_parts(look_at, connection, source, odd, missing)  # without values none is asked for: each takes long
    decimal = reading.decimal or decimal_of(found.values(), delimiter)
    if decimal == "," and (points := {c: with_numbers(likely[c]) for c in found if may_be_grouped(found[c])}):
        found |= in_parts(look_at, connection, source, points, missing)
        decimal = reading.decimal or decimal_of(found.values(), delimiter)
    return decisions_of(found, names, reading, decimal)


def decisions_of(found: Mapping[str, Fit], names: Sequence[str], reading: Reading, decimal: str) -> Decisions:
    columns = {name: decide(name, found[f"c{number}"], reading, decimal) for number, name in enumerate(names)}
    return Decisions(columns, decimal, dict(found))


def decide_soon(
    connection: Any, source: str, names: Sequence[str], reading: Reading, delimiter: str, rows: int, whole: bool
) -> Decisions:
    """As `decide_all`, by the first rows, and by all of them for columns of which these do not tell enough.

    Whoever reads the others has to hold each value against the kind. Where it is not `whole`, a column is as the first
    rows say as long as nothing in these is odd.
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE sample AS FROM {source} LIMIT {rows}")
    first = decide_all(connection, "sample", names, reading, delimiter)
    if connection.execute("SELECT count(*) FROM sample").fetchone()[0] < rows:
        return first
    asked = dict[str, list[str]]()
    for (c, fit), (name, one) in zip(first.fits.items(), first.columns.items(), strict=True):
        if not one.strict:
            asked[c] = [one.kind] if name in reading.columns else list(fit.fits)
        elif whole and in_doubt(fit, one, name in reading.columns):
            asked[c] = to_try(fit, first.decimal)
        elif whole and fit.values < rows:
            asked[c] = []  # how many gaps are words that mean missing
    found = looked_again(connection, source, first, asked, names, reading, delimiter)
    return found or decide_all(connection, source, names, reading, delimiter)


def in_doubt(fit: Fit, decided: Decided, told: bool) -> bool:
    """Whether all rows may make of a column something else than the first ones, though each value is of its kind."""
    if decided.kind == "text" and not told:
        return bool(fit.fits.keys() - {"text", "empty"})
    return bool(fit.long) or "the other way round" in decided.note


def to_try(fit: Fit, decimal: str) -> list[str]:
    """The kinds that a column may turn out to be: those that all of the first rows are."""
    best = {kind for kind, count in fit.fits.items() if count == fit.values and kind not in ("text", "empty")}
    if not best:
        return list(fit.fits)
    if "number" in best and not decimal:
        best -= set(GROUPED)  # which take long, and would not be preferred
    return [kind for kind in fit.fits if kind in best | {"whole", "long", "text"}]


def looked_again(
    connection: Any,
    source: str,
    first: Decisions,
    asked: Mapping[str, Sequence[str]],
    names: Sequence[str],
    reading: Reading,
    delimiter: str,
) -> Decisions | None:
    """The decisions by the first rows, with what all rows say of the columns `asked`: which of these kinds they are.

    None if all has to be decided anew, since something is not as the first rows promised.
    """
    source = at_hand(connection, source, asked)
    fits = dict(first.fits)
    for c, fit in in_parts(look_at, connection, source, asked, reading.missing_words).items():
        before = fits[c]
        promised = [kind for kind in asked[c] if before.fits[kind] == before.values and kind not in ("text", "empty")]
        if promised and not any(fit.fits[kind] == fit.values for kind in promised):
            return None
        if not asked[c]:
            if fit.values and not before.values:
                return None
            fit = replace(before, missing=fit.missing, missing_words=fit.missing_words)
        fits[c] = fit
    decimal = reading.decimal or decimal_of(fits.values(), delimiter)
    found = replace(decisions_of(fits, names, reading, decimal), sampled=frozenset(fits.keys() - asked.keys()))
    return found if decimal == first.decimal else None


def is_odd(fit: Fit) -> bool:
    """Whether the values have to be looked at: some are no such value, or written in a way that has to be said."""
    fitting = [kind for kind, count in fit.fits.items() if count == fit.values and kind not in ("text", "empty")]
    long = fit.long and "whole" not in fitting
    return bool(fit.missing or fit.zeros or long or fit.values == 0 or set(fitting) & set(GROUPED)) or (
        not fitting and len(fit.fits) > 1
    )


def may_be_grouped(fit: Fit) -> bool:
    """Whether plain numbers could be whole ones with points between thousands, as in 1.234."""
    return "1.234,56" not in fit.fits and fit.fits.get("number") == fit.values != fit.fits.get("whole")


def decimal_of(found: Collection[Fit], delimiter: str) -> str:
    """The decimal sign of a file where it is a comma: some column has to be read so, or the delimiter suggests it.

    Where few values have one, it may stand between two numbers, as in '20,22' among 20 and 22; and the more surely so
    where other columns have points.
    """
    points = any("1.234,56" in fit.fits and fit.fits["1.234,56"] < fit.fits.get("number", 0) for fit in found)
    least = 0.5 if points else 0.1
    commas = [fit for fit in found if needs_comma(fit) and fit.commas >= least * fit.values]
    return "," if commas or (delimiter == ";" and any(map(needs_comma, found))) else ""


def needs_comma(fit: Fit) -> bool:
    count = fit.fits.get("1.234,56", 0)
    return 2 * count >= fit.values and count > max(1, fit.fits.get("number", 0))


def decide(name: str, fit: Fit, reading: Reading, decimal: str) -> Decided:
    """The kind of a column. What is no such value becomes missing only where it is rare, or a word that means it."""
    if name in reading.columns:
        return as_told(name, fit, reading.columns[name])
    if not fit.values:
        return Decided("empty", note=lost_note(fit, "empty"))
    never = {"text", "empty"} | ({"1.234,56"} if fit.commas and decimal != "," else set())
    never |= set(GROUPED) if fit.opens == fit.values else set()
    fitting = {kind: count for kind, count in fit.fits.items() if kind not in never}
    best = max(fitting.values(), default=0)
    others = [kind for kind, count in fitting.items() if count == best]
    kind = preferred(others, decimal)
    if not kind or (best < fit.values and (kind == "flag" or not meant_as_missing(fit, kind))):
        return Decided("text", note=lost_note(fit, "text"))
    whole = max(fit.fits.get("whole", 0), fit.fits.get("long", 0))
    if fit.zeros and kind in NUMBERS and fit.zeros + whole >= best:
        many = f"{fit.zeros} values begin" if fit.zeros > 1 else "a value begins"
        return Decided("text", note=f"kept as text: {many} with 0, such as {fit.zero!r}", keep=True)
    if fit.long and kind == "number" and (endless := endless_note(fit.example)):
        return Decided("text", note=endless, keep=True)
    strict, read = best == fit.values, how_read(fit, kind, others)
    keep = not strict or bool(read and not (kind == "1.234,56" and decimal == ","))
    return Decided(kind, strict, "; ".join(filter(None, [lost_note(fit, kind), read])), keep)


def preferred(kinds: Sequence[str], decimal: str) -> str:
    """The first of some kinds; of numbers that may be read in two ways, the one with the file's decimal sign."""
    if decimal == "," and "1.234,56" in kinds and "whole" not in kinds:
        return "1.234,56"
    return next((kind for kind in kinds if not (decimal == "." and kind == "1.234,56")), "")


def meant_as_missing(fit: Fit, kind: str) -> bool:
    """Whether the values that are not of the kind are so few, or such words, that they stand for no value."""
    words, share = fit.misfits[kind], fit.fits[kind] / fit.values
    if len(words) < 5 and all(word.strip().lower() in WORDS for word in words):
        return fit.fits[kind] > 1
    if kind == "whole" and any(NAME.fullmatch(word) for word in words):
        return False
    return share >= 0.99 or (share >= 0.9 and len(words) <= 3)


def endless_note(longest: str) -> str:
    """Why a column of numbers is text, where the longest is a whole one that no kind of number holds; else empty."""
    if len(longest) <= MOST or not longest.lstrip("-+").isdigit():
        return ""
    return f"kept as text: whole numbers of up to {len(longest)} digits, more than a number here holds"


def lost_note(fit: Fit, kind: str) -> str:
    """Which values were taken as missing, and how many."""
    words = [*fit.missing_words, *fit.misfits.get(kind, [])]
    count = fit.missing + fit.values - fit.fits.get(kind, fit.values)
    if not count:
        return ""
    named = " or ".join(repr(word[:30]) for word in words[:3]) + (" ..." if len(words) > 3 else "")
    return f"{count} value{'s' * (count > 1)} {named} taken as missing"


def how_read(fit: Fit, kind: str, others: Sequence[str] = ()) -> str:
    """How values were read that a program would not take so by itself."""
    long = len(re.sub(r"\D", "", re.split(r"[.,]\d{1,2}\D*$", fit.example)[0])) > 15
    if kind in GROUPED:
        return f"numbers such as {fit.example[:30]!r}, read as {kind}" + f", {ROUNDED}" * long
    if kind == "long":
        return f"whole numbers such as {fit.example[:MOST]!r}, kept exactly"
    if kind == "number" and fit.long:
        return f"numbers such as {fit.example[:30]!r}, {ROUNDED}"
    if not kind.startswith("%"):
        return ""
    words = {"%d": "day", "%m": "month", "%Y": "year", "%b": "month", "%H": "hour", "%M": "minute", "%S": "second"}
    words |= {"%y": "year", "%B": "month", "%I": "hour", " %p": " AM or PM"}
    said = kind
    for code, word in words.items():
        said = said.replace(code, word)
    other = any(one.startswith("%") and one != kind for one in others)
    return f"read as {said}" + (", though day and month could be the other way round" if other else "")


def as_told(name: str, fit: Fit, kind: str) -> Decided:
    """The kind that the reading says. Raises StepError where much in the column is not of it."""
    count = fit.fits.get(kind, 0)
    if fit.values and not (count >= 0.9 * fit.values or meant_as_missing(fit, kind)):
        said = f"{fit.values - count} of {fit.values} values are not, such as {fit.misfits[kind][0][:50]!r}"
        where = f"column {name!r} is to be read as {kind} (reading, in invoke.yaml)"
        raise StepError(f"{where}, and {said}. Correct the source, or change reading.")
    note = "; ".join(filter(None, [lost_note(fit, kind), how_read(fit, kind)]))
    return Decided(kind, count == fit.values, note, keep=True)
