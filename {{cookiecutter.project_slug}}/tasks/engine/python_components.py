"""Lightweight Python components (`@dsl.component`), without the installation that KFP does before each start.

KFP compiles such a component to a shell script that installs packages with pip, writes the function to a file and
starts kfp's own executor on it. Here the executor is started at once, with the kfp that is installed; packages that a
component asks for are installed once, into an environment that is kept by its content.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..runs.record import RUNS
from ..terminal import last_line
from .executor_io import StepFailed

ENVIRONMENTS = RUNS / ".cache" / "environments"
INSTALL = re.compile(r"python3 -m pip install --quiet --no-warn-script-location (.*?)(?= && |\n|$)")
MODULE = "ephemeral_component.py"
KFP_PACKAGES = Path(str(importlib.util.find_spec("kfp").origin)).parents[1]  # type: ignore[union-attr]


@dataclass(frozen=True)
class PythonComponent:
    """What a lightweight component runs: a module's source, and the options and packages that pip is to install."""

    source: str
    packages: tuple[str, ...]
    options: tuple[str, ...]

    @property
    def requirements(self) -> list[str]:
        return [*self.options, *self.packages]

    def environment(self, python: str) -> Path:
        """The place of its environment for a Python, named by what is in that."""
        content = "\0".join([python, *self.options, *sorted(self.packages)])
        return ENVIRONMENTS / hashlib.sha256(content.encode()).hexdigest()[:16]


def python_component(command: list[str]) -> PythonComponent | None:
    """The lightweight component that a compiled command stands for; None for any other command."""
    start = len(command) - 4
    if start < 0 or command[start : start + 2] != ["sh", "-ec"] or "kfp.dsl.executor_main" not in command[start + 2]:
        return None
    packages: list[str] = []
    options: dict[str, list[str]] = {}  # each once, with its value
    for words in map(shlex.split, INSTALL.findall(" ".join(command[:start]))):
        while words and words[0].startswith("--"):
            options[" ".join(words[:2])] = words[:2]
            words = words[2:]
        if words and not words[0].startswith("kfp=="):
            packages += [word for word in words if not word.startswith("--")]
    return PythonComponent(
        command[start + 3], tuple(packages), tuple(part for option in options.values() for part in option)
    )


def program(component: PythonComponent, python: str, folder: Path) -> list[str]:
    """The command that runs the component, whose module is written to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODULE).write_text(component.source, encoding="utf-8")
    return [python, "-m", "kfp.dsl.executor_main", "--component_module_path", str(folder / MODULE)]


def host_python(component: PythonComponent, log: Path) -> str:
    """The Python of this machine that has what the component asks for: this one, or that of an environment of its own.

    Raises `StepFailed` where the packages cannot be installed.
    """
    if all(map(_satisfied, component.packages)):
        return sys.executable
    python = Path("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    def make(folder: Path) -> None:
        _uv(["venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)], log)
        _uv(["pip", "install", "--quiet", "--python", str(folder / python), *component.requirements], log)
        site = next(folder.glob("[Ll]ib/**/site-packages"))
        shutil.copytree(KFP_PACKAGES / "kfp", site / "kfp", ignore=shutil.ignore_patterns("__pycache__"))

    return str(_made_once(component.environment(sys.version), make) / python)


def container_packages(component: PythonComponent, image: str, pip: Callable[[list[str], Path], None]) -> Path | None:
    """The folder with the packages that the component asks for, for an image's Python; None where it asks for none.

    `pip` runs a command in a container of that image, which may write to the folder that it is given.
    """
    if not component.packages:
        return None
    install = ["python3", "-m", "pip", "install", "--quiet", "--no-cache-dir", *component.requirements, "--target"]
    return _made_once(component.environment(image), lambda folder: pip([*install, str(folder)], folder))


def _made_once(place: Path, make: Callable[[Path], None]) -> Path:
    """A folder that is made whole or not at all, and never again."""
    if not place.exists():
        ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=ENVIRONMENTS, prefix=".new-") as temporary:
            made = Path(temporary, "environment")
            made.mkdir()
            make(made)
            with contextlib.suppress(OSError):  # another step may have made the same meanwhile
                made.replace(place)
    return place


def _satisfied(package: str) -> bool:
    """Whether this environment has a package in the version that is asked for."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        wanted = Requirement(package)
        found = importlib.metadata.version(wanted.name)
    except (InvalidRequirement, importlib.metadata.PackageNotFoundError):
        return False
    return not wanted.url and not wanted.extras and wanted.specifier.contains(found, prereleases=True)


def _uv(arguments: list[str], log: Path) -> None:
    with log.open("ab") as stream:
        result = subprocess.run(
            [sys.executable, "-m", "uv", *arguments], stdout=stream, stderr=subprocess.PIPE, text=True
        )
        stream.write(result.stderr.encode())
    if result.returncode:
        said = last_line(result.stderr) or "no reason given"
        raise StepFailed(f"its packages cannot be installed: {said}")
