"""Tables as people have them: what `inv data.adopt` and the gathering step make of each, and what they say."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from helpers.adopting import QUICK, TABLES, adopted
from helpers.template import Bake

TARGETS = {
    "target_class.csv": "class",
    "leading_zeros_target.csv": "code",
    "na_as_class.csv": "answer",
    "none_as_class.csv": "t",
    "int_target_rare_end.csv": "rating",
    "int_target_few.csv": "rating",
    "int_target_30_codes.csv": "cls",
    "high_cardinality.csv": "sold",
    "text_column.csv": "stars",
    "bool_target.parquet": "y",
    "nullable_int_target.parquet": "n",
    "decimal_target.parquet": "amount",
    "punctuation_columns.csv": "bought #1",
    "unicode_columns.csv": "купил?",
}
PLAIN = (
    *("bom", "bom_target_first", "crlf", "cr_only", "quotes_newlines", "blank_lines", "quoted_header_newline"),
    *("unicode_columns", "punctuation_columns", "column_index_class", "target_class", "column_check", "int01_target"),
    *("bool_target", "yes_no_bool_words", "constant_columns", "empty_column", "infinite", "sci", "ints_2_60", "utf16"),
    *("latin1", "trailing_delimiter", "pipe_in_header", "column_prediction", "imbalanced_two", "nan_target"),
    *("backslash_escapes", "single_quotes", "date_9999"),
)
NUMBER = ("double", "int64")
REFUSED = {
    "duplicate_columns.csv": ("columns with the same name: 'size'", "Rename"),
    "duplicate_names.parquet": ("columns with the same name: 'a'", "Rename"),
    "empty.csv": ("'empty.csv' is empty", "Give a file"),
    "header_only.csv": ("has columns but no rows", "Give a file"),
    "ragged.csv": ("line 2 of 'ragged.csv' has 3 fields where the header has 4: '1,2,3'", "Correct the line"),
    "single_column.csv": ("no column besides 'bought'", "Give a table"),
    "embedding.parquet": ("'vec' (left out: a model here takes no list<element: double>)", "Give a table"),
    "no_header.csv": ("looks like values and not like names: '51.26,green,151.37,no'", "Add a line"),
}


def made(folder: Path) -> dict[str, dict[str, Any]]:
    """Tables that are made here, as cases."""
    late = "size,colour,bought\n" + "".join(f"{n},{'gr'[n % 2]},{'yn'[n % 3 == 0]}\n" for n in range(200_000))
    (folder / "late.csv").write_text(late + "unknown,g,y\n", encoding="utf-8")
    frame = pd.read_csv(TABLES / "crlf.csv")
    frame.to_json(folder / "lines.jsonl", orient="records", lines=True)
    frame.to_json(folder / "list.json", orient="records")
    with pa.output_stream(folder / "packed.csv.zst", compression="zstd") as file:
        file.write((TABLES / "crlf.csv").read_bytes())
    frame.to_csv(folder / "packed.csv.xz", index=False)
    with zipfile.ZipFile(folder / "two.zip", "w") as archive:
        for name in ("b", "a"):
            archive.writestr(f"{name}.csv", frame.head(30).assign(size=ord(name)).to_csv(index=False))
    leaking = pd.concat([frame] * 4, ignore_index=True)
    leaking["outcome"] = leaking.bought.map({"yes": "A", "no": "B"})
    leaking["returned_on"] = leaking.bought.map({"yes": "2025-01-02", "no": None})
    leaking.to_csv(folder / "leaking.csv", index=False)
    frame.assign(cents=frame.price * 100 + 0.001).to_csv(folder / "copy.csv", index=False)
    frame.drop(columns="size").to_csv(folder / "other.csv", index=False)
    mixed = folder / "mixed"
    mixed.mkdir()
    frame.to_csv(mixed / "a.csv", index=False)
    frame.rename(columns={"size": "width"}).to_csv(mixed / "b.csv", index=False)
    years = pd.DataFrame({"country": ["FR", "DE", "ES"] * 10, "2019": range(30), "2020": range(30), "y": [1, 2] * 15})
    years.to_csv(folder / "years.csv", index=False)
    points = pd.DataFrame({"a": ["1.234", "12.500", "999"] * 20, "b": ["1,5", "2,25", "3"] * 20, "y": ["u", "v"] * 30})
    points.to_csv(folder / "points.csv", sep=";", index=False)
    (folder / "dates.csv").write_text(
        "d,y\n" + "".join(f"{n % 12 + 1:02}/{n % 9 + 1:02}/2025,{n % 2}\n" for n in range(40))
    )
    capitals = frame.rename(columns={"size": "a", "colour": "A", "price": "â"}).assign(**{"Â": "x"})
    capitals.to_csv(folder / "capitals.csv", index=False)
    capitals.to_parquet(folder / "capitals.parquet", index=False)
    (folder / "nul.csv").write_bytes((TABLES / "crlf.csv").read_bytes().replace(b"51.26,", b"51.26\0,", 1))
    for mark, encoding in enumerate(("utf-16-le", "utf-16-be")):
        (folder / f"unmarked-{mark}.csv").write_text((TABLES / "crlf.csv").read_text(), encoding=encoding)
    unnamed = pa.table([frame["size"], frame["colour"], frame["bought"]], ["", "filename", "bought"])
    pq.write_table(unnamed, folder / "unnamed.parquet")
    columns = {f"c{n}": [str(n * i % 9) if n % 2 else "abc"[i % 3] for i in range(60)] for n in range(1_200)}
    wide = pd.DataFrame(columns)
    wide.assign(bought=frame["bought"]).to_csv(folder / "wide.csv", index=False)
    texts = {"note": [f"n{n}" for n in range(300)], "part": [f"p{n % 200}" for n in range(300)]}
    texts |= {"shop": [f"s{n % 40}" for n in range(300)], "y": ["a", "b", "b"] * 100}
    pd.DataFrame(texts).to_csv(folder / "texts.csv", index=False)
    names = [f"n{n}" for n in range(250_000)]
    many = {"name": names, "again at once": names[:1] + names[:-1], "again at last": names[:-1] + names[:1]}
    pq.write_table(pa.table(many | {"y": ["a", "b"] * 125_000}), folder / "many.parquet")
    frame.rename(columns={"size": "x" * 1001}).to_csv(folder / "long name.csv", index=False)
    return {
        "capitals": {"source": "capitals.csv", "target": "bought"},
        "capitals in Parquet": {"source": "capitals.parquet", "target": "bought"},
        "NUL": {"source": "nul.csv", "target": "bought"},
        "little end": {"source": "unmarked-0.csv", "target": "bought"},
        "big end": {"source": "unmarked-1.csv", "target": "bought"},
        "unnamed": {"source": "unnamed.parquet", "target": "bought"},
        "wide": {"source": "wide.csv", "target": "bought"},
        "texts": {"source": "texts.csv", "target": "y", "steps": QUICK},
        "many": {"source": "many.parquet", "target": "y"},
        "long name": {"source": "long name.csv", "target": "bought"},
        "late": {"source": "late.csv", "target": "bought"},
        "json lines": {"source": "lines.jsonl", "target": "bought"},
        "json": {"source": "list.json", "target": "bought"},
        "zst": {"source": "packed.csv.zst", "target": "bought"},
        "xz": {"source": "packed.csv.xz", "target": "bought"},
        "two in a zip": {"source": "two.zip", "target": "bought"},
        "leaking": {"source": "leaking.csv", "target": "bought"},
        "copy": {"source": "copy.csv", "target": "price"},
        "mixed folder": {"source": "mixed", "target": "bought"},
        "years": {"source": "years.csv", "target": "y"},
        "points": {"source": "points.csv", "target": "y"},
        "dates": {"source": "dates.csv", "target": "y"},
        "glob": {"source": str(TABLES / "folder" / "*.csv"), "target": "bought"},
        "price": {"source": str(TABLES / "semicolon_decimal_comma.csv"), "target": "price"},
        "regression": {"source": str(TABLES / "int01_target.csv"), "target": "bought", "problem_type": "regression"},
        "regression of words": {"source": str(TABLES / "bom.csv"), "target": "bought", "problem_type": "regression"},
        "drop": {"source": str(TABLES / "id_column.csv"), "target": "bought", "drop": ["customer"]},
        "drop nosuch": {"source": str(TABLES / "id_column.csv"), "target": "bought", "drop": ["costumer"]},
        "drop the target": {"source": str(TABLES / "bom.csv"), "target": "bought", "drop": ["bought"]},
        "drop and text": {"source": str(TABLES / "bom.csv"), "target": "bought", "drop": ["size"], "text": ["size"]},
        "comma in Parquet": {"source": str(TABLES / "plain.parquet"), "target": "bought", "decimal": ","},
        "text": {"source": str(TABLES / "mixed_types.csv"), "target": "bought", "text": ["size"]},
        "missing": {"source": str(TABLES / "na_as_class.csv"), "target": "answer", "missing": [""]},
        "another word": {"source": str(TABLES / "bom.csv"), "target": "bought", "missing": ["green"]},
        "delimiter": {"source": str(TABLES / "bom.csv"), "target": "bought", "delimiter": ";"},
        "decimal": {"source": str(TABLES / "thousands_comma.csv"), "target": "bought", "decimal": ","},
        "encoding": {"source": str(TABLES / "cp1252.csv"), "target": "bought", "encoding": "cp1250"},
        "no encoding": {"source": str(TABLES / "cp1252.csv"), "target": "bought", "encoding": "klingon"},
        "nosuch": {"source": "nosuch.csv", "target": "bought"},
        "nosuch glob": {"source": "nosuch*.csv", "target": "bought"},
        "nosuch column": {"source": str(TABLES / "bom.csv"), "target": "bougth"},
        "date": {"source": str(TABLES / "date_9999.csv"), "target": "valid_until"},
    }


@pytest.fixture(scope="session")
def found(bake: Bake) -> dict[str, dict[str, Any]]:
    """What came of every table."""
    project = bake()
    files = [path for path in TABLES.iterdir() if path.name != "schemas"]
    targets = {path.name: TARGETS.get(path.name, "bought") for path in files}
    cases = {path.name: {"source": str(path), "target": targets[path.name], "steps": QUICK} for path in files}
    for name in ("duplicate_names.parquet",):
        cases[name]["target"] = "a"
    return adopted(project, cases | made(project))


STOPPED = {
    "na_as_class.csv": "target 'answer' has the one value 'ok'. Choose another target.",
    "one_member_class.csv": "class 'maybe' of target 'bought' has a single row (3 classes in 60 rows). Give more rows",
}
RUN = sorted(path.name for path in TABLES.iterdir() if path.name not in {"schemas", *REFUSED, *STOPPED})
WITHOUT_TARGET = {"float01_target_missing.csv": 2, "nan_target.csv": 3, "nullable_int_target.parquet": 7}


@pytest.mark.parametrize("name", RUN)
def test_every_table_goes_through_all_five_steps_with_all_its_rows(found: dict[str, dict[str, Any]], name: str) -> None:
    came = found[name]
    run, rows = came["run"], came["rows"]
    assert "refused" not in run, run
    assert run["rows"]["table"] == run["rows"]["validated"] == rows
    assert run["rows"]["train"] + run["rows"]["test"] == rows - WITHOUT_TARGET.get(name, 0)
    assert run["rows"]["predictions"] == run["rows"]["test"] > 0
    assert ("accuracy" if came["problem"] == "classification" else "r2") in run["metrics"]


@pytest.mark.parametrize("name", STOPPED)
def test_what_cannot_be_learnt_is_a_sentence_of_the_run(found: dict[str, dict[str, Any]], name: str) -> None:
    assert STOPPED[name] in found[name]["run"]["refused"]
    assert "a run will be refused" in found[name]["said"]


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_plain_is_read_as_it_is(found: dict[str, dict[str, Any]], name: str) -> None:
    came = found[f"{name}.csv"]
    assert came["rows"] == 60
    numbers = [column for column, type_ in came["types"].items() if type_ in NUMBER]
    assert numbers, came["types"]
    assert came["reading"].keys() <= {"encoding", "drop"}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_is_refused_with_where_and_what_to_do(found: dict[str, dict[str, Any]], name: str) -> None:
    says, remedy = REFUSED[name]
    assert says in found[name]["error"]
    assert remedy in found[name]["error"]


NUMBERS = {
    "semicolon_decimal_comma.csv": ("size", "51.26", "'51,26', read as 1.234,56"),
    "price": ("size", "51.26", "'51,26', read as 1.234,56"),
    "currency.csv": ("size", "5126.0", "'$5,126.00', read as 1,234.56"),
    "thousands_comma.csv": ("income", "51260.0", "'51,260', read as 1,234.56"),
    "mixed_types.csv": ("size", "51.26", "1 value 'unknown' taken as missing (or --text 'size')"),
    "question_mark_missing.csv": ("size", "51.26", "2 values '?' taken as missing (or --text 'size')"),
    "late": ("size", "0", "1 value 'unknown' taken as missing (or --text 'size')"),
    "points": ("a", "1234.0", "read as 1.234,56"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_numbers_and_what_is_none_is_missing_and_said(found: dict[str, dict[str, Any]], name: str) -> None:
    column, first, note = NUMBERS[name]
    came = found[name]
    assert came["types"][column] in NUMBER and came["kinds"][column] == "number"
    assert came["values"][column][0] == first
    assert note in came["notes"][column] and note.split(" (or")[0] in " ".join(came["said"].split())


def test_the_next_table_is_read_in_the_same_way(found: dict[str, dict[str, Any]]) -> None:
    for name, column in (("mixed_types.csv", "size"), ("leading_zeros.csv", "zip"), ("currency.csv", "size")):
        parameters = yaml.safe_load(found[name]["invoke"])["parameters"]
        assert parameters["reading"]["columns"].keys() == {column}
    assert yaml.safe_load(found["price"]["invoke"])["parameters"]["reading"] == {"delimiter": ";", "decimal": ","}
    assert "reading" not in yaml.safe_load(found["crlf.csv"]["invoke"])["parameters"]


@pytest.mark.parametrize("name", ["excel_sep_line.csv", "preamble.csv", "space_columns.csv"])
def test_what_stands_before_and_around_the_names_is_left_out(found: dict[str, dict[str, Any]], name: str) -> None:
    came = found[name]
    assert list(came["types"]) == ["size", "colour", "price", "bought"]
    assert (came["types"]["size"], came["rows"]) == ("double", 60)
    said = {
        "preamble.csv": "2 lines before the header left out: 'Report of March",
        "space_columns.csv": "blanks around",
    }
    assert said.get(name, "") in came["said"]


@pytest.mark.parametrize(
    "name",
    ["zip.csv.zip", "gz_without_ending", "gz.csv.gz", "zst", "xz", "excel.xlsx", "tab.tsv", "json", "json lines"],
)
def test_other_formats_and_what_is_packed_is_read(found: dict[str, dict[str, Any]], name: str) -> None:
    came = found[name]
    assert (came["rows"], came["types"]["size"], came["types"]["colour"]) == (60, "double", "string")


@pytest.mark.parametrize("name", ["folder", "glob", "parquet_folder", "two in a zip"])
def test_files_of_one_kind_are_one_table_in_their_order(found: dict[str, dict[str, Any]], name: str) -> None:
    came = found[name]
    assert came["rows"] == 60 and "2 files, from" in came["said"].replace("3 files", "2 files")
    assert {"size", "price", "bought", "colour"} == came["types"].keys()
    if name == "two in a zip":
        assert came["values"]["size"] == [str(ord("a"))] * 3


def test_files_of_different_kinds_are_refused(found: dict[str, dict[str, Any]]) -> None:
    assert "'b.csv' lacks 'size'; 'b.csv' has 'width' besides" in found["mixed folder"]["error"]


@pytest.mark.parametrize("name", ["cp1252.csv", "cp1252_header.csv"])
def test_windows_1252_is_read_said_and_written_to_a_valid_schema(found: dict[str, dict[str, Any]], name: str) -> None:
    came = found[name]
    assert f"{name!r} is not UTF-8: read as Windows-1252" in came["said"]
    assert yaml.safe_load(came["schema"])["columns"].keys() == came["types"].keys()
    assert "price €" in came["types"] or name == "cp1252.csv"


@pytest.mark.parametrize(("name", "column"), [("leading_zeros.csv", "zip"), ("leading_zeros_target.csv", "code")])
def test_zeros_in_front_are_kept(found: dict[str, dict[str, Any]], name: str, column: str) -> None:
    came = found[name]
    assert came["types"][column] == "string"
    assert came["values"][column][0].startswith("0") and "begin with 0" in came["notes"][column]


def test_words_for_missing_are_said_with_how_many_and_how_to_keep_them(found: dict[str, dict[str, Any]]) -> None:
    assert "15 values 'NA' taken as missing (--missing '' keeps such words)" in found["namibia.csv"]["notes"]["country"]
    came = found["na_as_class.csv"]
    assert "32 values 'N/A' taken as missing (--missing '' keeps such words)" in came["notes"]["answer"]
    assert "a run will be refused: 'answer' has the one value 'ok'" in came["said"]
    assert found["missing"]["missing"]["answer"] == 0 and found["missing"]["kinds"]["answer"] == "category"
    assert found["none_as_class.csv"]["missing"]["t"] == 0
    assert found["another word"]["missing"]["colour"] > 0
    assert found["empty_string_category.parquet"]["missing"]["c"] == 0


TARGET_KINDS = {
    "float01_target.csv": ("classification", "--regression"),
    "float01_target_missing.csv": ("classification", "--regression"),
    "nullable_int_target.parquet": ("classification", "--regression"),
    "int_target_30_codes.csv": ("regression", "28 different numbers; --classification"),
    "int_target_few.csv": ("regression", "is there once, so they are no classes; --classification"),
    "int_target_rare_end.csv": ("regression", "is there once, so they are no classes; --classification"),
    "decimal_target.parquet": ("regression", "--classification"),
    "categorical_target.parquet": ("classification", "2 different values"),
    "regression": ("regression", "as you say"),
    "one_member_class.csv": ("classification", "3 different values"),
}


@pytest.mark.parametrize("name", TARGET_KINDS)
def test_the_kind_of_the_target_is_said_with_its_reason(found: dict[str, dict[str, Any]], name: str) -> None:
    kind, reason = TARGET_KINDS[name]
    came = found[name]
    assert came["problem"] == kind and reason in came["reason"]
    assert f"is to be predicted: {kind} ({came['reason']})" in came["said"]


def test_a_class_of_one_row_is_said_before_the_run(found: dict[str, dict[str, Any]]) -> None:
    assert "has a single row, which cannot be both learnt and tested" in found["one_member_class.csv"]["said"]


def test_words_are_no_quantity_and_dates_no_target(found: dict[str, dict[str, Any]]) -> None:
    assert "Leave out --regression" in found["regression of words"]["error"]
    assert "'valid_until' is a date, which nothing here predicts" in found["date"]["error"]


TIMES = {
    "date_9999.csv": ("valid_until", "date32[day]"),
    "late_9999.csv.gz": ("until", "date32[day]"),
    "dates_dmy.csv": ("when", "date32[day]"),
    "dates_iso_tz.csv": ("when", "timestamp[us, tz=UTC]"),
    "time_of_day.csv": ("at", "time64[us]"),
    "tz_timestamp.parquet": ("when", "timestamp[us, tz=Europe/Berlin]"),
    "timestamp_us.parquet": ("when", "timestamp[us]"),
    "time64.parquet": ("at", "time64[us]"),
    "duration.parquet": ("took", "duration[us]"),
    "dates": ("d", "date32[day]"),
}


@pytest.mark.parametrize("name", TIMES)
def test_times_are_times(found: dict[str, dict[str, Any]], name: str) -> None:
    column, type_ = TIMES[name]
    assert found[name]["types"][column] == type_
    assert found[name]["rows"] == {"late_9999.csv.gz": 70_000, "dates": 40}.get(name, 60)


def test_how_a_date_was_read_is_said(found: dict[str, dict[str, Any]]) -> None:
    assert "read as day.month.year" in found["dates_dmy.csv"]["notes"]["when"]
    assert "read as month/day/year, though day and month could be the other way" in found["dates"]["notes"]["d"]


@pytest.mark.parametrize(
    "name",
    [
        *("string_view", "large_string", "binary", "categorical", "categorical_feature", "decimal", "int_types"),
        *("uint64_big", "float16", "bool_null", "null_type", "pandas_index", "nan_not_null", "list_column", "plain"),
    ],
)
def test_types_of_parquet_are_read_or_left_out_by_name(found: dict[str, dict[str, Any]], name: str) -> None:
    came = found[f"{name}.parquet"]
    assert came["rows"] == 60 and yaml.safe_load(came["schema"])["columns"].keys() == came["types"].keys()
    if name == "list_column":
        assert came["kinds"]["tags"] == "left out" and "list<element: string>" in came["notes"]["tags"]


def test_nan_is_a_missing_value(found: dict[str, dict[str, Any]]) -> None:
    assert "nullable: true" in found["nan_not_null.parquet"]["schema"]


@pytest.mark.parametrize(
    ("name", "column", "note"),
    [
        ("unnamed_index.csv", "column_1", "no name in the source; counts the rows"),
        ("id_column.csv", "customer", "one value per row: it tells a model nothing, leave it out (--drop), or keep it"),
        ("high_cardinality.csv", "shop", "only the 20 most frequent of 59 values are used"),
        ("text_column.csv", "review", "one value per row: only the 20 most frequent of 80 values are used"),
        ("texts", "note", "one value per row: it tells a model nothing, leave it out (--drop), or keep it: training"),
        ("texts", "note", "as only the 20 most frequent of 300 values could be used"),
        ("texts", "part", "only the 20 most frequent of 200 values are used"),
        ("texts", "shop", "most frequent of 40 values are used by themselves, the others by their mean target alone"),
        ("constant_columns.csv", "same", "always the same"),
        ("empty_column.csv", "empty", "empty: it tells a model nothing"),
        ("trailing_delimiter.csv", "column_5", "no name and no values"),
        ("drop", "customer", "--drop"),
    ],
)
def test_what_tells_a_model_nothing_is_said(
    found: dict[str, dict[str, Any]], name: str, column: str, note: str
) -> None:
    assert note in found[name]["notes"][column]


def test_of_many_rows_one_value_that_comes_again_is_seen(found: dict[str, dict[str, Any]]) -> None:
    notes = found["many"]["notes"]
    assert notes["name"].startswith("one value per row: only the 20 most frequent of 250,000 values are used")
    for name in ("again at once", "again at last"):
        assert notes[name].startswith("only the 20 most frequent of 2")


def test_hints_of_leakage(found: dict[str, dict[str, Any]]) -> None:
    notes = found["leaking"]["notes"]
    assert notes["outcome"].startswith("alone predicts the target: is it known before the event?")
    assert notes["returned_on"].startswith("has values only where the target is 'yes'")
    assert not notes["colour"] and not notes["size"]
    assert "copy of it" in found["copy"]["notes"]["cents"] and "copy" not in found["copy"]["notes"]["size"]


def test_what_a_person_says_counts(found: dict[str, dict[str, Any]]) -> None:
    assert found["text"]["types"]["size"] == "string" and found["text"]["missing"]["size"] == 0
    assert "customer" not in found["drop"]["types"] and "customer" not in found["drop"]["schema"]
    assert found["decimal"]["values"]["income"][0] == "51.26"
    assert found["encoding"]["reading"]["encoding"] == "cp1250"


@pytest.mark.parametrize("name", ["capitals", "capitals in Parquet"])
def test_names_that_differ_in_capitals_only_are_two_columns(found: dict[str, dict[str, Any]], name: str) -> None:
    came = found[name]
    assert list(came["types"].items())[:2] == [("a", "double"), ("A", "string")]
    assert (came["kinds"]["a"], came["kinds"]["A"], came["notes"]["Â"]) == (
        *("number", "category"),
        "always the same: it tells a model nothing",
    )
    assert [*yaml.safe_load(came["schema"])["columns"]] == ["a", "A", "â", "bought", "Â"]


def test_a_zero_byte_is_no_number(found: dict[str, dict[str, Any]]) -> None:
    assert found["NUL"]["notes"]["size"].startswith("1 value '51.26\\x00' taken as missing")


@pytest.mark.parametrize("name", ["little end", "big end"])
def test_utf_16_is_read_without_its_mark(found: dict[str, dict[str, Any]], name: str) -> None:
    assert (found[name]["rows"], found[name]["types"]["size"]) == (60, "double")


def test_a_column_of_parquet_without_a_name_has_a_number(found: dict[str, dict[str, Any]]) -> None:
    assert found["unnamed"]["types"].keys() == {"column_1", "filename", "bought"}
    assert "no name in the source" in found["unnamed"]["notes"]["column_1"]


def test_wide_tables_are_adopted(found: dict[str, dict[str, Any]]) -> None:
    assert len(found["wide"]["types"]) == 1201 and found["wide"]["kinds"]["c1198"] == "category"


def test_mistakes_are_sentences(found: dict[str, dict[str, Any]]) -> None:
    says = {
        "drop nosuch": "the table has no column 'costumer'. Did you mean 'customer'?",
        "drop the target": "'bought' is to be predicted and left out (--drop). Choose one of both.",
        "drop and text": "'size' is to be left out (--drop) and read as text (--text). Choose one of both.",
        "comma in Parquet": "'plain.parquet' is Parquet, which has no decimal to tell. Leave that out.",
        "no encoding": "encoding 'klingon' is not known",
        "nosuch": "does not exist",
        "nosuch glob": "matches no file",
        "nosuch column": "the table has no column 'bougth'. Did you mean 'bought'?",
        "long name": "the name of a column has 1001 characters",
        "delimiter": "no column 'bought'",
    }
    assert {name: words for name, words in says.items() if words not in found[name].get("error", "")} == {}


def test_a_year_is_a_name(found: dict[str, dict[str, Any]]) -> None:
    assert list(found["years"]["types"]) == ["country", "2019", "2020", "y"]


def test_no_table_ends_in_a_traceback_and_no_byte_of_it_reaches_the_terminal(found: dict[str, dict[str, Any]]) -> None:
    for name, came in found.items():
        assert "\x00" not in came["said"] + came.get("error", ""), name
        assert json.loads(json.dumps(came)), name
