"""`notify` in invoke.yaml: who is told of what, that the address stays where it is, and that nothing fails for it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.inv import inv
from helpers.penguins import newest, penguin_rows
from helpers.template import Bake
from stand_ins.webhook import SECRET, webhook

NOTIFY = "notify: {kind: json, variable: OUR_HOOK, secret: alerts/url}"
PLAIN = """

@dsl.pipeline
def plain(a: int = 1) -> None:
    gather(source="sample://penguins")


@dsl.pipeline
def handled() -> None:
    with dsl.ExitHandler(gather(source="sample://penguins")):
        plain()
"""


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    project = bake()
    settings = project / "invoke.yaml"
    settings.write_text(settings.read_text("utf-8").replace("notify: {}", NOTIFY), "utf-8")
    with (project / "pipeline.py").open("a", encoding="utf-8") as file:
        file.write(PLAIN)
    return project


def test_each_thing_that_matters_is_told_once_and_the_address_is_nowhere(project: Path) -> None:
    rows = penguin_rows(project).drop(columns="sex")
    rows.assign(bill_depth_mm=rows.bill_depth_mm + 3).to_csv(project / "moved.csv", index=False)
    with webhook() as (address, got):
        told: dict[str, Any] = {}

        def run(event: str, *arguments: str, code: int = 0) -> None:
            got.clear()
            inv(project, "run", *arguments, code=code, OUR_HOOK=address)
            told[event] = [(each["event"], each["text"]) for each in got]
            assert all((each["project"], each["run"]) == ("my-kfp-project", newest(project)["id"]) for each in got)

        run("promoted")
        run("again")
        run("refused", "-p", "max_iter=1", "-p", 'promotion={"at_least": 0.99}')
        run("drift", "scoring", "-p", "source=moved.csv")
        run("failed", "-p", "target=weight", code=1)
    assert told.pop("again") == []
    assert {event: [each[0] for each in said] for event, said in told.items()} == {event: [event] for event in told}
    assert "it is the champion now" in told["promoted"][0][1] and "the champion stays" in told["refused"][0][1]
    assert "the data have drifted: column 'bill_depth_mm'" in told["drift"][0][1]
    assert f"inv runs.show {newest(project)['id']}" in told["failed"][0][1]
    assert "json was told that: failed" in inv(project, "runs.logs", "latest", "notify").stdout
    inv(project, "compile")
    files = [path for path in project.rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_a_champion_chosen_by_hand_is_told_by_whom_and_a_webhook_that_is_down_fails_no_choice(project: Path) -> None:
    """After the runs of the test before, the second version of which was refused."""
    with webhook() as (address, got):
        assert (
            "json was told that: promoted"
            in inv(project, "models.promote", "2", OUR_HOOK=address, LOGNAME="ann").stdout
        )
        inv(project, "models.rollback", OUR_HOOK=address, LOGNAME="bob")
    assert [each["event"] for each in got] == ["promoted", "promoted"]
    assert got[0]["text"].startswith("ann made version 2 the champion by hand, instead of version 1. Look at it: ")
    assert got[1]["text"].startswith("version 1 is the champion again, instead of version 2, which bob took back.")
    said = inv(project, "models.promote", "2", OUR_HOOK=f"http://127.0.0.1:9/{SECRET}")
    assert (
        "version 2 is the champion" in said.stdout and "json was not told: the webhook cannot be reached" in said.stdout
    )
    assert SECRET not in said.stdout + said.stderr
    assert "OUR_HOOK, which notify names, is not set" in inv(project, "models.rollback").stdout


def test_a_webhook_that_is_down_fails_no_run_and_the_step_says_so(project: Path) -> None:
    inv(project, "run", "-p", "max_iter=3", OUR_HOOK="http://127.0.0.1:9/hook")
    assert newest(project)["status"] == "succeeded"
    said = inv(project, "runs.logs", "latest", "registration").stdout
    assert "json was not told: the webhook cannot be reached" in said
    assert "Json was not told" in (project / "runs" / newest(project)["id"] / "report.html").read_text("utf-8")
    inv(project, "run", "-p", "target=weight", code=1)
    assert (
        "the variable OUR_HOOK, which notify names, is not set" in inv(project, "runs.logs", "latest", "notify").stdout
    )


def test_a_cluster_has_the_address_from_a_secret_and_one_that_lacks_keeps_no_pod_from_starting(project: Path) -> None:
    said = inv(project, "compile").stdout
    assert "nobody is told of failed runs of the pipeline 'handled', which takes no exit handler more" in said
    spec, platform = yaml.safe_load_all((project / "build" / "pipeline.yaml").read_text("utf-8"))
    last = spec["root"]["dag"]["tasks"]["notify"]
    assert last["dependentTasks"] == ["exit-handler-1"] and "enableCache" not in last["cachingOptions"]
    assert last["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    given = executors["exec-notify"]["secretAsEnv"][0]
    assert (given["secretName"], given["optional"]) == ("alerts", True)
    assert given["keyToEnv"] == [{"envVar": "OUR_HOOK", "secretKey": "url"}]
    assert {name for name in executors if "secretAsEnv" in executors[name]} == {"exec-notify", "exec-registration"}
    plain, *_ = yaml.safe_load_all((project / "build" / "pipeline.plain.yaml").read_text("utf-8"))
    assert set(plain["root"]["dag"]["tasks"]) == {"exit-handler-1", "notify"}


def test_nothing_of_it_is_in_a_project_that_names_nobody(bake: Bake) -> None:
    project = bake()
    inv(project, "compile")
    text = (project / "build" / "pipeline.yaml").read_text("utf-8")
    assert "exit-handler" not in text and "KF_NOTIFY" not in text


SLIPS = {
    "{kind: slack}": "notify has no variable; give kind and variable",
    "{variable: HOOK}": "notify has no kind",
    "{kind: pager, variable: HOOK}": "notify: kind takes slack, teams or json, not ***",
    f"{{kind: slack, variable: 'https://example.com/{SECRET}'}}": "variable takes the name of the variable with the",
    "{kind: slack, variable: HOOK, secret: alerts}": "notify: secret takes secret/key of a cluster",
    "{kind: slack, adress: x}": "notify has no setting 'adress'",
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_a_sentence_without_the_address(project: Path, slip: str) -> None:
    text = (project / "invoke.yaml").read_text("utf-8")
    (project / "invoke.yaml").write_text(text.replace(NOTIFY, f"notify: {slip}"), "utf-8")
    try:
        said = inv(project, "compile", code=1)
    finally:
        (project / "invoke.yaml").write_text(text, "utf-8")
    assert SLIPS[slip] in said.stderr and SECRET not in said.stderr + said.stdout
