"""The kinds of values that a text can be: numbers, times, flags. DuckDB tries them on every value of a column."""

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any

AT_ONCE = 40  # columns that one query asks about: what DuckDB takes to plan it grows with their square
ZEROS = "regexp_full_match({c}, '[-+]?0[0-9]+')"
# More digits before the point than a double holds; the first two conditions are quick, and sort out most values.
LONG = (
    "strlen({c}) > 15 AND instr({c}, '.') NOT BETWEEN 1 AND 15 AND regexp_full_match({c}, '[-+]?[0-9]{{16,}}[.0-9]*')"
)
COMMA = r"regexp_matches({c}, '\d,(\d{{1,2}}|\d{{4,}})([eE][-+]?\d+)?\D*$')"  # no groups of thousands end so
OPEN = "suffix({c}, '-') AND NOT contains({c}, '.') AND NOT contains({c}, ',')"


def matching(pattern: str, then: str) -> str:
    return f"CASE WHEN regexp_full_match({{c}}, '{pattern}') THEN {then} END"


def formatted(pattern: str, format_: str, type_: str) -> str:
    return matching(pattern, f"CAST(try_strptime({{c}}, '{format_}') AS {type_})")


DAY, CLOCK = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}", r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?"
BLANK = r"[\s\x{a0}\x{202f}]"
MONEY = r"(R|A|C|US)?\p{Sc}|%|(EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN|CZK|JPY|CNY|INR|BRL|CAD|AUD|NZD|ZAR|[Kk]r|zł|Kč|Ft)\.?"
SIGNS = rf"{BLANK}*({MONEY}){BLANK}*|^{BLANK}+|{BLANK}+$"
BARE = f"regexp_replace({{c}}, '{SIGNS}', '', 'g')"
SIGNED = rf"regexp_replace({BARE}, '^\(([^-+()]+)\)$|^([^-+()]+)-$', '-\1\2')"  # books' (5.00) and SAP's 5.00-


def grouped(group: str, point: str) -> str:
    """A number with signs of money, percent or groups of thousands, such as $1,234.50, or with an exponent."""
    between = "|".join(rf"({sign}\d{{3}})+" for sign in (f"[{group}]", "''", r"\x{2019}", BLANK))
    pattern = rf"[-+]?(\d+|\d{{1,3}}({between}))?([{point}]\d*)?([eE][-+]?\d{{1,3}})?"
    number = f"replace(regexp_replace({SIGNED}, '[^-+0-9eE{point}]', '', 'g'), '{point}', '.')"
    return f"CASE WHEN regexp_full_match({SIGNED}, '{pattern}') THEN try_cast({number} AS DOUBLE) END"


# Each kind as SQL of a text {c}: a value, or NULL where the text is none of this kind. The first that fits is taken.
KINDS: dict[str, str] = {
    # Only what is written as it would be: 1.5 would be rounded to 2, and 007 loses its zeros.
    "whole": "CASE WHEN CAST(try_cast({c} AS BIGINT) AS VARCHAR) = {c} THEN try_cast({c} AS BIGINT) END",
    "flag": "CASE lower({c}) WHEN 'true' THEN true WHEN 'false' THEN false END",
    "long": "CASE WHEN CAST(try_cast({c} AS DECIMAL(38, 0)) AS VARCHAR) = {c} THEN try_cast({c} AS DECIMAL(38, 0)) END",
    "number": "CASE WHEN NOT contains({c}, '_') THEN nullif(try_cast({c} AS DOUBLE), CAST('nan' AS DOUBLE)) END",
    "1,234.56": grouped(",", "."),
    "1.234,56": grouped(".", ","),
    "date": matching(DAY, "try_cast({c} AS DATE)"),
    "time": matching(rf"{DAY}[T ]{CLOCK}", "try_cast({c} AS TIMESTAMP)"),
    "zoned": matching(rf"{DAY}[T ]{CLOCK}\s?(Z|UTC|[-+]\d{{2}}(:?\d{{2}})?)", "try_cast({c} AS TIMESTAMPTZ)"),
    "clock": matching(CLOCK, "try_cast({c} AS TIME)"),
}
for day in (
    *("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y"),
    *("%d.%m.%y", "%m/%d/%y", "%d/%m/%y", "%d-%b-%y", "%d %B %Y", "%B %d, %Y"),
):
    year, month = (r"\d{4}" if day[-1] == "Y" else r"\d{2}"), (r"\w{3}" if "b" in day else r"[A-Z][a-z]+")
    digits = rf"{month} \d{{1,2}}, {year}" if day[1] in "bB" else rf"\d{{1,2}}[{day[2]}]\w+[{day[2]}]{year}"
    KINDS[day] = formatted(digits, day, "DATE")
    for clock in ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p"):
        time = r"\d{1,2}:\d{2}" + r":\d{2}" * ("S" in clock) + " [APap][Mm]" * ("p" in clock)
        KINDS[f"{day} {clock}"] = formatted(rf"{digits} {time}", f"{day} {clock}", "TIMESTAMP")
KINDS["%Y-%m"] = formatted(r"\d{4}-\d{2}", "%Y-%m", "DATE")
KINDS["text"] = "{c}"
KINDS["empty"] = "NULL"

GROUPED = ("1,234.56", "1.234,56")
NUMBERS = ("whole", "long", "number", *GROUPED)


def sql_of(kind: str, column: str) -> str:
    return KINDS[kind].replace("{c}", column)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@dataclass
