"""The kinds of values that a text can be: numbers, times, flags. DuckDB tries them on every value of a column."""


def matching(pattern: str, then: str) -> str:
    return f"CASE WHEN regexp_full_match({{c}}, '{pattern}') THEN {then} END"


def formatted(pattern: str, format_: str, type_: str) -> str:
    return matching(pattern, f"CAST(try_strptime({{c}}, '{format_}') AS {type_})")


DAY, CLOCK = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}", r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?"
SIGNS = r"[€$£¥%\s\x{a0}\x{202f}'\x{2019}]|EUR|USD|GBP|CHF"
BARE = f"regexp_replace({{c}}, '{SIGNS.replace(chr(39), chr(39) * 2)}', '', 'g')"


def grouped(group: str, point: str) -> str:
    """A number with signs of money, percent or groups of thousands, such as $1,234.50."""
    pattern = rf"[-+]?(\d+|\d{{1,3}}([{group}]\d{{3}})+)?([{point}]\d*)?"
    number = f"replace(replace({BARE}, '{group}', ''), '{point}', '.')"
    return f"CASE WHEN regexp_full_match({BARE}, '{pattern}') THEN try_cast({number} AS DOUBLE) END"


# Each kind as SQL of a text {c}: a value, or NULL where the text is none of this kind. The first that fits is taken.
KINDS: dict[str, str] = {
    # Only what is written as it would be: 1.5 would be rounded to 2, and 007 loses its zeros.
    "whole": "CASE WHEN CAST(try_cast({c} AS BIGINT) AS VARCHAR) = {c} THEN try_cast({c} AS BIGINT) END",
    "flag": "CASE lower({c}) WHEN 'true' THEN true WHEN 'false' THEN false END",
    "number": "CASE WHEN NOT contains({c}, '_') THEN nullif(try_cast({c} AS DOUBLE), CAST('nan' AS DOUBLE)) END",
    "1,234.56": grouped(",", "."),
    "1.234,56": grouped(".", ","),
    "date": matching(DAY, "try_cast({c} AS DATE)"),
    "time": matching(rf"{DAY}[T ]{CLOCK}", "try_cast({c} AS TIMESTAMP)"),
    "zoned": matching(rf"{DAY}[T ]{CLOCK}\s?(Z|UTC|[-+]\d{{2}}(:?\d{{2}})?)", "try_cast({c} AS TIMESTAMPTZ)"),
    "clock": matching(CLOCK, "try_cast({c} AS TIME)"),
}
for day in ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y"):
    digits = r"\w{3} \d{1,2}, \d{4}" if day[1] == "b" else rf"\d{{1,2}}[{day[2]}]\w{{1,3}}[{day[2]}]\d{{4}}"
    KINDS[day] = formatted(digits, day, "DATE")
    KINDS[f"{day} %H:%M"] = formatted(rf"{digits} \d{{1,2}}:\d{{2}}", f"{day} %H:%M", "TIMESTAMP")
    KINDS[f"{day} %H:%M:%S"] = formatted(rf"{digits} \d{{1,2}}:\d{{2}}:\d{{2}}", f"{day} %H:%M:%S", "TIMESTAMP")
KINDS["text"] = "{c}"
KINDS["empty"] = "NULL"

GROUPED = ("1,234.56", "1.234,56")
NUMBERS = ("whole", "number", *GROUPED)


def sql_of(kind: str, column: str) -> str:
    return KINDS[kind].replace("{c}", column)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
