"""`inv run scoring`: new rows, predicted with the champion, and delivered whole or not at all."""

import errno
import os
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import deliver
import predict
import shared.objects
from differences import Thresholds
from drift import differences
from helpers.inv import inv
from helpers.penguins import newest, penguin_rows
from helpers.steps import learnt, table
from helpers.template import Bake
from shared.profile import profile_of
from shared.step import StepError
from shared.tables import read
from stand_ins.s3 import PART, s3


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    """A project with a champion, and new rows without a sex in march.csv."""
    project = bake()
    inv(project, "run")
    penguin_rows(project).drop(columns="sex").to_csv(project / "march.csv", index=False)
    return project


def scored(project: Path, *given: str, code: int = 0) -> Any:
    return inv(project, "run", "scoring", *[part for each in given for part in ("-p", each)], code=code)


def test_a_project_without_a_champion_says_what_to_do(bake: Bake) -> None:
    said = scored(bake(), "source=sample://penguins", code=1).stderr
    assert "champion: the model store 'models' has no version, or none any more. Train one: inv run" in said


def test_each_new_row_is_delivered_with_its_number_and_the_models_version(project: Path) -> None:
    said = scored(project, "source=march.csv", "destination=out/march.parquet").stdout
    assert "\n  344 rows are delivered to out/march.parquet\n" in said
    page = (project / "runs" / newest(project)["id"] / "report.html").read_text(encoding="utf-8")
    assert "<p>344 rows are delivered to out/march.parquet.</p>" in page
    found = pd.read_parquet(project / "out" / "march.parquet")
    assert list(found.row) == list(range(1, 345)) and set(found.model_version) == {1}
    truth = penguin_rows(project)
    assert list(found.columns[2:-2]) == [name for name in truth.columns if name != "sex"]
    known = truth.sex.notna()
    assert (found.prediction[known] == truth.sex[known]).mean() > 0.9
    assert [path.name for path in (project / "out").iterdir()] == ["march.parquet"]


def test_what_is_there_is_not_replaced_unasked(project: Path) -> None:
    path = project / "out" / "april.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    runs = len(list((project / "runs").iterdir()))
    said = scored(project, "source=march.csv", "destination=out/april.csv", code=1).stderr
    assert "destination 'out/april.csv' exists. Name another one, or give overwrite=true" in said
    assert path.read_text() == "mine" and len(list((project / "runs").iterdir())) == runs, "nothing ran for it"
    with pytest.raises(StepError, match=r"april\.csv' exists\. Name another one"):  # which has come there meanwhile
        deliver.main(project / "march.csv", project / "delivered", project / "note", str(path))
    assert path.read_text() == "mine" and not (project / "delivered").exists()
    scored(project, "source=march.csv", "destination=out/april.csv", "overwrite=true")
    assert len(pd.read_csv(path)) == 344
    path.unlink()
    scored(project, "source=march.csv", "destination=out/april.csv", "overwrite=true")
    assert len(pd.read_csv(path)) == 344, "a delivery is never served from the cache"


