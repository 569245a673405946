"""A new step: its folder, its lock and its test."""

import importlib.util
import keyword
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..files import ROOT, write
from ..project.components import COMPONENTS
from ..project.settings import NAME
from ..terminal import fail
from .locks import lock_file

Say = Callable[[str], None]

FILES = Path(__file__).parent / "new"  # a component's files, in which NAME and MODULE stand for its own
NAMES = {"shared", "pipeline", "tasks", "tests"}


def new_component(name: str, say: Say) -> None:
    """Make the folder of a new step, its lock and its test, and say what to put into pipeline.py. All or nothing."""
    module = name.replace("-", "_")
    _check_name(name, module)
    _make_folder(name, module)
    pyproject = ROOT / "pyproject.toml"
    path = rf'\1  "components/{name}/src",\n]'
    write(pyproject, re.sub(r"(pythonpath = \[[^]]*)\]", path, pyproject.read_text("utf-8"), count=1))
    write(ROOT / "tests" / f"test_{module}.py", _filled("test.py.txt", name, module))
    say(f"made components/{name} and tests/test_{module}.py, and put its src on pytest's path in pyproject.toml")
    say("put it into pipeline.py, for example after validation, and hand its result on to the next step:")
    say(f'  {module} = component("{name}")')
    say(f'  {module}_task = {module}(table=validated.outputs["validated"])  # gives {module}_task.outputs["result"]')


def _check_name(name: str, module: str) -> None:
    """Raises `Exit` for a name that cannot be a component's, or its program's module."""
    if not NAME.fullmatch(name) or keyword.iskeyword(module):
        raise fail(
            f"'{name}' is not a name for a component; use lower-case letters, digits and dashes, at most 63, "
            "starting with a letter and ending with a letter or digit, and no Python keyword."
        )
    modules = {path.stem for path in COMPONENTS.glob("*/src/*.py")} | NAMES | set(sys.stdlib_module_names)
    if module in modules or (COMPONENTS / name).exists() or (ROOT / "tests" / f"test_{module}.py").exists():
        raise fail(f"the name '{name}' is taken; choose another.")
    if importlib.util.find_spec(module) is not None:
        raise fail(f"'{module}' is a package that is installed here, which the step would hide; choose another name.")


def _make_folder(name: str, module: str) -> None:
    """The component's folder, with its lock; nothing where it cannot be resolved."""
    dockerfile = (COMPONENTS / "gathering" / "Dockerfile").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(dir=COMPONENTS, prefix=".new-") as temporary:
        folder = Path(temporary)
        (folder / "src").mkdir()
        write(folder / "component.yaml", _filled("component.yaml", name, module))
        write(folder / "Dockerfile", dockerfile.replace("gathering", name))
        write(folder / "requirements.in", "-r ../shared/requirements.in\n")
        write(folder / "src" / f"{module}.py", _filled("program.py.txt", name, module))
        inside, lock = folder.relative_to(ROOT).as_posix(), folder / "requirements.txt"
        lock_file([f"{inside}/requirements.in"], lock, "--constraint", "requirements.txt")
        write(lock, lock.read_text(encoding="utf-8").replace(inside, f"components/{name}"))
        folder.chmod(0o755)
        folder.rename(COMPONENTS / name)


def _filled(file: str, name: str, module: str) -> str:
    return (FILES / file).read_text(encoding="utf-8").replace("NAME", name).replace("MODULE", module)
