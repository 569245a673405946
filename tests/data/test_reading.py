"""The gathering step's reader, in this process: what is written in any dialect is read back equal, and what is damaged
gives a sentence."""

import csv
import gzip
import io
import os
import random
import subprocess
import sys
import time
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.adopting import TABLES
from helpers.template import PROJECT

COMPONENTS = PROJECT / "components"


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=8)
LINES = st.lists(WORDS, min_size=1, max_size=3).map("\n".join)
PUNCTUATED = st.text("ab,;|\t\"' ", min_size=1, max_size=6).map(lambda text: f"x{text}x")
UNCHECKED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]  # a machine may be slow for a while
COLUMNS = {
    "whole": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False).map(lambda n: n + 0.0 if n % 1 else n + 0.5),
    "flag": st.booleans(),
    "day": st.dates(date(1, 1, 1)),
    "text": st.one_of(WORDS, LINES, PUNCTUATED).map(lambda text: f"w{text}"),
}


@st.composite
def tables(draw: Any) -> dict[str, list[Any]]:
    rows = draw(st.integers(1, 30))
    kinds = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=2, max_size=6))
    table = {}
    for number, kind in enumerate(kinds):
        values = st.lists(st.one_of(st.none(), COLUMNS[kind]), min_size=rows, max_size=rows)
        table[f"{kind} {number}"] = draw(values.filter(lambda column: any(value is not None for value in column)))
    return table


@st.composite
def dialects(draw: Any) -> dict[str, Any]:
    return {
        "delimiter": draw(st.sampled_from(",;\t|")),
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        "lineterminator": draw(st.sampled_from(["\n", "\r\n"])),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])),
        "packed": draw(st.booleans()),
    }


def written(table: dict[str, list[Any]], encoding: str, packed: bool, **dialect: Any) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, **dialect)
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    content = text.getvalue().encode(encoding)
    return gzip.compress(content) if packed else content


@given(table=tables(), dialect=dialects())
@settings(max_examples=40, deadline=None, suppress_health_check=UNCHECKED)
def test_a_table_in_any_dialect_is_read_back_equal(
    gathering: ModuleType, tmp_path: Path, table: dict[str, list[Any]], dialect: dict[str, Any]
) -> None:
    source = tmp_path / "table.csv"
    source.write_bytes(written(table, **dialect))
    found = gathering.gather(str(source), tmp_path / "out", gathering.Reading(delimiter=dialect["delimiter"]))
    assert pq.read_table(tmp_path / "out").to_pydict() == table
    assert found.rows == len(next(iter(table.values())))


