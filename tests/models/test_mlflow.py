"""Versions in a real MLflow server: what is kept, what its own client reads, and what is said where it is amiss."""

import json
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest

from helpers.inv import inv
from helpers.mlflow_server import MlflowServer
from helpers.penguins import cached, newest
from helpers.template import Bake
from shared.mlflow_api import Mlflow, Refused
from shared.mlflow_store import STALE
from shared.model_store import store_at
from shared.model_versions import MODEL, Changed, Version
from shared.step import StepError
from stand_ins.answering import answering
from stand_ins.s3 import s3

CLIENT = """\
import json, sys
import mlflow, pandas
uri, name, table = sys.argv[1:]
mlflow.set_tracking_uri(uri)
client = mlflow.MlflowClient()
version = client.get_model_version_by_alias(name, "champion")
run = client.get_run(version.run_id)
rows = pandas.read_parquet(table)
predictions = {}
for kind in (mlflow.sklearn, mlflow.pyfunc):
    model = kind.load_model(f"models:/{name}@champion")
    features = list(mlflow.sklearn.load_model(f"models:/{name}@champion").feature_names_in_)
    predictions[kind.__name__] = list(model.predict(rows[features]))
print(json.dumps({
    "version": version.version, "run": version.tags["run"], "status": run.info.status, "card": version.description,
    "metrics": run.data.metrics, "parameters": run.data.params, "predictions": predictions,
    "truth": list(rows["prediction"]), "models": [model.name for model in client.search_registered_models()],
}))
"""


@pytest.fixture(scope="module")
def project(bake: Bake, mlflow: MlflowServer) -> Path:
    """A project with a version in MLflow, called as no other is."""
    project = bake(project_slug=f"penguins-{uuid.uuid4()}")
    settings = project / "invoke.yaml"
    settings.write_text(settings.read_text("utf-8").replace('mlflow: ""', f"mlflow: {mlflow.address}"), "utf-8")
    inv(project, "run")
    return project


def test_a_version_is_what_mlflow_has_and_its_own_client_loads_the_model(project: Path, mlflow: MlflowServer) -> None:
    run = newest(project)
    predictions = project / "runs" / run["id"] / "steps" / "prediction" / "predictions"
    found = json.loads(mlflow.client(CLIENT, project.name, predictions).splitlines()[-1])
    assert (found["version"], found["run"], found["status"]) == ("1", run["id"], "FINISHED")
    assert found["metrics"]["accuracy"] == run["metrics"]["accuracy"]
    assert (found["parameters"]["max_iter"], found["parameters"]["target"]) == ("100", "sex")
    assert "accuracy" in found["card"]
    assert found["predictions"] == {name: found["truth"] for name in ("mlflow.sklearn", "mlflow.pyfunc")}
    assert [name for name in found["models"] if name.startswith(project.name)] == [project.name]
    assert not (project / "models").exists()


def test_the_commands_and_the_page_show_it_with_a_link(project: Path, mlflow: MlflowServer) -> None:
    link = f"{mlflow.address}/#/models/{project.name}/versions/1"
    assert inv(project, "models").stdout.splitlines()[1].split()[:2] == ["1", "champion"]
    assert link in inv(project, "models.show").stdout
    assert json.loads(inv(project, "models.show", "--json").stdout)["mlflow"] == link
    run = newest(project)
    assert link in (project / "runs" / run["id"] / "report.html").read_text("utf-8")


def test_a_run_again_is_served_from_the_cache_and_new_rows_are_scored(project: Path) -> None:
    inv(project, "run")
    assert all(cached(project).values())
    inv(project, "run", "scoring", "-p", "destination=scored.parquet")
    assert (project / "scored.parquet").stat().st_size


def test_the_champion_is_changed_by_hand_there_and_here(project: Path, mlflow: MlflowServer) -> None:
    inv(project, "run", "-p", "max_iter=2", "-p", 'promotion={"manual": true}')
    assert "version 2 is the champion; before it, version 1 was" in inv(project, "models.promote", "2").stdout
    posted(mlflow, "registered-models/alias", name=project.name, alias="champion", version="1")
    assert inv(project, "models").stdout.splitlines()[2].split()[:2] == ["1", "champion"]
    assert "by MLflow" in inv(project, "models.show").stdout
    assert "version 2 is the champion again, instead of version 1" in inv(project, "models.rollback").stdout
    assert "version 1 is the champion again, instead of version 2" in inv(project, "models.rollback").stdout
    assert "there is none before it to go back to" in inv(project, "models.rollback", code=1).stderr


def test_what_others_registered_there_is_named_and_the_rest_goes_on(project: Path, mlflow: MlflowServer) -> None:
    posted(mlflow, "model-versions/create", name=project.name, source="s3://elsewhere/model")
    said = inv(project, "models").stdout.splitlines()
    assert "unreadable" in said[1] and "this project did not make it" in said[1]
    assert "champion" in inv(project, "models.show", "1").stdout
    inv(project, "run", "-p", "max_iter=3")


