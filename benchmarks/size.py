"""How much a user gets, and owns."""

from pathlib import Path

from figures import Figure, counted
from projects import generate


def size(folder: Path) -> list[Figure]:
    project = generate(folder / "size")
    files = [path for path in project.rglob("*") if path.is_file() and "tasks" not in path.parts]
    owned = [project / "pipeline.py", *project.glob("components/**/*.py"), *project.glob("tests/*.py")]
    programs = {path.name: _lines(path) for path in project.glob("components/*/src/*.py")}
    longest = max(programs, key=lambda name: programs[name])
    return [
        counted("files", len(files)),
        counted("lines", sum(map(_lines, owned))),
        counted("longest", programs[longest], longest),
    ]


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
