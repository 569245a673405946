"""Tables that are not what they should be, and tables that only look odd."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow.parquet import ParquetFile

from helpers.inv import inv
from helpers.penguins import newest, outputs, penguin_rows, refused, run_on
from helpers.template import Bake
from shared.tables import parquet_writer

BAD_TABLES: dict[str, tuple[str, Callable[[pd.DataFrame], pd.DataFrame | bytes], str, str]] = {
    # what: the step that refuses it, how to make it, what the reason says, what to do
    "empty": ("gathering", lambda p: b"", "is empty", "Give a file"),
    "header only": ("gathering", lambda p: p.head(0), "no rows", "Give a file"),
    "duplicate columns": ("gathering", lambda p: b"a,b,a\n1,2,3\n", "'a'", "Rename"),
    "ragged": ("gathering", lambda p: b"a,b\n1,2\n1,2,3\n", "line 3 ", "Correct"),
    "column missing": ("validation", lambda p: p.drop(columns="sex"), "sex", "schema.yaml"),
    "wrong type": (
        "validation",
        lambda p: p.astype({"year": str}).replace({"year": {"2008": "soon"}}),
        "year",
        "schema.yaml",
    ),
    "unknown class": ("validation", lambda p: p.replace({"species": {"Gentoo": "Dodo"}}), "Dodo", "schema.yaml"),
    "one class": (
        "preprocessing",
        lambda p: p[p.sex == "female"],
        "the one value 'female'",
        "Choose another target",
    ),
    "5 rows": (
        "preprocessing",
        lambda p: p.groupby("sex").head(3).head(5),
        "5 rows have a target",
        "Give more data",
    ),
}


@pytest.mark.parametrize("what", BAD_TABLES)
def test_a_bad_table_is_refused_by_the_step_that_sees_it(penguins: Path, what: str) -> None:
    step, make, says, remedy = BAD_TABLES[what]
    reason = refused(penguins, step, frame=make(penguin_rows(penguins)))
    assert says in reason
    assert remedy in reason


@pytest.mark.parametrize(
    ("step", "parameter", "says"),
    [
        ("gathering", "source=data/nosuch.csv", "does not exist"),
        ("gathering", "source=empty", "is a folder"),
        ("gathering", "source=sample://dodos", "sample://penguins"),
        ("gathering", "source=http://localhost:9/table.csv", "cannot read source"),
        ("gathering", "source=nosuch://table.csv", "cannot read source"),
        ("preprocessing", "target=specie", "species"),
        ("preprocessing", "test_size=2", "between 0 and 1"),
        ("preprocessing", "problem_type=regression", "sex"),
        ("training", "max_iter=0", "max"),
    ],
)
def test_a_bad_parameter_is_refused_by_the_step_that_sees_it(
    penguins: Path, step: str, parameter: str, says: str
) -> None:
    (penguins / "empty").mkdir(exist_ok=True)
    assert says in refused(penguins, step, parameter)


def test_a_violation_leaves_a_report_of_what_failed_how_often_and_where(penguins: Path) -> None:
    frame = penguin_rows(penguins)
    frame.loc[[3, 8], "species"] = "Dodo"
    reason = refused(penguins, "validation", frame=frame)
    assert "2" in reason and "Dodo" in reason
    report = penguins / "runs" / newest(penguins)["id"] / "steps/validation/report"
    page = report.read_text(encoding="utf-8")
    assert "Dodo" in page and "isin" in page


ODD_TABLES: dict[str, Callable[[pd.DataFrame], pd.DataFrame | bytes]] = {
    "latin-1": lambda p: p.replace({"island": {"Dream": "Rêve"}}).to_csv(index=False).encode("latin-1"),
    "semicolons": lambda p: p.to_csv(index=False, sep=";").encode(),
    "constant column": lambda p: p.assign(year=2007),
    "all missing": lambda p: p.assign(flipper_length_mm=None),
    "an extra column <script>": lambda p: p.assign(**{"<script>alert(1)</script>": 1}),
}


@pytest.mark.parametrize("what", ODD_TABLES)
def test_an_odd_table_is_handled(penguins: Path, what: str) -> None:
    schema = penguins / "components/validation/schema.yaml"
    kept = schema.read_text(encoding="utf-8")
    try:
        schema.write_text(kept.replace("Dream,", "Dream, Rêve,"), encoding="utf-8")
        assert "Rêve" in schema.read_text(encoding="utf-8")
        run_on(penguins, ODD_TABLES[what](penguin_rows(penguins)), name="odd têble.csv")
    finally:
        schema.write_text(kept, encoding="utf-8")
    run = newest(penguins)
    assert run["status"] == "succeeded" and run["metrics"]["accuracy"] > 0.75
    for step in ("validation", "prediction"):
        page = (penguins / outputs(penguins, step)["report"]["uri"]).read_text(encoding="utf-8")
        assert "<script>alert" not in page
    assert "<script>alert" not in (penguins / "runs" / run["id"] / "report.html").read_text(encoding="utf-8")


def test_a_project_lives_in_a_folder_with_spaces_and_accents(bake: Bake, tmp_path: Path) -> None:
    project = tmp_path / "un été à Brest"
    shutil.copytree(bake(), project)
    inv(project, "run")
    assert newest(project)["status"] == "succeeded"


def test_only_columns_that_repeat_themselves_are_written_with_a_dictionary(tmp_path: Path) -> None:
    many, few = np.random.default_rng(0).normal(size=5_000), np.tile([1.5, 2.5], 2_500)
    batch = pa.record_batch({"many": many, "few": few, "text": many.astype(str), "list": [[1]] * 5_000})
    with parquet_writer(tmp_path / "t", batch.schema, batch) as writer:
        writer.write_batch(batch)
    file = ParquetFile(tmp_path / "t")
    group = file.metadata.row_group(0)
    encoded = {group.column(i).path_in_schema for i in range(4) if group.column(i).has_dictionary_page}
    assert encoded >= {"few", "text"} and "many" not in encoded
    assert file.read().cast(batch.schema).equals(pa.table(batch))