@given(table=tables(), dialect=dialects())
@settings(max_examples=20, deadline=None, suppress_health_check=UNCHECKED)
def test_the_dialect_is_found_where_there_is_something_to_find_it_by(
    gathering: ModuleType, tmp_path: Path, table: dict[str, list[Any]], dialect: dict[str, Any]
) -> None:
    rows = len(next(iter(table.values())))
    table["n"], table["label"] = list(range(rows)), ["yes", "no"] * (rows // 2) + ["yes"] * (rows % 2)
    source = tmp_path / "table.csv"
    source.write_bytes(written(table, **dialect))
    gathering.gather(str(source), tmp_path / "out")
    assert pq.read_table(tmp_path / "out").to_pydict() == table


@pytest.mark.parametrize("source", sorted(path.name for path in TABLES.iterdir() if path.is_file()))
def test_what_is_cut_or_damaged_gives_a_table_or_a_sentence(gathering: ModuleType, tmp_path: Path, source: str) -> None:
    content, chance = (TABLES / source).read_bytes(), random.Random(source)
    for turn in range(4):
        damaged = bytearray(content[: chance.randrange(len(content) + 1)] if turn % 2 else content)
        for _ in range(turn if damaged else 0):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        (tmp_path / source).write_bytes(damaged)
        try:
            found = gathering.gather(str(tmp_path / source), tmp_path / "out")
        except gathering.StepError as problem:
            assert str(problem).isprintable() or "\n" in str(problem), problem
            assert str(problem).rstrip().endswith("."), problem
        else:
            assert found.rows == pq.read_metadata(tmp_path / "out").num_rows


BINARY = {
    "pdf": (b"%PDF-1.7\n", "a PDF document"),
    "database": (b"SQLite format 3\0" + b"\0" * 100, "an SQLite database"),
    "feather": (b"ARROW1\0\0", "an Arrow or Feather file"),
    "page": (b"\n<!DOCTYPE html><html>", "a web page"),
    "bytes": (bytes(range(256)), "no text"),
    "tar": (b"a.csv".ljust(257, b"\0") + b"ustar", "a tar archive"),
}


@pytest.mark.parametrize("name", BINARY)
def test_what_is_no_table_is_named(gathering: ModuleType, tmp_path: Path, name: str) -> None:
    content, what = BINARY[name]
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(gathering.StepError, match=f"'file' is {what}. Give CSV, TSV, Parquet, JSON lines or Excel."):
        gathering.gather(str(tmp_path / "file"), tmp_path / "out")


def test_a_value_that_comes_late_changes_how_a_large_file_is_read(
    gathering: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a sample says is held against every value, and where it is wrong, all of them decide."""
    delimited = sys.modules["delimited"]
    monkeypatch.setattr(delimited, "THOROUGH_BYTES", 0)
    monkeypatch.setattr(delimited, "SAMPLE_ROWS", 100)
    late = {"decimal": "1.5", "zero": "007", "word": "unknown", "other": "abc", "late": "2"}
    columns = {name: [*(str(n) for n in range(10, 1010)), value] for name, value in late.items()}
    columns["other"][500:] = [f"word {n}" for n in range(501)]
    columns["late"][:1000] = [""] * 1000
    rows = [",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]
    (tmp_path / "table.csv").write_text("\n".join(rows), encoding="utf-8")
    found = gathering.gather(str(tmp_path / "table.csv"), tmp_path / "out")
    table = pq.read_table(tmp_path / "out")
    assert found.rows == table.num_rows == 1001
    types = {field.name: field.type for field in table.schema}
    assert types["decimal"] == pa.float64() and table["decimal"][-1].as_py() == 1.5
    assert types["zero"] == pa.string() and table["zero"][-1].as_py() == "007"
    assert types["word"] == pa.int64() and table["word"].null_count == 1
    assert types["other"] == pa.string() and table["other"].null_count == 0
    assert table["late"][-1].as_py() == 2


def test_what_the_first_rows_leave_open_is_told_by_all_rows(
    gathering: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notes count all rows, and what a column is does not depend on where its values stand."""
    columns = {
        "code": ["0123", *["4567"] * 998, "0089"],
        "gaps": [*["1.5", ""] * 450, *["NA"] * 100],
        "late gaps": [*["2.5"] * 900, *["NULL"] * 100],
        "long": [*["3.5"] * 999, "1234567890123456789.5"],
        "endless": [*["3.5"] * 999, "1" * 40],
        "day": [*["01/02/2024"] * 500, *["13/02/2024"] * 500],
        "words": [*["a", "b"] * 495, *["N/A"] * 10],
        "some": [*["7"] * 99, "?", *["8"] * 900],
        "nothing": [*[""] * 990, *["NA"] * 10],
    }
    rows = [",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]
    (tmp_path / "table.csv").write_text("\n".join(rows), encoding="utf-8")
    whole = gathering.gather(str(tmp_path / "table.csv"), tmp_path / "whole", thorough=True)
    monkeypatch.setattr(sys.modules["delimited"], "SAMPLE_ROWS", 100)
    found = gathering.gather(str(tmp_path / "table.csv"), tmp_path / "out", thorough=True)
    assert found == whole and pq.read_table(tmp_path / "out").equals(pq.read_table(tmp_path / "whole"))
    assert found.notes["code"] == "kept as text: 2 values begin with 0, such as '0123'"
    assert found.notes["gaps"] == "100 values 'NA' taken as missing"
    assert found.notes["late gaps"] == "100 values 'NULL' taken as missing"
    assert "of more than 15 digits, which are rounded" in found.notes["long"]
    assert "whole numbers of up to 40 digits" in found.notes["endless"]
    assert found.notes["day"] == "read as day/month/year"
    assert found.notes["words"] == "10 values 'N/A' taken as missing"
    assert found.notes["some"] == "1 value '?' taken as missing"
    assert found.notes["nothing"] == "10 values 'NA' taken as missing"


def test_columns_without_a_value_take_no_time(gathering: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(",".join(f"c{n}" for n in range(30)) + "\n")  # each took a second
    began = time.monotonic()
    with pytest.raises(gathering.StepError, match="no rows"):
        gathering.gather(str(tmp_path / "table.csv"), tmp_path / "out")
    assert time.monotonic() - began < 10


def test_a_word_for_missing_is_counted_whatever_its_letters(gathering: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n" + "1,x\n" * 20 + "нет,y\n" * 3, encoding="utf-8")
    found = gathering.gather(str(tmp_path / "table.csv"), tmp_path / "out", gathering.Reading(missing=["нет"]))
    assert found.notes == {"a": "3 values 'нет' taken as missing"}


def test_a_reading_that_does_not_fit_is_a_sentence(gathering: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n" + "x,1\n" * 20, encoding="utf-8")
    with pytest.raises(gathering.StepError, match=r"'a' is to be read as number .* 20 of 20 values are not"):
        gathering.gather(str(tmp_path / "table.csv"), tmp_path / "out", gathering.Reading(columns={"a": "number"}))
    for text, says in {
        "[]": "Give a JSON object",
        "nonsense": "Give a JSON object",
        '{"separator": ";"}': "reading has no 'separator'. It takes delimiter,",
        '{"delimiter": ";;"}': "Give one character",
        '{"delimiter": "\\""}': "which cannot stand between two values. Give one character",
        '{"decimal": "x"}': "Give ',' or '.'",
        '{"columns": {"a": "integer"}}': "A kind is one of whole,",
        '{"missing": "x"}': "missing",
        '{"encoding": "klingon"}': "is not known",
    }.items():
        with pytest.raises(gathering.StepError, match=says):
            gathering.reading_of(text)


def test_a_folder_without_a_table_in_it_is_a_sentence(gathering: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "_SUCCESS").touch()
    with pytest.raises(gathering.StepError, match="is a folder without a file"):
        gathering.gather(str(tmp_path / "empty"), tmp_path / "out")


def test_wide_tables_are_read(gathering: ModuleType, tmp_path: Path) -> None:
    names = [f"c{n}" for n in range(1500)]
    days = [str(date(2025, 1, 1) + timedelta(days=n)) for n in range(30)]
    rows = [",".join([day, *(str(n * 0.5) for n in range(1499))]) for day in days]
    (tmp_path / "wide.csv").write_text("\n".join([",".join(names), *rows]), encoding="utf-8")
    assert gathering.gather(str(tmp_path / "wide.csv"), tmp_path / "out").columns == 1500


@pytest.mark.parametrize("delimiter", "~^: ")
def test_a_rare_delimiter_is_found_where_each_line_has_it(
    gathering: ModuleType, tmp_path: Path, delimiter: str
) -> None:
    lines = [delimiter.join(line) for line in [("a", "b", "c"), *((str(n), "x", "y") for n in range(20))]]
    (tmp_path / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    gathering.gather(str(tmp_path / "table.csv"), tmp_path / "out")
    assert pq.read_table(tmp_path / "out")["a"].to_pylist() == [*range(20)]


def test_lines_that_end_in_different_ways_are_all_read(gathering: ModuleType, tmp_path: Path) -> None:
    text = "a,b\r\n" + "1,x\r\n" * 20 + "2,y\n" * 20 + "3,z\r" * 20
    (tmp_path / "table.csv").write_bytes(text.encode())
    found = gathering.gather(str(tmp_path / "table.csv"), tmp_path / "out")
    assert pq.read_table(tmp_path / "out")["a"].to_pylist() == [1] * 20 + [2] * 20 + [3] * 20
    assert "the lines of 'table.csv' end in different ways" in found.told[0]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_few_carriage_returns_within_lines_end_none(gathering: ModuleType, tmp_path: Path, encoding: str) -> None:
    odd = "von http://x.y\rMüller"
    lines = [f"{n};{odd if n % 20 == 0 else 'Grüße'};x" for n in range(100)]
    (tmp_path / "table.csv").write_bytes("\n".join(["n;text;y", *lines]).encode(encoding))
    found = gathering.gather(str(tmp_path / "table.csv"), tmp_path / "out")
    texts = pq.read_table(tmp_path / "out")["text"].to_pylist()
    assert found.rows == 100 and texts[:2] == ["von http://x.y Müller", "Grüße"]
    assert "5 carriage returns within the lines of 'table.csv' read as blanks" in found.told


HEADERS: dict[str, tuple[str, list[str], str]] = {
    # what: the lines above the data, the names, and what is said
    "units": ("size,weight,y\ncm,kg,", ["size", "weight", "y"], "2 lines, of which this one is left out: 'cm | kg'"),
    "one unit": ("size,weight,y\n,[kg],", ["size", "weight", "y"], "left out: '[kg]'"),
    "groups": ("measured,,told\nsize,weight,y", ["size", "weight", "y"], "left out: 'measured | told'"),
    "a pivot": (
        *("price,price,y\nmin,min,\nFR,DE,", ["price min FR", "price min DE", "y"]),
        "3 lines, which are put together: 'price min FR'",
    ),
    "questions": (
        *('Q1,Q2,Q3\n"How old?","How much,\nin euros?",Bought?\na,b,c', ["Q1", "Q2", "Q3"]),
        "left out: 'How old? | How much,",
    ),
    "a title of two lines": ('"A report\nof March",,\nsize,weight,y', ["size", "weight", "y"], "2 lines before"),
    "years": ("2019,2020,y", ["2019", "2020", "y"], ""),
    "a row without numbers": ("size,weight,y\nunknown,,no", ["size", "weight", "y"], ""),
}


@pytest.mark.parametrize("what", HEADERS)
def test_a_header_of_several_lines_is_read_and_said(gathering: ModuleType, tmp_path: Path, what: str) -> None:
    lines, names, said = HEADERS[what]
    rows = [f"{n}.5,{n + 20},{'yes' if n % 2 else 'no'}" for n in range(40)]
    (tmp_path / "table.csv").write_text("\n".join([lines, *rows]), encoding="utf-8")
    found = gathering.gather(str(tmp_path / "table.csv"), tmp_path / "out")
    table = pq.read_table(tmp_path / "out")
    assert table.column_names == names and table[names[1]].to_pylist()[-40:] == [*range(20, 60)]
    assert found.rows == table.num_rows == 40 + (what == "a row without numbers")
    assert said in " ".join(found.told) and bool(said) == bool(found.told)


@pytest.mark.parametrize("name", ["table.csv.gz", "table.zip", "table.csv.zst", "table.json.gz"])
def test_what_is_not_packed_is_read_whatever_its_name_says(gathering: ModuleType, tmp_path: Path, name: str) -> None:
    lines = ['{"a": 1, "b": "x"}'] * 20 if "json" in name else ["a,b", *["1,x"] * 20]
    (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    gathering.gather(str(tmp_path / name), tmp_path / "out")
    assert pq.read_table(tmp_path / "out").to_pydict() == {"a": [1] * 20, "b": ["x"] * 20}


def test_json_without_a_column_of_single_values_is_a_sentence(gathering: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "table.json").write_text('{"data": [{"a": 1}, {"a": 2}]}', encoding="utf-8")
    with pytest.raises(gathering.StepError, match=r"no column of single values: 'data'.*Give JSON lines, or a list"):
        gathering.gather(str(tmp_path / "table.json"), tmp_path / "out")


def test_times_that_no_calendar_has_are_a_sentence_and_those_at_its_ends_are_read(
    gathering: ModuleType, tmp_path: Path
) -> None:
    ends = [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59)]
    pq.write_table(pa.table({"a": pa.array(ends, pa.timestamp("us")), "b": ["x", "y"]}), tmp_path / "ends")
    gathering.gather(str(tmp_path / "ends"), tmp_path / "out")
    assert pq.read_table(tmp_path / "out")["a"].to_pylist() == ends
    zoned = pa.timestamp("us", "Europe/Paris")
    for type_, value in ((pa.timestamp("ms"), 2**55), (zoned, -(2**60)), (pa.date32(), 2**31 - 1)):
        numbers = pa.array([0, value], pa.int32() if type_ == pa.date32() else pa.int64())
        pq.write_table(pa.table({"a": numbers.cast(type_)}), tmp_path / "far")
        with pytest.raises(gathering.StepError, match="column 'a' holds times outside the years 1 to 9999"):
            gathering.gather(str(tmp_path / "far"), tmp_path / "out")


def test_decimals_of_more_than_38_digits_are_numbers_and_their_rounding_is_said(
    gathering: ModuleType, tmp_path: Path
) -> None:
    values = [Decimal("9" * 60), Decimal(1)]
    pq.write_table(pa.table({"a": pa.array(values, pa.decimal256(70, 0))}), tmp_path / "table")
    found = gathering.gather(str(tmp_path / "table"), tmp_path / "out")
    assert pq.read_table(tmp_path / "out")["a"].to_pylist() == [1e60, 1.0]
    assert found.notes == {"a": "decimals of up to 70 digits, which are rounded to 15"}


# Runs a program, and prints its peak of memory in KiB. A process counts what its starter had too, so a small one has to
# start it.
PEAK = """\
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in another way, or not at all")
def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    chance, block = random.Random(0), io.StringIO()
    for n in range(2_000):
        block.write(",".join([*(f"{chance.gauss(0, 1):.6f}" for _ in range(18)), str(n), "yes"]) + "\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [COMPONENTS, COMPONENTS / "gathering" / "src"]))}
    gather = [sys.executable, "-m", "gather", "--source", "table.csv", "--table", "out"]
    peaks = []
    for blocks in (220, 440):  # 75 and 150 MB
        with (tmp_path / "table.csv").open("w") as file:
            file.write(",".join(f"c{n}" for n in range(20)) + "\n")
            file.writelines(block.getvalue() for _ in range(blocks))
        command = [sys.executable, "-c", PEAK, *gather]
        said = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        assert pq.read_metadata(tmp_path / "out").num_rows == 2_000 * blocks
        peaks.append(int(said.stdout) / 1024)
    assert peaks[1] < 700 and peaks[1] < 1.5 * peaks[0], peaks
