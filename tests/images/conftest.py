"""Projects with images, and engines and registries that go wrong."""

import http.client
import http.server
import shutil
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.docker_flow import DockerProject, remove
from helpers.inv import inv
from helpers.template import Bake
from stand_ins.registry import Faulty
from stand_ins.relay import Relay


@pytest.fixture(scope="module")
def built(bake: Bake) -> Iterator[Path]:
    """A project whose five images are built."""
    name = f"images-{uuid.uuid4().hex[:8]}"
    project = bake(project_slug=name)
    inv(project, "build")
    yield project
    remove(name)


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    """A copy of it, to change; the images are the same as long as their content is."""
    return Path(shutil.copytree(built, tmp_path / "a project"))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[DockerProject]:
    """A project of one component whose image is made in a second."""
    made = DockerProject(tmp_path / "flöw with spaces")
    yield made
    made.remove()


@pytest.fixture
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    made = Relay(tmp_path_factory.mktemp("s") / "d.sock")
    yield made
    made.cut()


@pytest.fixture
def faulty() -> Iterator[str]:
    """The address of a registry with a fault, which `Faulty.fault` names."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Faulty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"localhost:{server.server_address[1]}"
    server.shutdown()
    Faulty.fault = ""
