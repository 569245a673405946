"""The kinds of values that a text can be: numbers, times, flags. DuckDB tries them on every value of a column."""


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
