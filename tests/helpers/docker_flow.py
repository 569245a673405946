"""The small project with an image of its own, made in seconds."""

import shutil
import uuid
from pathlib import Path

from helpers.engine import docker
from helpers.flow import SETTINGS, Project
from helpers.template import PROJECT

DOCKERFILE = """\
ARG PYTHON_VERSION=3.13 IMAGE_MIRROR=""
FROM ${IMAGE_MIRROR}python:${PYTHON_VERSION}-slim
ENV PYTHONUNBUFFERED=1 PYTHONPATH=/app/components/adding/src
COPY components/adding /app/components/adding
WORKDIR /app
USER 1000
"""


# Without typer, which is not in the base image.
ADD = """\
import sys
from pathlib import Path

given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
a, b, sum, note = int(given["--a"]), int(given["--b"]), Path(given["--sum"]), Path(given["--note"])
print("adding")
# HERE
sum.write_text(str(a + b))
note.write_text(f"{a}+{b}")
"""


class DockerProject(Project):
    """A project of one component with an image of its own, made in seconds."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.name = f"flow-{uuid.uuid4().hex[:8]}"
        self.write("invoke.yaml", SETTINGS.replace("project: flow", f"project: {self.name}"))
        self.write("pyproject.toml", '[project]\nname = "flow"\nversion = "1.2.3"\n')
        self.write("components/adding/Dockerfile", DOCKERFILE)
        for name in (".dockerignore", "requirements.txt"):
            shutil.copy(PROJECT / name, root)
        self.adding_does("pass")

    def adding_does(self, code: str) -> None:
        self.write("components/adding/src/add.py", ADD.replace("# HERE", code))

    def images(self) -> list[str]:
        listed = docker("images", "--filter", f"label=dev.kf-template.project={self.name}", "--format", "{{.Tag}}")
        return listed.split()

    def containers(self) -> list[str]:
        return docker("ps", "--all", "--quiet", "--filter", f"label=dev.kf-template.project={self.name}").split()

    def remove(self) -> None:
        remove(self.name)


def remove(name: str) -> None:
    """Remove a project's containers and images. What builds have in common stays: other tests build with it."""
    for option in ("ps --all --quiet", "images --quiet"):
        found = docker(*option.split(), "--filter", f"label=dev.kf-template.project={name}").split()
        if found:
            docker("rm" if option.startswith("ps") else "rmi", "--force", *set(found))


def running(project: DockerProject) -> str:
    return docker("ps", "--quiet", "--filter", f"label=dev.kf-template.project={project.name}")
