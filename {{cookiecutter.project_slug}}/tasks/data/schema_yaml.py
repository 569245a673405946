"""schema.yaml for a table: types, which columns may have gaps, and the categories that were seen."""

import json
from typing import Any

from .understanding import Column


def schema_yaml(columns: list[Column], source: str) -> str:
    """A pandera schema that the table holds, as text."""
    lines = [
        f"# What a valid table looks like (pandera), inferred from {_text(source)}.",
        "# Tighten it with what you know: checks such as in_range, isin, str_matches. nullable: missing values may be.",
        "columns:",
    ]
    for column in columns:
        dtype = _dtype(column.type)
        lines.append(f"  {_text(column.name)}:")
        seen = f"  # seen: {shown(column.low)} to {shown(column.high)}" if column.low is not None else ""
        lines.append(f"    dtype: {dtype or 'null  # not checked'}{seen}")
        if column.missing:
            lines.append(f"    nullable: true  # {column.missing} of {column.rows} missing")
        if column.values and dtype == "str" and column.kind == "category":
            lines.append(f"    checks: {{isin: [{', '.join(map(_text, sorted(column.values)))}]}}")
    return "\n".join([*lines, "coerce: true", ""])


def _text(value: str) -> str:
    """A text in YAML's double quotes, on one line. JSON escapes but U+0085 and the like, which YAML reads as blanks."""
    escaped = json.dumps(value, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in escaped)


def _dtype(type_: Any) -> str | None:
    """pandera's type of an Arrow type, which can hold missing values; None for what it would round or cannot check."""
    import pyarrow.types as is_

    if is_.is_boolean(type_):
        return "boolean"
    if is_.is_integer(type_):
        return "UInt64" if is_.is_uint64(type_) else "Int64"
    if is_.is_floating(type_) or is_.is_null(type_):
        return "float64"
    if is_.is_date(type_) or (is_.is_timestamp(type_) and type_.tz is None):
        return "datetime64[ns]"
    return "str" if is_.is_string(type_) else None


def shown(value: Any) -> str:
    """A number or a time as a person writes it."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