def test_a_home_is_that_of_this_machine_wherever_a_step_runs(project: Path, tmp_path: Path) -> None:
    inv(project, "run", "scoring", "-p", "source=march.csv", "-p", "destination=~/out.csv", HOME=str(tmp_path))
    assert newest(project)["parameters"]["destination"] == str(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").is_file()


def test_a_home_that_is_not_known_is_a_sentence_before_anything_runs(project: Path) -> None:
    runs = len(list((project / "runs").iterdir()))
    for given in (
        ["run", "scoring", "-p", "destination=~nobody-here/out.csv"],
        ["run", "-p", "source=~nobody-here/a.csv"],
    ):
        name, _, place = given[-1].partition("=")
        said = inv(project, *given, code=1).stderr
        assert f"{name} is '{place}', and such a home is not known here: give the whole path" in said
    assert len(list((project / "runs").iterdir())) == runs
    with pytest.raises(StepError, match="begins with a home that is not known here"):
        deliver.main(project / "march.csv", project / "delivered", project / "note", "~nobody-here/out.csv")
    assert not (project / "~nobody-here").exists()


def test_a_cluster_is_not_asked_to_score_with_a_store_or_into_a_file_that_it_does_not_see(project: Path) -> None:
    said = inv(project, "run", "scoring", "--on", "cluster", code=1).stderr
    assert "models is 'models', a folder of this machine, and the champion has to come from where a cluster" in said
    settings = project / "nightly.yaml"
    settings.write_text("schedules: {nightly: {every: 1d, pipeline: scoring}}\n")
    said = inv(project, "-f", "nightly.yaml", "schedule", code=1).stderr
    assert "schedules: nightly: models is 'models', a folder of this machine, and the champion has to come" in said
    said = inv(project, "-f", "nightly.yaml", "deploy", "scoring", code=1, INVOKE_KFP_HOST="http://127.0.0.1:1")
    assert "scoring: models is 'models', a folder of this machine" in said.stdout and "no KFP API" in said.stderr
    elsewhere = ["-p", "models=s3://team/models", "-p", "destination=file:///tmp/out.csv"]
    said = inv(project, "run", "scoring", "--on", "cluster", *elsewhere, code=1).stderr
    assert "destination is 'file:///tmp/out.csv', a file of this machine, which a cluster does not see" in said
    said = inv(project, "run", "--on", "cluster", "-p", "models=mine", code=1).stderr
    assert "models is 'mine', a folder of this machine, which a cluster does not see" in said


def test_a_table_of_another_kind_is_refused_by_the_champions_schema(project: Path) -> None:
    rows = penguin_rows(project)
    rows.drop(columns="species").to_csv(project / "lacks.csv", index=False)
    said = scored(project, "source=lacks.csv", "destination=out/lacks.csv", code=1).stderr
    assert "validation: the champion's schema does not hold: species: the column is missing. Correct the source" in said
    assert not (project / "out" / "lacks.csv").exists() and newest(project)["status"] == "failed"


def test_new_rows_that_have_drifted_are_said_and_where_it_is_wanted_not_delivered(project: Path) -> None:
    said = scored(project, "source=march.csv").stdout
    assert "nothing is delivered, as no destination is given" in said and "have drifted" not in said
    assert newest(project)["metrics"]["drifted_columns"] == 0
    rows = pd.read_csv(project / "march.csv")
    rows.assign(bill_depth_mm=rows.bill_depth_mm + 3).to_csv(project / "moved.csv", index=False)
    ended = scored(project, "source=moved.csv", "destination=out/moved.csv").stdout
    assert "\n  the data have drifted: column 'bill_depth_mm'; why, says the report of drift\n" in ended
    assert newest(project)["metrics"]["drifted_columns"] == 1
    assert "bill_depth_mm" in inv(project, "runs.logs", "latest", "drift").stdout
    said = scored(project, "source=moved.csv", "destination=out/ended.csv", 'drift={"action":"end"}', code=1).stderr
    assert "drift: the data have drifted" in said and "bill_depth_mm" in said
    assert (project / "out" / "moved.csv").exists() and not (project / "out" / "ended.csv").exists()


def predictions(folder: Path) -> Path:
    learnt(table(folder / "table"))
    return folder / "predictions"


@pytest.mark.parametrize(
    ("destination", "said"),
    [
        ("out.txt", "ends in neither .parquet nor .csv"),
        ("folder.csv", "is a folder"),
        ("file/out.csv", "cannot be written: (Not a directory|File exists)"),
    ],
)
def test_a_destination_that_cannot_be_is_a_sentence(tmp_path: Path, destination: str, said: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(StepError, match=said):
        deliver.main(predictions(tmp_path), tmp_path / "delivered", tmp_path / "note", str(tmp_path / destination))
    assert not (tmp_path / "delivered").exists()


def test_a_delivery_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "Error writing bytes to file. Detail: [errno 28] No space left on device")  # as pyarrow does

    path = predictions(tmp_path)
    monkeypatch.setattr(deliver, "write", full)
    with pytest.raises(StepError, match=r"cannot be written: No space left on device\. Mend"):
        deliver.main(path, tmp_path / "delivered", tmp_path / "note", str(tmp_path / "out" / "table.csv"))
    assert list((tmp_path / "out").iterdir()) == []


def test_what_a_killed_delivery_left_goes_with_the_next_one_and_what_is_under_way_stays(tmp_path: Path) -> None:
    path, out = predictions(tmp_path), tmp_path / "out"
    out.mkdir()
    left, of_another, under_way = (out / f".{name}.part" for name in ("a.csv.17-99", "b.csv.17-99", "a.csv.18-99"))
    for each in (left, of_another, under_way):
        each.write_text("half")
    for each in (left, of_another):
        os.utime(each, (0, time.time() - 4000))
    deliver.main(path, tmp_path / "delivered", tmp_path / "note", str(out / "a.csv"))
    assert sorted(each.name for each in out.iterdir()) == sorted([of_another.name, under_way.name, "a.csv"])


def test_a_folder_that_knows_no_links_is_delivered_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")  # as FAT and mounted buckets do

    path, target = predictions(tmp_path), tmp_path / "out" / "a.csv"
    monkeypatch.setattr(os, "link", none)
    deliver.main(path, tmp_path / "delivered", tmp_path / "note", str(target))
    assert len(pd.read_csv(target)) == 12 and [each.name for each in target.parent.iterdir()] == ["a.csv"]
    with pytest.raises(StepError, match=r"exists\. Name another one"), deliver.destined(str(target), False):
        pass
    target.unlink()
    with (
        pytest.raises(StepError, match=r"exists\. Name another one"),
        deliver.destined(str(target), False) as temporary,
    ):
        temporary.write_text("mine")
        target.write_text("theirs")  # which has come there meanwhile
    assert target.read_text() == "theirs" and len(list(target.parent.iterdir())) == 1


def predicted(folder: Path, table: str, **options: Any) -> Path:
    """The predictions of a table by the model that was learnt there."""
    names = ("model", table, "predictions", "metrics", "evaluation", "report.html")
    model, rows, *results = (folder / name for name in names)
    predict.main(model, rows, "bought", *results, **options)
    return folder / "predictions"


def test_rows_of_all_batches_are_numbered_and_columns_of_the_same_names_are_kept(tmp_path: Path) -> None:
    learnt(table(tmp_path / "table"))
    new = pq.read_table(tmp_path / "test").drop_columns("bought").append_column("row", pa.array(["mine"] * 12))
    pq.write_table(pa.concat_tables([new] * 12_000), tmp_path / "new")  # three batches
    path = predicted(tmp_path, "new", version=4)
    for ending, reads in (".parquet", pd.read_parquet), (".csv", pd.read_csv):
        deliver.main(path, tmp_path / "delivered", tmp_path / "note", str(tmp_path / f"out{ending}"))
        found = reads(tmp_path / f"out{ending}")
        assert list(found) == ["scored_row", "model_version", "size", "colour", "row", "prediction", "probability"]
        assert list(found.scored_row) == list(range(1, 144_001)) and set(found.model_version) == {4}
        assert set(found.row) == {"mine"}
        assert all(len(set(found.prediction[at::12])) == 1 for at in range(12)), "each has what is said of it"
        assert list(found.colour[:12]) == new["colour"].to_pylist()


def test_the_number_of_a_row_is_no_new_column_to_drift(tmp_path: Path) -> None:
    learnt(table(tmp_path / "table"))
    profile = profile_of(tmp_path / "train", "bought")
    for version, columns in (4, ["row", "model_version"]), (0, []):
        rows = predicted(tmp_path, "test", version=version)
        assert read(rows).column_names[:-5] == columns
        assert differences(rows, profile, "bought", "classification", Thresholds()).notes == [
            "the reference holds no predictions, so those of this table are held against nothing"
        ]


def test_a_delivery_to_an_address(tmp_path: Path) -> None:
    path, uri = predictions(tmp_path), (tmp_path / "march.csv").as_uri()
    deliver.main(path, tmp_path / "delivered", tmp_path / "note", uri)
    assert len((tmp_path / "march.csv").read_text().splitlines()) == 13
    with pytest.raises(StepError, match=r"exists\. Name another one, or give overwrite=true"):
        deliver.main(path, tmp_path / "delivered", tmp_path / "note", uri)
    deliver.main(path, tmp_path / "delivered", tmp_path / "note", uri, overwrite="true")
    with pytest.raises(StepError, match=r"cannot write destination 'nowhere://x\.csv'"):
        deliver.main(path, tmp_path / "delivered", tmp_path / "note", "nowhere://x.csv")


def test_a_delivery_into_a_bucket_is_whole_and_replaces_nothing_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, uri = predictions(tmp_path), "s3://team/out/march.parquet"
    with s3() as (variables, objects):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        for more in ({}, {"overwrite": "true"}):
            deliver.main(path, tmp_path / "delivered", tmp_path / "note", uri, **more)
            assert objects == {"out/march.parquet": path.read_bytes()}, "and no folder is made, or anything else"
        with pytest.raises(StepError, match=r"exists\. Name another one, or give overwrite=true"):
            deliver.main(path, tmp_path / "delivered", tmp_path / "note", uri)
        with pytest.raises(StepError, match=r"exists\. Name"), deliver.destined("s3://team/a.csv", False) as file:
            file.write_text("mine")
            objects["a.csv"] = b"theirs"  # which has come there meanwhile
        assert objects["a.csv"] == b"theirs"
        monkeypatch.setattr(shared.objects, "ONE_REQUEST", 1000)
        for replace in (True, False):
            large = b"".join(bytes([i]) * 1_000_000 for i in range(20))
            with deliver.destined(f"s3://team/large-{replace}.csv", replace) as file:
                file.write_bytes(large)
            assert objects[f"large-{replace}.csv"] == large
        assert not [name for name in objects if name.startswith(PART)]
        with pytest.raises(StepError, match=r"exists\. Name"), deliver.destined("s3://team/large-True.csv", False):
            pass
        with pytest.raises(StepError, match=r"destination 's3://none/x\.csv' cannot be used: there is no such bucket"):
            deliver.main(path, tmp_path / "delivered", tmp_path / "note", "s3://none/x.csv")


def test_a_table_of_many_batches_is_predicted_as_one_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shared.tables

    learnt(table(tmp_path / "table"))
    whole = {name: (tmp_path / name).read_bytes() for name in ("metrics", "report.html")}
    rows = read(tmp_path / "predictions")
    batches = shared.tables.batches
    monkeypatch.setattr(
        predict,
        "batches",
        lambda path, rows: (part for each in batches(path) for part in (each[:5], each[5:]) if len(part)),
    )
    said = predicted(tmp_path, "test")
    assert {name: (tmp_path / name).read_bytes() for name in whole} == whole
    assert read(said).equals(rows)


def test_a_table_without_rows_is_a_sentence(tmp_path: Path) -> None:
    learnt(table(tmp_path / "table"))
    pq.write_table(read(tmp_path / "test")[:0], tmp_path / "empty")
    before = (tmp_path / "predictions").read_bytes()
    with pytest.raises(StepError, match="the table has no rows to predict"):
        predicted(tmp_path, "empty")
    assert (tmp_path / "predictions").read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".part"]
