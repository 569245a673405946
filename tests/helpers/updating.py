"""Several projects updated one after the other in one process, from a template of a few files.

Lint and tests are left out. Of a template that has no Jinja, what Cookiecutter would make is copied: what is tried is
what git makes of it.
"""

import contextlib
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit


def updated(
    whose: Path, projects: list[Path], to: str = "", answers: tuple[str, ...] = (), jinja: bool = False
) -> list[tuple[int, str]]:
    """The exit code of `inv template.update` in each project, by the `tasks/` of another, and what it said."""
    command = [sys.executable, __file__, json.dumps([to, answers, jinja]), *map(str, projects)]
    result = subprocess.run(command, cwd=whose, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, result.stdout + result.stderr
    return [(code, said) for code, said in json.loads(result.stdout)]


def main(to: str, answers: list[str], jinja: bool, folders: list[str]) -> None:
    from tasks.template import git, rendering, update

    def render(clone: Path, commit: str, answers: Any, output: Path, given: Any = None) -> dict[str, Any]:
        git.git("checkout", "--quiet", "--detach", commit, cwd=clone)
        shutil.copytree(clone / "project", output)
        return {"_template_version": (clone / "version").read_text(encoding="utf-8")}

    if not jinja:
        update.render = render
    update.python = lambda *_: 0
    found, real = [], sys.__stdout__
    for folder in map(Path, folders):
        for module in (git, rendering, update):
            module.ROOT = folder
        git.git.__kwdefaults__["cwd"] = folder
        git.STATE = update.STATE = folder / ".cruft.json"
        code, said = 0, io.StringIO()
        sys.__stdout__ = said  # type: ignore[misc, assignment]
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                update.update(to, answers)
            except Exit as end:
                code = end.code
                said.write(str(end.message))
        found.append((code, said.getvalue()))
    sys.__stdout__ = real  # type: ignore[misc]
    print(json.dumps(found))


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    to, answers, jinja = json.loads(sys.argv[1])
    main(to, answers, jinja, sys.argv[2:])
