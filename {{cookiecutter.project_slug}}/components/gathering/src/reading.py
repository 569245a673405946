"""How a source is read: what `inv data.adopt` decided or a person says, where the file itself leaves it open."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from kinds import KINDS
from shared.step import StepError

# What programs write for a missing value; among numbers and dates, one of WORDS is one too, in any case.
MISSING = (
    *("NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "NULL", "null", "NaN", "nan", "-NaN", "-nan"),
    *("1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN", r"\N", "<NA>"),
)
WORDS = {
    *("", "?", "-", "--", ".", "..", "*", "none", "unknown", "missing", "n.a.", "na", "n/a", "nan", "null", "nil"),
    *(
        "k.a.",
        "n.d.",
        "n/d",
        "n.v.",
        "nd",
        "#n/a",
        "#value!",
        "#div/0!",
        "#ref!",
        "#name?",
        "#num!",
        "tbd",
        "not available",
    ),
    *("0000-00-00", "0000-00-00 00:00:00", "00.00.0000", "00/00/0000"),
}


@dataclass(frozen=True)
class Reading:
    """The parameter `reading` of the pipeline: all of it may be left out."""

    delimiter: str = ""
    decimal: str = ""  # "," or "."
    encoding: str = ""  # of files that are not UTF-8
    missing: list[str] | None = None  # the words that mean it, instead of MISSING
    columns: dict[str, str] = field(default_factory=dict)  # name: kind, one of kinds.KINDS
    drop: list[str] = field(default_factory=list)  # columns that are left out

    @property
    def missing_words(self) -> tuple[str, ...]:
        return MISSING if self.missing is None else tuple(word for word in self.missing if word)

    def __str__(self) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if value not in ("", None, {}, [])})


@dataclass
class Gathered:
    """What came of a source, and how it was understood."""

    rows: int
    columns: int
    told: list[str] = field(default_factory=list)  # of the table as a whole
    notes: dict[str, str] = field(default_factory=dict)  # of columns
    names: list[str] = field(default_factory=list)  # of the source's columns, those that are left out too
    reading: Reading = field(default_factory=Reading)  # with which the next table is read in the same way


def reading_of(text: str) -> Reading:
    """The reading that the JSON text says. Raises StepError for what it cannot say."""
    try:
        said = json.loads(text or "{}")
        unknown = ", ".join(map(repr, said.keys() - Reading.__dataclass_fields__.keys()))
    except (ValueError, AttributeError):
        raise StepError(f'reading is {text!r}. Give a JSON object such as {{"delimiter": ";"}}.') from None
    if unknown:
        raise StepError(f"reading has no {unknown}. It takes {', '.join(Reading.__dataclass_fields__)}.")
    reading = Reading(**said)
    wrong = [name for name in ("delimiter", "decimal", "encoding") if not isinstance(said.get(name, ""), str)]
    wrong += [name for name in ("missing", "drop") if not is_texts(said.get(name) or [])]
    wrong += ["columns"] * (not isinstance(reading.columns, dict) or not is_texts(list(reading.columns.values())))
    if wrong:
        raise StepError(f"reading: {wrong[0]} cannot be {said[wrong[0]]!r}. Give a text, or texts.")
    check(reading)
    return reading


def is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def check(reading: Reading) -> None:
    if len(reading.delimiter) > 1:
        raise StepError(f"delimiter is {reading.delimiter!r}. Give one character, such as ';', or a tab.")
    if reading.delimiter and reading.delimiter in "\"'\n\r\0":
        said = f"delimiter is {reading.delimiter!r}, which cannot stand between two values"
        raise StepError(f"{said}. Give one character, such as ';', or a tab.")
    if reading.decimal not in ("", ",", "."):
        raise StepError(f"decimal is {reading.decimal!r}. Give ',' or '.'.")
    for name, kind in reading.columns.items():
        if kind not in KINDS:
            raise StepError(f"reading: column {name!r} cannot be {kind!r}. A kind is one of {', '.join(KINDS)}.")
    try:
        "".encode(reading.encoding or "utf-8")
    except LookupError:
        raise StepError(f"encoding {reading.encoding!r} is not known. Give one such as cp1252 or utf-16.") from None
