"""What the template's tests share: `bake`, which generates a project without touching the home folder."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cookiecutter.main import cookiecutter

# Several tests run at a time, and threads that spin while they wait slow down all that runs beside them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

TEMPLATE = Path(__file__).parent.parent
Bake = Callable[..., Path]


def docker(*arguments: str) -> str:
    """What Docker's command line prints."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def engine_is_missing() -> str:
    """Why containers cannot be tested here; empty where they can."""
    if not shutil.which("docker"):
        return "docker is not installed"
    if subprocess.run(["docker", "info"], capture_output=True).returncode:
        return "no Docker engine answers"
    return ""


needs_engine = pytest.mark.skipif(bool(engine_is_missing()), reason=engine_is_missing() or "an engine answers")


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
def default_project(bake: Bake) -> Path:
    """A project made with the defaults; a test that writes in it bakes its own."""
    return bake()
