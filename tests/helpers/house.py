"""The rooms of `tasks/` and the arrows between them: `make picture` draws them, `tests/test_house.py` holds them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
TASKS = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}" / "tasks"
# From the top to the ground: a room imports itself and those that come after it.
ROOMS = [
    *("tasks", "commands", "template", "upkeep", "data", "models"),
    *("kubeflow", "engine", "clusters", "report", "images", "shell", "runs"),
    *("project", "terminal", "masking", "files"),
]
# An import inside a function is for what loads slowly: these packages, and our files that import one at their top, so
# that `inv --list` waits for none. The commands load their rooms there too, so that each waits for its own alone.
# `shared`, `gather` and `reading` are on the path only while a step's code is used; `grp` is not there on Windows.
LATE = {
    *("cel_expr_python", "docker", "google", "jinja2", "kfp", "kfp_server_api", "kubernetes", "markdown_it"),
    *("packaging", "pandas"),
    *("psutil", "pyarrow", "pydantic", "requests", "rich", "ruamel", "urllib3", "shared", "grp"),
    *("duckdb", "gather", "reading"),
}
LINES, FUNCTION = 350, 60


@dataclass(frozen=True)
class Import:
    """What a file imports: a module, as in images/engine.py or docker, and whether it does so inside a function."""

    file: str
    line: int
    module: str
    inside: bool

    @property
    def room(self) -> str:
        """The room of `tasks/` that the module is in; empty for a package."""
        return room(self.module) if self.module.endswith(".py") else ""

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]

    @property
    def slow(self) -> bool:
        return slow(self.module) if self.room else self.package in LATE


def files() -> list[str]:
    return sorted(path.relative_to(TASKS).as_posix() for path in TASKS.rglob("*.py"))


def tree(file: str) -> ast.Module:
    return ast.parse((TASKS / file).read_text(encoding="utf-8"))


def room(file: str) -> str:
    """images for images/engine.py, terminal for terminal.py, tasks for the front door."""
    return {"__init__.py": "tasks"}.get(file, file.partition("/")[0].removesuffix(".py"))


@cache
def slow(file: str) -> bool:
    """Whether a file of `tasks/` loads slowly, since it imports a package that does at its top."""
    guards = [
        node for node in ast.walk(tree(file)) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    typing = {inner.lineno for guard in guards for inner in ast.walk(guard) if isinstance(inner, ast.stmt)}
    return any(each.package in LATE and not each.inside and each.line not in typing for each in imports(file))


def imports(file: str) -> Iterator[Import]:
    """All that a file imports, at its top and inside of functions."""
    whole = tree(file)
    functions = [node for node in ast.walk(whole) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inner = {id(node) for function in functions for node in ast.walk(function)}
    for node in ast.walk(whole):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name, id(node) in inner)
        elif isinstance(node, ast.ImportFrom):
            for module in _modules(file, node):
                yield Import(file, node.lineno, module, id(node) in inner)


def _modules(file: str, node: ast.ImportFrom) -> Iterator[str]:
    """The files of `tasks/` that `from ..images import engine` means, or the package."""
    if not node.level:
        yield node.module or ""
        return
    base = Path(file).parents[node.level - 1].joinpath(*(node.module or "").split("."))
    for alias in node.names:
        inside = [base / f"{alias.name}.py", base / alias.name / "__init__.py"]
        itself = [Path(f"{base}.py"), base / "__init__.py"]
        yield next(path.as_posix() for path in [*inside, *itself] if (TASKS / path).is_file())


def arrows() -> dict[str, set[str]]:
    """The rooms that each room imports."""
    found: dict[str, set[str]] = {}
    for each in [each for file in files() for each in imports(file) if each.room and each.room != room(file)]:
        found.setdefault(room(each.file), set()).add(each.room)
    return found


def faults() -> list[str]:
    """What is not as the house should be: a sentence each."""
    found = [f"{file} is in no room" for file in files() if room(file) not in ROOMS]
    for file in files():
        lines = len((TASKS / file).read_text(encoding="utf-8").splitlines())
        if lines > LINES:
            found.append(f"{file} has {lines} lines, and {LINES} is the most")
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > FUNCTION:
                    found.append(f"{file}: {node.name} has {length} lines, and {FUNCTION} is the most")
        for each in imports(file):
            found += _import_faults(each)
    return found + _circles()


def _import_faults(each: Import) -> Iterator[str]:
    own = room(each.file)
    if own in ROOMS and each.room in ROOMS and ROOMS.index(each.room) < ROOMS.index(own):
        yield f"{each.file}, line {each.line}: imports {each.module}; {each.room} is above {own}"
    if each.inside and own != "commands" and not each.slow:
        yield f"{each.file}, line {each.line}: imports {each.module} inside a function, and it is not slow to load"
    if each.room and each.slow and not each.inside:
        yield f"{each.file}, line {each.line}: imports {each.module} at its top, and it is slow to load"


def _circles() -> list[str]:
    """Files that import each other, in a room too."""
    graph = {file: {each.module for each in imports(file) if each.room} - {file} for file in files()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"files import each other: {' <- '.join(error.args[1])}"]
    return []


def picture() -> str:
    """Who imports whom, as a graph in Mermaid's language."""
    found = arrows()
    lines = [f"    {name} --> {' & '.join(sorted(found[name], key=_floor))}" for name in sorted(found, key=_floor)]
    return "\n".join(["graph TD", *lines])


def _floor(name: str) -> int:
    return ROOMS.index(name) if name in ROOMS else 0


def with_picture(text: str) -> str:
    """A page with the graph in the place for it."""
    before, _, rest = text.partition("```mermaid\n")
    return f"{before}```mermaid\n{picture()}\n```{rest.partition('```')[2]}"


if __name__ == "__main__":
    CONTRIBUTING.write_text(with_picture(CONTRIBUTING.read_text(encoding="utf-8")), encoding="utf-8")