def test_files_go_straight_into_the_bucket_where_mlflow_has_them(
    mlflow: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(uuid.uuid4())
    posted(mlflow, "experiments/create", name=name, artifact_location="s3://team/kept")
    with s3() as (variables, objects):
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        version = added(mlflow, name, tmp_path)
        assert any(key.endswith(f"model/{MODEL}") for key in objects) and any("MLmodel" in key for key in objects)
        store_at(f"mlflow+{mlflow.address}#{name}").fetch(version, MODEL, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"a model of " + name.encode()


def test_a_file_that_is_gone_or_cut_there_is_found_out(mlflow: MlflowServer, tmp_path: Path) -> None:
    name = str(uuid.uuid4())
    store, version = store_at(f"mlflow+{mlflow.address}#{name}"), added(mlflow, name, tmp_path)
    (kept,) = (path for path in mlflow.files.glob(f"**/{MODEL}") if path.read_bytes() == b"a model of " + name.encode())
    kept.write_bytes(b"cut")
    with pytest.raises(StepError, match=r"the model.skops of version 1 is not what was kept"):
        store.fetch(version, MODEL, tmp_path / "out")
    kept.unlink()
    with pytest.raises(StepError, match=r"the model.skops of version 1 is gone from the model store"):
        store.fetch(version, MODEL, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_server_that_keeps_files_in_its_own_folder_is_refused(mlflow: MlflowServer, tmp_path: Path) -> None:
    name = str(uuid.uuid4())
    posted(mlflow, "experiments/create", name=name, artifact_location=(tmp_path / "kept").as_uri())
    with pytest.raises(StepError, match=r"where only itself can write\. Start it with --serve-artifacts"):
        added(mlflow, name, tmp_path)
    assert store_at(f"mlflow+{mlflow.address}#{name}").numbers() == []


def test_a_change_that_was_stopped_half_way_holds_nobody_up_for_ever(
    mlflow: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(uuid.uuid4())
    store = store_at(f"mlflow+{mlflow.address}#{name}")
    version = added(mlflow, name, tmp_path)
    posted(mlflow, "registered-models/create", name=f"{name}.changing")
    with pytest.raises(Changed):
        store.promote(version, "somebody")
    monkeypatch.setattr("shared.mlflow_store.milliseconds", lambda: 2**42 + STALE)
    with pytest.raises(Changed):
        store.promote(version, "somebody")
    store.promote(version, "somebody")
    assert store.used() == version.number


def test_a_promotion_asks_for_the_registered_model_once(
    mlflow: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, asked, get = str(uuid.uuid4()), list[str](), Mlflow.get
    store, version = store_at(f"mlflow+{mlflow.address}#{name}"), added(mlflow, name, tmp_path)

    def counted(self: Mlflow, what: str, **query: str) -> dict[str, Any]:
        asked.append(what)
        found: dict[str, Any] = get(self, what, **query)
        return found

    monkeypatch.setattr(Mlflow, "get", counted)
    store.promote(version, "somebody", instead=0)
    assert asked == ["registered-models/get"]


def test_a_server_that_is_none_is_a_sentence(project: Path) -> None:
    def said(address: str, **variables: str) -> str:
        return inv(project, "models", code=1, INVOKE_MLFLOW=address, **variables).stderr

    assert "cannot be reached" in said("http://127.0.0.1:1")
    assert "mlflow takes an address of http or https" in said("ftp://example.com")
    assert "an address holds no credentials" in said("https://me:secret@example.com")
    assert "is not encrypted, so no credentials are sent there" in said(
        "http://mlflow.example.com", MLFLOW_TRACKING_TOKEN="s3cr3t"
    )


@pytest.mark.parametrize(
    "status, headers, content, words",
    [
        (403, {}, b"no", "refuses who asks (403). Give MLFLOW_TRACKING_TOKEN"),
        (404, {}, b"<html>", "gave an answer that is none of MLflow's: 404. Check the address"),
        (200, {}, b"<html>", "does not answer as MLflow does. Check the address"),
        (200, {}, b"[]", "does not answer as MLflow does. Check the address"),
        (302, {"Location": "http://elsewhere/login"}, b"", "sends on to 'http://elsewhere/login'"),
        (400, {}, b'{"error_code": "X", "message": "the name\\nis bad."}', "says no: the name is bad. Mend that there"),
    ],
)
def test_an_answer_that_is_none_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str], content: bytes, words: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "s3cr3t-of-a-test")
    with answering(status, headers, content) as (address, asked), pytest.raises(StepError) as told:
        store_at(f"mlflow+{address}#penguins").numbers()
    assert words in str(told.value) and "s3cr3t" not in str(told.value)
    assert [by for _, by in asked] == ["Bearer s3cr3t-of-a-test"]


def test_a_server_that_is_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.mlflow_api.WAITS", (0, 0, 0))
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "you")
    with answering(503, {}, b"") as (address, asked), pytest.raises(StepError, match="503"):
        store_at(f"mlflow+{address}#penguins").numbers()
    assert [by for _, by in asked] == ["Basic bWU6eW91"] * 3


def test_a_file_that_is_gone_is_found_out_where_mlflow_2_has_no_word_for_it(tmp_path: Path) -> None:
    failure = b'{"error_code": "INTERNAL_ERROR", "message": "failures occurred while downloading"}'
    for listing, problem in (
        (b'{"files": []}', FileNotFoundError),
        (b'{"files": [{"path": "model.skops"}]}', Refused),
        (b"", Refused),
    ):
        with answering(500, {}, failure, listing) as (address, _), pytest.raises(problem):
            Mlflow(address).download("1/run/model/model.skops", tmp_path / "out")


def added(mlflow: MlflowServer, name: str, folder: Path) -> Version:
    (folder / MODEL).write_bytes(b"a model of " + name.encode())
    about = {"target": "sex", "problem_type": "classification"}
    return store_at(f"mlflow+{mlflow.address}#{name}").add({MODEL: folder / MODEL}, about)


def posted(mlflow: MlflowServer, what: str, **content: Any) -> None:
    """What somebody does in MLflow itself."""
    address = f"{mlflow.address}/api/2.0/mlflow/{what}"
    request = urllib.request.Request(address, json.dumps(content).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60):
        pass
