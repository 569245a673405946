"""The model store: what is kept stays as it is, by folder, bucket and MLflow, however many write at once."""

import json
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from shared.mlflow_api import Mlflow
from shared.mlflow_store import MlflowStore
from shared.model_store import store_at
from shared.model_versions import MODEL, Changed, Version
from shared.objects import ASKS, configured, objects_at
from shared.sources import fingerprint
from shared.step import StepError
from stand_ins.answering import answering
from stand_ins.s3 import s3

ACCOUNT = {"AZURE_STORAGE_ACCOUNT_NAME": "one", "AZURE_STORAGE_ACCOUNT_KEY": "c2VjcmV0LW9mLWEtdGVzdA=="}
ABOUT = {"target": "sex", "problem_type": "classification"}


@pytest.fixture(params=["folder", "bucket", "mlflow"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path / "our models")
    elif request.param == "mlflow":
        yield f"mlflow+{request.getfixturevalue('mlflow').address}#{uuid.uuid4()}"
    else:
        with s3() as (variables, _):
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            yield "s3://team/our models"


in_files = pytest.mark.parametrize("place", ["folder", "bucket"], indirect=True)


def added(place: str, folder: Path, content: bytes) -> Version:
    path = folder / f"{content.hex()}.skops"
    path.write_bytes(content)
    return store_at(place).add({MODEL: path}, ABOUT)


def test_a_version_is_read_as_it_was_kept(place: str, tmp_path: Path) -> None:
    store = store_at(place)
    assert (store.numbers(), store.champion()) == ([], None)
    version = added(place, tmp_path, b"a model")
    assert store.version(1) == version and version.target == "sex"
    store.fetch(version, MODEL, tmp_path / "out" / "model")
    assert (tmp_path / "out" / "model").read_bytes() == b"a model"


def test_of_many_writers_none_loses_a_version(place: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda i: added(place, tmp_path, bytes([i])), range(16)))
    assert sorted(version.number for version in made) == list(range(1, 17))
    store = store_at(place)
    for version in made:
        assert store.version(version.number) == version


def test_of_promotions_at_once_one_holds_and_the_others_are_told(place: str, tmp_path: Path) -> None:
    versions = [added(place, tmp_path, bytes([i])) for i in range(6)]

    def promoted(version: Version) -> bool:
        try:
            store_at(place).promote(version, "somebody", instead=0)
        except Changed:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        held = list(pool.map(promoted, versions))
    assert held.count(True) == 1
    champion = store_at(place).champion()
    assert champion == versions[held.index(True)]


def test_a_rollback_goes_back_one_change_at_a_time_and_not_past_the_first(place: str, tmp_path: Path) -> None:
    store = store_at(place)
    with pytest.raises(StepError, match="there is no champion: there is none before it"):
        store.rollback("somebody")
    first, second, third = (added(place, tmp_path, bytes([i])) for i in range(3))
    for version in (first, second, third):
        store.promote(version, "somebody")
    assert store.rollback("somebody") == (3, 2)
    assert store.rollback("somebody") == (2, 1)
    assert store.champion() == first
    with pytest.raises(StepError, match="version 1 is the first champion: there is none before it to go back to"):
        store.rollback("somebody")
    store.promote(third, "somebody")
    assert [change.version for change in store.changes()] == [1, 3]


def test_the_state_changes_with_the_champion(place: str, tmp_path: Path) -> None:
    store = store_at(place)
    assert store.state() != store.state(), "an empty store may have been another one"
    store.promote(added(place, tmp_path, b"1"), "somebody")
    first = store.state()
    assert first == store.state()
    store.promote(added(place, tmp_path, b"2"), "somebody")
    assert store.state() != first


def test_a_store_that_was_deleted_and_filled_anew_is_another_one(tmp_path: Path, mlflow: Any) -> None:
    for place in (str(tmp_path / "models"), f"mlflow+{mlflow.address}#{uuid.uuid4()}"):
        states = []
        for content in (b"1", b"2"):
            store = store_at(place)
            store.promote(added(place, tmp_path, content), "somebody")
            assert store.used() == 1
            states.append(store.state())
            if isinstance(store, MlflowStore):
                Mlflow(mlflow.address).delete("registered-models/delete", name=place.rpartition("#")[2])
            else:
                shutil.rmtree(place)
        assert states[0] != states[1], "or what was made with the old champion would be served from the cache"


