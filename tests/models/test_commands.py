"""`inv models`: from the first run to a rollback, and what is said of a wrong name or an empty store."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from helpers.inv import inv
from helpers.penguins import cached, newest
from helpers.template import Bake
from stand_ins.s3 import s3


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    """A project with two versions, the second of which is worse and was refused."""
    project = bake()
    inv(project, "run")
    settings = project / "invoke.yaml"
    settings.write_text(settings.read_text("utf-8").replace("promotion: {}", "promotion: {better_by: 0.1}"), "utf-8")
    inv(project, "run", "-p", "max_iter=1")
    return project


def test_a_run_ends_with_what_became_of_its_model(bake: Bake) -> None:
    project = bake()
    first = "version 1 is kept; it is the champion now: there was none"
    assert f"  {first}\n" in inv(project, "run", code=0).stdout
    page = (project / "runs" / newest(project)["id"] / "report.html").read_text(encoding="utf-8")
    assert f"<p>V{first[1:]}.</p>" in page
    refused = inv(project, "run", "-p", "max_iter=1", code=0).stdout
    assert "  version 2 is kept; the champion stays: " in refused


def versions(project: Path, **variables: str) -> dict[int, dict[str, Any]]:
    found = json.loads(inv(project, "models", "--json", code=0, **variables).stdout)
    return {version["number"]: version for version in found}


def champion(project: Path) -> int:
    return next(number for number, version in versions(project).items() if version["champion"])


def test_a_run_keeps_its_model_and_the_first_one_is_the_champion(project: Path) -> None:
    found = versions(project)
    first, second = found[1], found[2]
    assert first["champion"] and not second["champion"]
    runs = json.loads(inv(project, "runs", "--json").stdout)
    assert [first["run"], second["run"]] == [run["id"] for run in reversed(runs)]
    assert first["metrics"]["accuracy"] == runs[1]["metrics"]["accuracy"]
    assert (first["parameters"]["max_iter"], second["parameters"]["max_iter"]) == (100, 1)
    assert first["files"].keys() == {"model.skops", "card.md", "schema.yaml", "profile.json"}
    assert first["packages"].keys() >= {"scikit-learn", "skops"}
    images = json.loads((project / "runs" / runs[1]["id"] / "run.json").read_text("utf-8"))["images"]
    assert first["code"]["images"] == images
    assert list((project / "models").glob("**/.*")) == [], "nothing half-written"


def test_a_refused_model_is_no_failed_run_and_the_page_says_why(project: Path) -> None:
    run = newest(project)
    assert run["status"] == "succeeded"
    gain = run["metrics"]["accuracy"] - run["metrics"]["accuracy_champion"]
    assert run["metrics"]["accuracy_gain"] == pytest.approx(gain) and gain < 0.1
    page = (project / "runs" / run["id"] / "report.html").read_text(encoding="utf-8")
    assert "The champion stays" in page and "promotion wants it better by 0.1" in page
    assert "the champion stays" in inv(project, "runs.logs", "latest", "registration").stdout


def test_versions_are_shown_and_compared(project: Path) -> None:
    said = inv(project, "models").stdout.splitlines()
    assert said[0].split()[:3] == ["VERSION", "ALIAS", "MADE"]
    assert said[1].split()[0] == "2" and said[2].split()[:2] == ["1", "champion"]
    shown = inv(project, "models.show").stdout
    assert shown.startswith("version 1  the champion") and "max_iter" in shown and "sha256" in shown
    assert json.loads(inv(project, "models.show", "2", "--json").stdout)["number"] == 2
    compared = inv(project, "models.compare", "1", "2").stdout
    assert "1 champion" in compared and "max_iter" in compared and "learning_rate" not in compared


def test_the_champion_is_changed_by_hand_and_changed_back(project: Path) -> None:
    assert champion(project) == 1
    run = versions(project)[2]["run"]
    assert "version 2 is the champion; before it, version 1 was" in inv(project, "models.promote", run).stdout
    assert "is the champion already" in inv(project, "models.promote", "2").stdout
    assert champion(project) == 2
    assert "version 1 is the champion again, instead of version 2" in inv(project, "models.rollback").stdout
    assert champion(project) == 1
    assert "there is none before it to go back to" in inv(project, "models.rollback", code=1).stderr


def test_a_version_that_cannot_be_read_is_listed_as_such_and_the_rest_goes_on(project: Path) -> None:
    kept = project / "models" / "versions"
    (kept / "000003.json").write_text("{")
    said = inv(project, "models").stdout.splitlines()
    assert said[1].split()[:2] == ["3", "unreadable"] and "version 3 of the model store cannot be read" in said[1]
    assert [line.split()[0] for line in said[2:]] == ["2", "1"]
    assert "cannot be read" in versions(project)[3]["unreadable"] and champion(project) == 1
    assert "version 3 of the model store cannot be read" in inv(project, "models.show", "3", code=1).stderr
    inv(project, "models.compare", "1", "2")
    inv(project, "run", "-p", "max_iter=2")
    inv(project, "run", "scoring")
    assert versions(project)[4]["run"] and champion(project) == 1
    for number in (3, 4):
        (kept / f"00000{number}.json").unlink()


def test_a_change_of_the_champion_that_cannot_be_read_is_said_and_mended_by_a_promotion(project: Path) -> None:
    change = project / "models" / "champion" / f"{len(list((project / 'models' / 'champion').iterdir())) + 1:06}.json"
    change.write_text("")
    listed = inv(project, "models")
    assert "which version is in use is not known: champion/" in listed.stderr and "champion" not in listed.stdout
    assert "perhaps in use" in inv(project, "models.show", "1").stdout
    assert "Restore that, or choose another version" in inv(project, "run", "scoring", code=1).stderr
    assert "version 1 is the champion" in inv(project, "models.promote", "1").stdout
    inv(project, "run", "scoring")
    assert champion(project) == 1


def test_a_wrong_version_is_a_sentence(project: Path) -> None:
    for name in ("7", "tomorrow", "2026"):
        said = inv(project, "models.promote", name, code=1).stderr
        assert f"the model store has no version '{name}'" in said and "inv models" in said
    assert "no model store is set" in inv(project, "models", code=1, INVOKE_MODELS="").stderr
    used = str(champion(project))
    assert f"version {used} alone cannot be compared" in inv(project, "models.compare", used, code=1).stderr


def test_the_same_run_again_is_served_from_the_cache_and_another_champion_is_judged_anew(bake: Bake) -> None:
    project = bake()
    inv(project, "run")
    inv(project, "run")
    assert all(cached(project).values()), "a run that made the champion is not judged against its own model"
    inv(project, "run", "scoring")
    kept = newest(project)["id"]
    shutil.rmtree(project / "models")
    said = inv(project, "models", code=1).stderr
    assert f"the model store 'models' has no version any more: in run {kept} it had version 1" in said
    assert "has no version any more" in inv(project, "models.show", code=1).stderr
    assert "the model store 'models' has no version, or none any more" in inv(project, "run", "scoring", code=1).stderr
    inv(project, "run", "-p", "max_iter=1")
    assert not cached(project)["registration"], "what is gone is kept anew"
    assert versions(project).keys() == {1}
    inv(project, "run", "scoring")
    assert not cached(project)["champion"], "another version 1 than that which is in the cache"


def test_a_champion_that_is_cut_stops_scoring_and_no_training(bake: Bake) -> None:
    project = bake()
    inv(project, "run")
    (project / "models" / "versions" / "000001.json").write_text("{")
    assert "versions/000001.json: Expecting property name" in inv(project, "run", "scoring", code=1).stderr
    inv(project, "run", "-p", "max_iter=1")
    logs = inv(project, "runs.logs", "latest", "champion", "registration").stdout
    assert "version 1 of the model store cannot be read" in logs
    assert "version 2 is kept; it waits for inv models.promote 2: it cannot be held against the champion" in logs
    inv(project, "models.promote", "2")
    shutil.rmtree(project / "models" / "versions")
    assert "2        champion  unreadable" in inv(project, "models").stdout
    assert "the model store has no version 2; it has: none. Restore" in inv(project, "models.show", code=1).stderr


def test_a_store_in_a_bucket_is_used_like_a_folder(bake: Bake) -> None:
    project = bake()
    with s3() as (variables, objects):
        variables["INVOKE_MODELS"] = "s3://team/penguins"
        inv(project, "run", code=0, **variables)
        assert versions(project, **variables)[1]["champion"]
        assert sorted(name.split("/")[1] for name in objects if name.endswith(".json"))[:2] == ["champion", "files"]
    assert not (project / "models").exists()
    said = inv(project, "models", code=1, **variables).stderr
    assert "the model store 's3://team/penguins' cannot be used" in said


def test_a_store_in_a_home_is_there_for_runs_and_commands_alike(bake: Bake, tmp_path: Path) -> None:
    project = bake()
    home = str(tmp_path)
    inv(project, "run", INVOKE_MODELS="~/models", HOME=home)
    assert "champion" in inv(project, "models", INVOKE_MODELS="~/models", HOME=home).stdout
    assert (tmp_path / "models").is_dir()
    inv(project, "run", INVOKE_MODELS="~/models", HOME=home)
    assert all(cached(project).values())
    for command in ("models", "run"):
        said = inv(project, command, code=1, INVOKE_MODELS="~nobody-here/models").stderr
        assert (
            said == "error: models is '~nobody-here/models', and such a home is not known here: give the whole path.\n"
        )


def test_a_project_without_a_store_keeps_nothing_and_says_so(bake: Bake) -> None:
    project = bake()
    settings = project / "invoke.yaml"
    settings.write_text(settings.read_text("utf-8").replace("models: models", 'models: ""'), "utf-8")
    inv(project, "run")
    assert "no model store is set" in inv(project, "runs.logs", "latest", "registration").stdout
    assert not (project / "models").exists()
    assert "no model store is set" in inv(project, "models", code=1).stderr


def test_a_project_that_wants_none_of_it_deletes_the_folders_and_the_lines(bake: Bake) -> None:
    project = bake()
    for name in ("evaluation", "registration", "drift"):
        shutil.rmtree(project / "components" / name)
    pipeline = project / "pipeline.py"
    text = pipeline.read_text(encoding="utf-8")
    start, end = text.index("    store = {"), text.index("    with dsl.ParallelFor")
    lines = (text[:start] + text[end:]).replace("predicted = predict(", "predict(").splitlines(keepends=True)
    gone = ("champion = ", "evaluate = ", "register = ", "compare = ", "deliver = ")
    kept = "".join(line for line in lines if not line.startswith(gone))
    pipeline.write_text(kept[: kept.index('\n\n@dsl.pipeline(description="Predicts')], encoding="utf-8")
    inv(project, "run")
    assert [step["name"] for step in newest(project)["steps"]] == [
        *("gathering", "validation", "preprocessing", "training", "prediction"),
    ]
    inv(project, "lint")
