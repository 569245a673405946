"""Locks, and the environments made from them."""

import subprocess
import sys

from helpers.inv import inv
from helpers.penguins import COMPONENTS
from helpers.template import Bake


def test_locks_are_renewed_together(bake: Bake) -> None:
    project = bake()
    locks = [project / "requirements.txt", *(project / f"components/{step}/requirements.txt" for step in COMPONENTS)]
    before = [path.read_text(encoding="utf-8") for path in locks]
    inv(project, "lock")
    assert [path.read_text(encoding="utf-8") for path in locks] == before, "nothing asked for something else"
    wanted = project / "components/training/requirements.in"
    wanted.write_text(wanted.read_text(encoding="utf-8") + "humanize\n", encoding="utf-8")
    inv(project, "lock")
    having = [path.parent.name for path in locks if "\nhumanize==" in path.read_text(encoding="utf-8")]
    assert having == [project.name, "training"]
    assert '"humanize==' in (project / "pyproject.toml").read_text(encoding="utf-8")
    after = [path.read_text(encoding="utf-8") for path in locks]
    wanted.write_text("nosuch-package-of-anyone\n", encoding="utf-8")
    assert "cannot be locked; nothing was changed" in inv(project, "lock", code=1).stderr
    assert [path.read_text(encoding="utf-8") for path in locks] == after


def test_uv_makes_the_locked_environment_by_itself(bake: Bake) -> None:
    """The README's first command, with no environment there."""
    project = bake()
    uv = [sys.executable, "-m", "uv", "run", "--quiet", "inv"]
    result = subprocess.run([*uv, "doctor"], cwd=project, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr + result.stdout
    assert (project / ".venv").is_dir()
    assert "ready for: inv run" in result.stdout