def test_a_store_that_was_cut_or_changed_is_found_out(tmp_path: Path) -> None:
    place = tmp_path / "models"
    version = added(str(place), tmp_path, b"a model")
    store = store_at(str(place))
    file = next(place.glob("files/*/*"))
    file.chmod(0o644)
    file.write_bytes(b"another one")
    with pytest.raises(StepError, match=r"the model.skops of version 1 is not what was kept"):
        store.fetch(version, MODEL, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    file.unlink()
    with pytest.raises(StepError, match=r"the model.skops of version 1 is gone"):
        store.fetch(version, MODEL, tmp_path / "out")


WHOLE: dict[str, Any] = {"number": 1, "made": "", "files": {MODEL: {"sha256": "0", "bytes": 1}}, **ABOUT}
OF_OTHER_TYPES: list[dict[str, Any]] = [
    {"metrics": {"accuracy": "high"}},
    {"made": 3},
    {"code": "abc"},
    {"files": {MODEL: {"sha256": "0"}}},
]
NO_ENTRIES = [
    *("", "[]", "{}", '{"number": 7, "files": {}}', '{"number": "x"', '{"files": 3}', "null"),
    *(json.dumps(WHOLE | other) for other in OF_OTHER_TYPES),
]


@pytest.mark.parametrize("text", NO_ENTRIES)
def test_an_entry_that_is_none_is_a_sentence(tmp_path: Path, text: str) -> None:
    place = tmp_path / "models"
    added(str(place), tmp_path, b"a model")
    (place / "versions" / "000001.json").write_text(text)
    with pytest.raises(StepError, match="version 1 of the model store cannot be read"):
        store_at(str(place)).version(1)


@pytest.mark.parametrize(
    "place, variables",
    [
        ("gs://team/models", {"GOOGLE_BASE_URL": "", "GOOGLE_SKIP_SIGNATURE": "true"}),
        ("abfs://team/models", {"AZURE_STORAGE_ENDPOINT": "/one", **ACCOUNT}),
        ("s3://team/models", {"AWS_ENDPOINT_URL_S3": "", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}),
    ],
)
def test_a_server_of_ones_own_is_reached_without_encryption(
    monkeypatch: pytest.MonkeyPatch, place: str, variables: dict[str, str]
) -> None:
    with answering(404) as (address, asked):
        for name, value in variables.items():
            monkeypatch.setenv(name, address + value if name.endswith(("URL", "ENDPOINT", "S3")) else value)
        with pytest.raises(StepError, match=f"the model store '{place}' cannot be used"):
            store_at(place).numbers()
    assert any("team" in path and "versions" in path for path, _ in asked)


def test_what_aws_configure_has_written_is_taken_where_the_environment_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [*ASKS, "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert configured() == {}
    (tmp_path / ".aws").mkdir()
    keys = "aws_access_key_id = a\naws_secret_access_key = b%c\n"
    (tmp_path / ".aws" / "credentials").write_text(f"[default]\n{keys}[other]\n{keys.replace('= a', '= other')}")
    (tmp_path / ".aws" / "config").write_text("[default]\nregion = eu-west-1\n[profile other]\nregion = us-west-2\n")
    assert configured() == {"aws_access_key_id": "a", "aws_secret_access_key": "b%c", "region": "eu-west-1"}
    with s3() as (variables, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", variables["AWS_ENDPOINT_URL"])
        assert store_at("s3://team/models").numbers() == []
    monkeypatch.setenv("AWS_PROFILE", "other")
    assert configured()["aws_access_key_id"] == "other" and configured()["region"] == "us-west-2"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    assert configured() == {"region": "us-west-2"}
    (tmp_path / ".aws" / "config").write_text("no section")
    assert configured() == {}


def test_a_source_of_azure_is_read_by_the_key_that_models_take(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ACCOUNT:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StepError, match=r"names no account\. Give AZURE_STORAGE_ACCOUNT_NAME"):
        fingerprint("abfs://team/table.csv")
    with answering(404) as (address, asked):
        for name, value in {"AZURE_STORAGE_ENDPOINT": f"{address}/one", **ACCOUNT}.items():
            monkeypatch.setenv(name, value)
        for uri in ("abfs://team/a/table.csv", "abfs://team@one.dfs.core.windows.net/a/table.csv"):
            asked.clear()
            with pytest.raises(StepError, match="cannot read source"):
                fingerprint(uri)
            assert asked and all(path.startswith("/one/team") for path, _ in asked)
            assert all(by.startswith("SharedKey one:") for _, by in asked)


@in_files
def test_an_entry_that_cannot_be_read_is_named_and_the_others_are_there(place: str, tmp_path: Path) -> None:
    first, second = added(place, tmp_path, b"1"), added(place, tmp_path, b"2")
    objects_at(place).create("versions/000003.json", b"{")
    fourth = added(place, tmp_path, b"3")
    found, unreadable = store_at(place).versions()
    assert found == [first, second, fourth] and fourth.number == 4
    assert list(unreadable) == [3] and "version 3 of the model store cannot be read" in unreadable[3]


@in_files
def test_a_change_that_cannot_be_read_hides_those_before_it_and_none_after_it(place: str, tmp_path: Path) -> None:
    store = store_at(place)
    first, second, third = (added(place, tmp_path, bytes([i])) for i in range(3))
    store.promote(first, "somebody")
    objects_at(place).create("champion/000002.json", b"[]")
    with pytest.raises(StepError, match=r"not known: champion/000002.json cannot be read.*models.promote VERSION"):
        store.champion()
    with pytest.raises(StepError, match="in use is not known"):
        store.promote(second, "a run", instead=first.number)
    store.promote(second, "somebody")
    store.promote(third, "a run", instead=second.number)
    assert store.rollback("somebody") == (third.number, second.number) and store.champion() == second
    with pytest.raises(StepError, match=r"the champion before version 2 is not known: champion/000002.json"):
        store.rollback("somebody")
    assert store.champion() == second


def test_a_champion_that_cannot_be_read_is_gone_back_from(tmp_path: Path) -> None:
    place = tmp_path / "models"
    store = store_at(str(place))
    for content in (b"1", b"2"):
        store.promote(added(str(place), tmp_path, content), "somebody")
    (place / "versions" / "000002.json").write_text("")
    with pytest.raises(StepError, match="version 2 of the model store cannot be read"):
        store.champion()
    assert store.rollback("somebody") == (2, 1)


def test_what_a_newer_template_adds_is_passed_over(tmp_path: Path) -> None:
    place = tmp_path / "models"
    version = added(str(place), tmp_path, b"a model")
    path = place / "versions" / "000001.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"of tomorrow": 1}))
    assert store_at(str(place)).version(1) == version


def test_a_place_that_cannot_be_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StepError, match="not a place for models"):
        store_at("ftp://team/models")
    (tmp_path / "file").write_text("")
    with pytest.raises(StepError, match="cannot be used: Not a directory"):
        added(str(tmp_path / "file"), tmp_path, b"a model")
    with pytest.raises(StepError, match="cannot be used: Not a directory"):
        store_at(str(tmp_path / "file")).numbers()
    with s3() as (variables, _):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(
            StepError, match=r"there is no such bucket \(404 Not Found\)\. Check the address, the network and your cred"
        ) as told:
            store_at("s3://another/models").numbers()
        assert "secret-of-a-test" not in str(told.value)
        with pytest.raises(StepError, match=r"'s3://another/models' cannot be used: there is no such bucket\. Check"):
            added("s3://another/models", tmp_path, b"a model")
    with pytest.raises(StepError, match=r"cannot be used: http://127\.0\.0\.1:\d+ cannot be reached\. Check"):
        store_at("s3://team/models").numbers()  # whose server is gone by now
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(StepError, match="cannot be used: AZURE_STORAGE_ACCOUNT_NAME names no account"):
        store_at("abfs://team/models")
