"""`inv` alone, `inv --list` and `inv version`: what there is."""

import subprocess
import sys
from pathlib import Path

import pytest

from helpers.inv import inv
from helpers.template import Bake

GROUPED = """
from tasks import ns
from tasks.commands.overview import GROUPS
grouped = sorted(name for names in GROUPS.values() for name in names)
print(grouped)
print(sorted(ns.task_names))
"""


@pytest.fixture(scope="module", params=["none", "azure"])
def project(bake: Bake, request: pytest.FixtureRequest) -> Path:
    return bake(cloud=request.param)


def test_inv_alone_has_every_command_once_and_those_for_today_first(project: Path) -> None:
    said = inv(project).stdout.splitlines()
    assert len(said) <= 46 and max(map(len, said)) <= 80, "a screen"
    rows = [line[9:].split(maxsplit=1) for line in said[2:]]
    assert [name for name, _ in rows[:3]] == ["run", "runs.report", "data.adopt"]
    listed = [line.split()[0] for line in inv(project, "--list").stdout.splitlines() if line.startswith("  ")]
    assert {name for name, _ in rows} == {name.removesuffix(".list") for name in listed}
    assert ("aks.up" in listed) == ("azure" in (project / "invoke.yaml").read_text(encoding="utf-8"))
    said_again = inv(project, "overview").stdout.splitlines()
    assert said_again == said


def test_every_command_is_in_exactly_one_group(bake: Bake) -> None:
    result = subprocess.run([sys.executable, "-c", GROUPED], cwd=bake(cloud="azure"), capture_output=True, text=True)
    grouped, known = result.stdout.splitlines()
    assert grouped == known


def test_a_line_of_the_list_is_a_line(project: Path) -> None:
    lines = inv(project, "--list", COLUMNS="80").stdout.splitlines()
    assert not [line for line in lines if line.startswith(" " * 6)], "no help is on two lines"


def test_the_version_is_that_of_project_template_and_kfp(project: Path) -> None:
    said = inv(project, "version").stdout.splitlines()
    assert said == ["my-kfp-project 0.1.0", "kf-template 0.1.0", "kfp 2.17.0"]
    script = (
        "import sys; from invoke import Program; Program().run('inv version', exit=False); print('kfp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=project, capture_output=True, text=True).stdout.endswith(
        "False\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rnu"], "No idea what 'rnu' is! Did you mean 'run'?"),
        (["run", "--jbos", "3"], "No idea what '--jbos' is! Did you mean '--jobs'?"),
    ],
)
def test_a_mistyped_word_gets_the_nearest(project: Path, arguments: list[str], words: str) -> None:
    said = inv(project, *arguments, code=1)
    assert said.stderr.splitlines() == [words] and not said.stdout