class Fit:
    """How the values of a column fit: how many there are, how many are of each kind, and some that are not."""

    values: int = 0
    missing: int = 0  # values that are one of the reading's words for it
    missing_words: list[str] = field(default_factory=list)
    zeros: int = 0  # numbers of digits alone that begin with 0, such as 007
    long: int = 0  # numbers of more than 15 digits
    zero: str = ""  # one of those that begin with 0
    commas: int = 0  # values in which a comma is surely a decimal one
    opens: int = 0  # values with a minus behind and no fraction, such as 50- for fifty and more
    example: str = ""  # the longest value
    fits: dict[str, int] = field(default_factory=dict)
    misfits: dict[str, list[str]] = field(default_factory=dict)


def plausible(connection: Any, columns: Sequence[str], missing: Sequence[str]) -> dict[str, list[str]]:
    """The kinds that may turn out to be those of each column, by the table `head` of its first rows."""
    words = ", ".join(map(quoted, ["", *missing]))
    counts = ", ".join(f"count({sql_of(kind, 'v')})" for kind in KINDS)
    long = f"(UNPIVOT head ON * INTO NAME c VALUE v) WHERE v NOT IN ({words})"
    found = connection.execute(f"SELECT c, count(*), {counts} FROM {long} GROUP BY c").fetchall()
    likely = {c: list(KINDS) for c in columns}
    for c, values, *fitting in found:
        counted = dict(zip(KINDS, fitting, strict=True))
        kinds = [kind for kind in KINDS if 2 * counted[kind] >= values]
        # A later number may have decimals; to look for signs in all of them would take long.
        plain = ["whole", "number", "text"] if values == counted["whole"] else ["number", "text"]
        likely[c] = plain if values == counted["number"] and (counted["whole"] in (0, values)) else with_numbers(kinds)
    return likely


def with_numbers(kinds: Sequence[str]) -> list[str]:
    """The kinds, and all of numbers where one of them is a number."""
    return [kind for kind in KINDS if kind in kinds or (kind in NUMBERS and set(NUMBERS) & set(kinds))]


def at_hand(connection: Any, source: str, columns: Sized) -> str:
    """The relation, or a table of it where so many columns are asked about that it would be read again and again."""
    if len(columns) <= AT_ONCE:
        return source
    connection.execute(f"CREATE OR REPLACE TEMP TABLE everything AS FROM {source}")
    return "everything"


def in_parts(
    ask: Callable[..., dict[str, Fit]],
    connection: Any,
    source: str,
    kinds: Mapping[str, Sequence[str]],
    missing: Sequence[str],
) -> dict[str, Fit]:
    """What `ask`, which is `count` or `look_at`, finds, of AT_ONCE columns after the other."""
    columns, found = list(kinds), dict[str, Fit]()
    for start in range(0, len(columns), AT_ONCE):
        found |= ask(connection, source, {c: kinds[c] for c in columns[start : start + AT_ONCE]}, missing)
    return found


def count(connection: Any, source: str, kinds: Mapping[str, Sequence[str]], missing: Sequence[str]) -> dict[str, Fit]:
    """How many values the columns of a relation of text have, how many of them fit, and how many may mean missing."""
    asked = []
    for c, tried in kinds.items():
        asked += [f"count({c})", f"count(*) FILTER ({means_missing(c, missing)})"]
        for odd in (f"{c} ^@ '0' AND {ZEROS.format(c=c)}", LONG.format(c=c)):
            asked.append(f"count(*) FILTER ({odd})" if "number" in tried else "0")
        asked += [f"count({sql_of(kind, c)})" for kind in tried]
    found = iter(connection.execute(f"SELECT {', '.join(asked)} FROM {source}").fetchone())
    result = {}
    for c, tried in kinds.items():
        result[c] = Fit(values=next(found), missing=next(found), zeros=next(found), long=next(found))
        result[c].fits = {kind: next(found) for kind in tried}
    return result


def means_missing(c: str, missing: Sequence[str]) -> str:
    """SQL for whether a column has one of the words; to see first whether it is too long for one takes less time."""
    words = ", ".join(map(quoted, missing)) or "NULL"
    longest = max((len(word.encode()) for word in missing), default=0)
    return f"coalesce(strlen({c}) <= {longest} AND {c} IN ({words}), false)"


def look_at(connection: Any, source: str, kinds: Mapping[str, Sequence[str]], missing: Sequence[str]) -> dict[str, Fit]:
    """As `count`, and with the values that mean missing or do not fit, the most frequent first."""
    asked = []
    for c, tried in kinds.items():
        lost, zeros = means_missing(c, missing), ZEROS.format(c=c)
        known = f"{c} IS NOT NULL AND NOT {lost}"
        asked += [f"count(*) FILTER ({known})", f"count(*) FILTER ({lost})", f"approx_top_k({c}, 3) FILTER ({lost})"]
        if not tried:
            asked += ["0", "0", "NULL", "0", "0", "NULL"]
            continue
        asked += [f"count(*) FILTER ({zeros})", f"count(*) FILTER ({LONG.format(c=c)})"]
        asked.append(f"any_value({c}) FILTER ({zeros})")
        asked += [f"count(*) FILTER ({known} AND {odd.format(c=c)})" for odd in (COMMA, OPEN)]
        asked.append(f"max_by({c}, length({c}))")
        for kind in tried:
            value = sql_of(kind, c)
            asked += [f"count({value}) FILTER ({known})", f"approx_top_k({c}, 5) FILTER ({known} AND {value} IS NULL)"]
    found = iter(connection.execute(f"SELECT {', '.join(asked)} FROM {source}").fetchone())
    result = {}
    for c, tried in kinds.items():
        values, lost, lost_words, *rest = (next(found) for _ in range(9))
        result[c] = fit = Fit(values, lost, lost_words or [], *rest)
        for kind in tried:
            fit.fits[kind], fit.misfits[kind] = next(found), next(found) or []
    return result
