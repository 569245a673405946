"""What all tests share: baking without touching the home folder, and projects."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cookiecutter.main import cookiecutter

pytest.register_assert_rewrite("helpers", "stand_ins")  # before they are imported

from helpers.flow import Project
from helpers.inv import inv
from helpers.mlflow_server import MlflowServer, mlflow_server
from helpers.questions import files
from helpers.template import TEMPLATE, Bake

# Several tests run at a time, and threads that spin while they wait slow down all that runs beside them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A shell starts what goes on in the background with Ctrl-C ignored, which all that the tests start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def cookiecutter_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration of Cookiecutter's that keeps its clones and replays in a temporary folder."""
    folder = tmp_path_factory.mktemp("cookiecutter")
    config = folder / "config.yaml"
    settings = {"cookiecutters_dir": str(folder / "clones"), "replay_dir": str(folder / "replay")}
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return config


@pytest.fixture(scope="session")
def bake(cookiecutter_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Bake:
    """A function that generates a project in a new folder from the defaults and its arguments, and gives its path."""

    def baked(**answers: str) -> Path:
        output = tmp_path_factory.mktemp("bake")
        project = cookiecutter(
            str(TEMPLATE),
            no_input=True,
            extra_context=answers,
            output_dir=str(output),
            config_file=str(cookiecutter_config),
        )
        return Path(project)

    return baked


@pytest.fixture(scope="session")
def default_project(bake: Bake) -> Iterator[Path]:
    """A project made with the defaults; a test that writes in it bakes its own, and where one did not, that is said."""
    project = bake()
    made = set(files(project))
    yield project
    assert set(files(project)) == made, "a test wrote into the project that all share"


@pytest.fixture(scope="module")
def penguins(bake: Bake) -> Path:
    """A project for the tests that change it or go wrong in it."""
    project = bake()
    inv(project, "run")
    return project


@pytest.fixture
def flow(tmp_path: Path) -> Project:
    return Project(tmp_path / "flöw with spaces")


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A real MLflow server."""
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as server:
        yield server
