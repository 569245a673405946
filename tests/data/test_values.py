"""What the values of a column are, as people and programs write them, and what is said of it."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

WRITTEN: dict[str, tuple[list[str], Any, str]] = {
    # what: some values of a column, what the first is, and what is said of the column
    "apostrophes": (["1'200.50", "12'345.00"], 1200.5, "read as 1,234.56"),
    "blanks between thousands": (["1 200", "12 345"], 1200.0, "read as 1,234.56"),
    "crowns": (["100 kr", "kr 12.50"], 100.0, "read as 1,234.56"),
    "codes of money": (["EUR 5", "7.50 USD"], 5.0, "read as 1,234.56"),
    "losses in brackets": (["(1,200.50)", "3.25"], -1200.5, "read as 1,234.56"),
    "signs behind": (["12.50-", "3.25"], -12.5, "read as 1,234.56"),
    "exponents behind a comma": (["-3,3524949385538154E-08", "0,25", "1,5e+3"], -3.3524949385538154e-08, "read as"),
    "ages from ... on": (["50-", "55-"], "50-", ""),
    "codes among numbers": (["65", "67"] * 14 + ["65A", "15A"], "65", ""),
    "codes of post": (["98115", "98116"] * 14 + ["98115-4820"] * 2, "98115", ""),
    "telephones": (["+49 30 100001", "+49 30 2000"], "+49 30 100001", ""),
    "numbers of cards": (["1234 5678", "1234 9999"], "1234 5678", ""),
    "short years": (["31.12.24", "01.02.05"], date(2024, 12, 31), "read as day.month.year"),
    "names of months": (["31 December 2024", "1 May 2023"], date(2024, 12, 31), "read as day month year"),
    "noon": (["12/31/2024 1:05 PM", "1/2/2024 11:00 AM"], datetime(2024, 12, 31, 13, 5), "hour:minute AM or PM"),
    "months": (["2024-12", "2023-01"], date(2024, 12, 1), "read as year-month"),
    "no date": (["2024-12-31", "2024-12-30", "0000-00-00"], date(2024, 12, 31), "'0000-00-00' taken as missing"),
    "a dump's missing": (["1.5", r"\N"], 1.5, r"values '\\N' taken as missing"),
    "pandas' missing": (["a", "<NA>"], "a", "values '<NA>' taken as missing"),
}


@pytest.mark.parametrize("what", WRITTEN)
def test_numbers_and_dates_are_read_as_people_write_them(gathering: ModuleType, tmp_path: Path, what: str) -> None:
    values, first, note = WRITTEN[what]
    rows = [f'{n},"{values[n % len(values)]}"' for n in range(30)]
    (tmp_path / "table.csv").write_text("\n".join(["n,value", *rows]), encoding="utf-8")
    found = gathering.gather(str(tmp_path / "table.csv"), tmp_path / "out")
    column = pq.read_table(tmp_path / "out")["value"]
    assert column[0].as_py() == first and found.rows == len(column) == 30
    assert note in found.notes.get("value", "") and bool(note) == ("value" in found.notes)


def test_numbers_of_a_list_are_no_decimals_where_other_columns_have_points(
    gathering: ModuleType, tmp_path: Path
) -> None:
    rows = [f"{n}.5,{f'{n},{n + 2}' if n % 4 == 0 else n}".replace(",", ',"', 1) + '"' for n in range(10, 40)]
    (tmp_path / "table.csv").write_text("\n".join(["age,sources", *rows]), encoding="utf-8")
    found = gathering.gather(str(tmp_path / "table.csv"), tmp_path / "out")
    table = pq.read_table(tmp_path / "out")
    assert table["age"][0].as_py() == 10.5 and table["sources"][2].as_py() == "12,14" and not found.reading.decimal


def test_the_header_says_the_delimiter_where_values_hold_another_as_often(
    gathering: ModuleType, tmp_path: Path
) -> None:
    rows = [f"[{n},];4,{n};5,{n}" for n in range(10, 40)]
    (tmp_path / "table.csv").write_text("\n".join(["name;logst;logli", *rows]), encoding="utf-8")
    gathering.gather(str(tmp_path / "table.csv"), tmp_path / "out")
    first = {name: values[0] for name, values in pq.read_table(tmp_path / "out").to_pydict().items()}
    assert first == {"name": "[10,]", "logst": 4.1, "logli": 5.1}


LONG: dict[str, tuple[list[str], Any, str]] = {
    # what: some values of a column, what the first is, and what is said of the column
    "20 digits": (["12345678901234567890", "12345678901234567891"], Decimal("12345678901234567890"), "kept exactly"),
    "one of many": (["1"] * 29 + ["18446744073709551615"], Decimal(1), "kept exactly"),
    "with a word": (["-1000000000000000000000001", "unknown"], Decimal(-(10**24) - 1), "'unknown' taken as missing"),
    "45 digits": (["1" * 45, "2" * 45], "1" * 45, "kept as text: whole numbers of up to 45 digits"),
    "with decimals": (["9007199254740993", "1.5"], 2.0**53, "more than 15 digits, which are rounded"),
    "in groups": (["9,007,199,254,740,993"] * 2, 2.0**53, "more than 15 digits, which are rounded"),
    "of doubles": (["0.12345678901234567", "1.5"], 0.12345678901234567, ""),
}


@pytest.mark.parametrize("what", LONG)
def test_no_digit_is_lost_without_a_word(gathering: ModuleType, tmp_path: Path, what: str) -> None:
    values, first, note = LONG[what]
    rows = [f'{n},"{values[n % len(values)]}"' for n in range(30)]
    (tmp_path / "table.csv").write_text("\n".join(["n,value", *rows]), encoding="utf-8")
    found = gathering.gather(str(tmp_path / "table.csv"), tmp_path / "out")
    assert pq.read_table(tmp_path / "out")["value"][0].as_py() == first
    assert note in found.notes.get("value", "") and bool(note) == ("value" in found.notes)


@pytest.mark.parametrize("number", [10**19, 10**30, 10**44])
@pytest.mark.parametrize("told", [{}, {"value": "text"}])
def test_no_digit_of_json_is_lost(gathering: ModuleType, tmp_path: Path, number: int, told: dict[str, str]) -> None:
    lines = [f'{{"n": {n}, "value": {number + n}}}' for n in range(20)]
    (tmp_path / "table.json").write_text("\n".join(lines), encoding="utf-8")
    found = gathering.gather(str(tmp_path / "table.json"), tmp_path / "out", gathering.Reading(columns=told))
    assert [int(value) for value in pq.read_table(tmp_path / "out")["value"].to_pylist()] == [
        number + n for n in range(20)
    ]
    assert ("value" in found.notes) == (not told)


def test_zeros_in_front_are_kept_beside_decimal_commas(gathering: ModuleType, tmp_path: Path) -> None:
    rows = [f"{n},5;{n:05};{n % 7}" for n in range(30)]
    (tmp_path / "table.csv").write_text("\n".join(["price;zip;n", *rows]), encoding="utf-8")
    found = gathering.gather(str(tmp_path / "table.csv"), tmp_path / "out")
    table = pq.read_table(tmp_path / "out")
    assert (table["price"][1].as_py(), table["zip"][1].as_py(), table["n"][1].as_py()) == (1.5, "00001", 1)
    assert "30 values begin with 0" in found.notes["zip"]


def test_a_word_for_missing_holds_in_parquet_for_texts_and_numbers(gathering: ModuleType, tmp_path: Path) -> None:
    whole, number, text = [1, -999, None], [0.5, -999.0, 1.5], ["-999", "x", "unknown"]
    pq.write_table(pa.table({"whole": whole, "number": number, "text": text}), tmp_path / "table")
    reading = gathering.Reading(missing=["-999", "unknown"])
    found = gathering.gather(str(tmp_path / "table"), tmp_path / "out", reading)
    assert pq.read_table(tmp_path / "out").to_pydict() == {
        "whole": [1, None, None],
        "number": [0.5, None, 1.5],
        "text": [None, "x", None],
    }
    assert found.notes["whole"] == "1 value '-999' or 'unknown' taken as missing"
    assert found.notes["text"].startswith("2 values")
