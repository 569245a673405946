"""What keeps the project in order: checks, locks, new components, adopted tables."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import ROOT, write
from .project.component_check import check_components
from .project.components import COMPONENTS
from .project.settings import NAME
from .terminal import fail

if TYPE_CHECKING:
    import pyarrow as pa

Say = Callable[[str], None]


def python(*arguments: str) -> int:
    """Run a module of this environment in the project's folder, and return its exit code."""
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT).returncode


# Checks


def audit() -> int:
    """Look up every package of the lock in the advisories on Python packages; return pip-audit's exit code.

    A package that cannot be looked up counts as a finding. The lock has the versions of every step too.
    """
    tool = ("uv", "tool", "run", "--quiet", "--from", "pip-audit==2.10.1", "pip-audit")
    options = ("--strict", "--progress-spinner", "off", "--disable-pip", "--require-hashes")
    return python(*tool, *options, "--requirement", "requirements.txt")


def host_problems() -> list[str]:
    """What this machine lacks to run the pipeline on the host: one line each, with the fix; empty if nothing."""
    problems = []
    problems += _wrong_packages()
    free = shutil.disk_usage(ROOT).free / 2**30
    if free < 1:
        problems.append(f"only {free:.1f} GiB of disk are free: delete old folders of runs/ or other files.")
    if not os.access(ROOT, os.W_OK):
        problems.append(f"{ROOT} cannot be written: change its owner or its permissions.")
    return problems


def _wrong_packages() -> list[str]:
    """Packages of the lock that this environment lacks or has in another version."""
    from packaging.requirements import Requirement

    if not (ROOT / "requirements.txt").is_file():
        return ["requirements.txt, the lock of this environment, is missing: inv lock"]
    wrong = []
    for line in _pins(ROOT / "requirements.txt"):
        wanted = Requirement(line)
        if wanted.marker and not wanted.marker.evaluate():
            continue
        try:
            found = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            found = "missing"
        if not wanted.specifier.contains(found, prereleases=True) if found != "missing" else True:
            wrong.append(f"{wanted.name} {found}, locked {wanted.specifier}")
    if not wrong:
        return []
    some = "; ".join(wrong[:3]) + (f"; and {len(wrong) - 3} more" if len(wrong) > 3 else "")
    return [f"packages differ from the lock ({some}): uv sync, or python -m pip install -r requirements.txt"]


def lint_problems(say: Say) -> list[str]:
    """Run ruff, mypy and the component check; return one line for each that found something."""
    problems = []
    for name, arguments in {
        "ruff check": ("ruff", "check", "--quiet"),
        "ruff format": ("ruff", "format", "--check", "--quiet"),
        "mypy": ("mypy", "--no-error-summary"),
    }.items():
        if python(*arguments):
            remedy = {"ruff check": "python -m ruff check --fix", "ruff format": "python -m ruff format"}.get(name)
            problems.append(f"{name} found problems" + (f" (mend them with: {remedy})" if remedy else ""))
    found = check_components()
    for line in found:
        say(line)
    return [*problems, *(["component.yaml check found problems"] if found else [])]


# Locks


def _pins(lock: Path) -> list[str]:
    """The `name==version ; marker` lines of a requirements.txt, without hashes and comments."""
    pins = []
    for line in lock.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+==[^\\#]+?)\s*\\?$", line):
            pins.append(match[1])
    return pins


def _compile(sources: list[str], output: Path, *options: str) -> None:
    """Resolve requirement files into a hashed lock that holds for every platform and Python. Raises `Exit`."""
    command = [
        "uv",
        "pip",
        "compile",
        *sources,
        "--output-file",
        str(output),
        "--universal",
        "--python-version",
        "3.11",
    ]
    flags = ["--generate-hashes", "--fork-strategy", "fewest", "--custom-compile-command", "inv lock", "--quiet"]
    result = subprocess.run(
        [sys.executable, "-m", *command, *flags, *options], cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
    )
    if result.returncode:
        raise fail(f"the requirements cannot be locked; nothing was changed. uv says:\n{result.stderr.strip()}")


def lock_all(upgrade: bool) -> list[Path]:
    """Renew requirements.txt, each one of components/, and the group `locked` of pyproject.toml; return their paths.

    Components are resolved under the project's lock, so that a library has one version everywhere. All or nothing.
    """
    sources = [path.relative_to(ROOT).as_posix() for path in sorted(COMPONENTS.glob("*/*.in"))]
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "requirements.txt"
        if not upgrade and (ROOT / "requirements.txt").exists():
            shutil.copy(ROOT / "requirements.txt", whole)
        _compile(sources, whole, "--group", "dev")
        made = {ROOT / "requirements.txt": whole}
        for source in sources:
            path = (ROOT / source).with_suffix(".txt")
            made[path] = Path(folder) / source.replace("/", "-")
            _compile([source], made[path], "--constraint", str(whole))
        for path, new in made.items():
            write(path, new.read_text(encoding="utf-8").replace(folder + os.sep, ""))
    pyproject = ROOT / "pyproject.toml"
    pins = "".join(f"  {json.dumps(pin)},\n" for pin in _pins(ROOT / "requirements.txt"))
    block = f"# inv lock: begin\nlocked = [\n{pins}]\n# inv lock: end"
    text = re.sub(r"# inv lock: begin.*# inv lock: end", lambda _: block, pyproject.read_text("utf-8"), flags=re.S)
    write(pyproject, text)
    return [*made, pyproject]


# A new component

_COMPONENT_YAML = """\
name: {name}
description: Says in one sentence what the step does.
inputs:
  - {{name: table, type: Dataset, description: The table to work on (Parquet).}}
outputs:
  - {{name: result, type: Dataset, description: The table that comes of it (Parquet).}}
implementation:
  container:
    image: {name}
    command: [python, -m, {module}]
    args:
      - --table
      - {{inputPath: table}}
      - --result
      - {{outputPath: result}}
      - --executor-input
      - {{executorInput: null}}
"""

_PROGRAM = '''\
"""The step {name}: says in one sentence what it does."""

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
from typer import Option

from shared.metadata import write_metadata
from shared.step import run, writing


def {module}(table: pa.Table) -> pa.Table:
    """Return the table that comes of `table`. Replace this with what the step does."""
    return table


def main(
    table: Annotated[Path, Option(help="The table to work on (Parquet).")],
    result: Annotated[Path, Option(help="Where to write the table that comes of it (Parquet).")],
    executor_input: Annotated[str, Option(help="What KFP tells of the task, as JSON.")],
) -> None:
    made = {module}(pq.read_table(table))
    with writing(result) as partial:
        pq.write_table(made, partial)
    write_metadata(executor_input, {{"result": {{"rows": made.num_rows, "columns": made.num_columns}}}})


if __name__ == "__main__":
    run(main)
'''

_TEST = """\
import pyarrow as pa

from {module} import {module}


def test_{module}_keeps_the_rows() -> None:
    table = pa.table({{"a": [1, 2, 3]}})
    assert {module}(table).num_rows == 3
"""


def new_component(name: str, say: Say) -> None:
    """Make the folder of a new step, its lock and its test, and say what to put into pipeline.py. All or nothing."""
    import keyword

    module = name.replace("-", "_")
    modules = {path.stem for path in COMPONENTS.glob("*/src/*.py")}
    if not NAME.fullmatch(name) or keyword.iskeyword(module):
        raise fail(
            f"'{name}' is not a name for a component; use lower-case letters, digits and dashes, at most 63, "
            "starting with a letter and ending with a letter or digit, and no Python keyword."
        )
    taken = (COMPONENTS / name).exists() or (ROOT / "tests" / f"test_{module}.py").exists()
    if taken or module in modules | {"shared", "pipeline", "tasks", "tests"} | set(sys.stdlib_module_names):
        raise fail(f"the name '{name}' is taken; choose another.")
    if importlib.util.find_spec(module) is not None:
        raise fail(f"'{module}' is a package that is installed here, which the step would hide; choose another name.")
    template = (COMPONENTS / "gathering" / "Dockerfile").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(dir=COMPONENTS, prefix=".new-") as temporary:
        folder = Path(temporary)
        (folder / "src").mkdir()
        files = {
            "component.yaml": _COMPONENT_YAML.format(name=name, module=module),
            "Dockerfile": template.replace("gathering", name),
            "requirements.in": "-r ../shared/requirements.in\n",
            f"src/{module}.py": _PROGRAM.format(name=name, module=module),
        }
        for path, text in files.items():
            write(folder / path, text)
        lock = folder / "requirements.txt"
        _compile([(folder / "requirements.in").relative_to(ROOT).as_posix()], lock, "--constraint", "requirements.txt")
        inside = folder.relative_to(ROOT).as_posix()
        write(lock, lock.read_text(encoding="utf-8").replace(inside, f"components/{name}"))
        folder.chmod(0o755)
        folder.rename(COMPONENTS / name)
    pyproject = ROOT / "pyproject.toml"
    listed = re.sub(
        r"(pythonpath = \[[^]]*)\]", rf'\1  "components/{name}/src",\n]', pyproject.read_text("utf-8"), count=1
    )
    write(pyproject, listed)
    write(ROOT / "tests" / f"test_{module}.py", _TEST.format(name=name, module=module))
    say(f"made components/{name} and tests/test_{module}.py, and put its src on pytest's path in pyproject.toml")
    say("put it into pipeline.py, for example after validation, and hand its result on to the next step:")
    say(f'  {module} = component("{name}")')
    say(f'  {module}_task = {module}(table=validated.outputs["validated"])  # gives {module}_task.outputs["result"]')


# A table of one's own


def adopt_table(source: str, target: str, say: Say) -> None:
    """Infer schema.yaml from a table and make it the pipeline's default. Nothing changes where the table is refused."""
    from ruamel.yaml import YAML

    place = _placed(source)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table"
        _gather(place, path)
        columns = _columns(path)
    if target not in columns:
        import difflib

        near = difflib.get_close_matches(target, columns, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise fail(f"the table has no column '{target}'.{hint} Its columns: {', '.join(columns)}.")
    schema = COMPONENTS / "validation" / "schema.yaml"
    kept = ROOT / "build" / "schema.before-adopt.yaml"
    kept.parent.mkdir(exist_ok=True)
    if schema.exists():
        shutil.copy(schema, kept)
    problem_type = columns[target]["problem_type"]
    write(schema, _schema_yaml(columns, place))
    codec = YAML()
    codec.preserve_quotes = True
    codec.width = 4096
    invoke = ROOT / "invoke.yaml"
    document = codec.load(invoke.read_text(encoding="utf-8"))
    if document.get("parameters") is None:
        document["parameters"] = {}
    document["parameters"].update({"source": place, "target": target, "problem_type": problem_type})
    from io import StringIO

    text = StringIO()
    codec.dump(document, text)
    write(invoke, text.getvalue())
    rows = columns[target]["rows"]
    say(f"{rows} rows, {len(columns)} columns; '{target}' is to be predicted: {problem_type}")
    say(f"wrote components/validation/schema.yaml (before: {kept.relative_to(ROOT)}) and parameters in invoke.yaml")
    say("read schema.yaml, then: inv run")


def _placed(source: str) -> str:
    """A source as the steps see it: a local path from the project's folder where it lies inside, else whole."""
    if "://" in source:
        return source
    path = Path(source).expanduser().resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def _gather(source: str, table: Path) -> None:
    """Copy a source to Parquet with the gathering step's own program. Raises `Exit` with its message."""
    from .local import host_process

    outputs = {"outputFile": str(table.with_name("executor_output.json"))}
    command = ["python", "-m", "gather", "--source", source, "--table", str(table)]
    command, env = host_process("gathering", [*command, "--executor-input", json.dumps({"outputs": outputs})], {})
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, encoding="utf-8")
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise fail(last.removeprefix("error: "))


def _columns(path: Path) -> dict[str, dict[str, Any]]:
    """What is known of each column after one pass: its pandera type, what it holds, and what predicting it would be.

    Memory grows with the distinct values of a column, of which at most 21 are kept, not with the table.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    columns: dict[str, dict[str, Any]] = {
        field.name: {"type": field.type, "missing": 0, "values": set(), "range": None, "rows": file.metadata.num_rows}
        for field in file.schema_arrow
    }
    for batch in file.iter_batches(batch_size=65536):
        for name, column in columns.items():
            values = batch.column(batch.schema.get_field_index(name))
            column["missing"] += values.null_count
            if len(column["values"]) <= 20 and not pa.types.is_nested(values.type):
                column["values"] |= {value for value in pc.unique(values).to_pylist() if value is not None}
            if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
                seen = pc.min_max(values).as_py()
                if seen["min"] is not None:
                    low, high = column["range"] or (seen["min"], seen["max"])
                    column["range"] = (min(low, seen["min"]), max(high, seen["max"]))
    for column in columns.values():
        few = len(column["values"]) <= 20
        column["dtype"] = _dtype(column["type"])
        classes = column["dtype"] in ("str", "boolean", None) or (column["dtype"] == "Int64" and few)
        column["problem_type"] = "classification" if classes else "regression"
        column["categories"] = sorted(column["values"]) if column["dtype"] == "str" and few else None
    return columns


def _dtype(type_: "pa.DataType") -> str | None:
    """The pandera type of an Arrow type, one that can hold missing values; None for what pandera does not check."""
    import pyarrow as pa

    if pa.types.is_boolean(type_):
        return "boolean"
    if pa.types.is_integer(type_):
        return "Int64"
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_) or pa.types.is_null(type_):
        return "float64"
    if pa.types.is_date(type_) or (pa.types.is_timestamp(type_) and type_.tz is None):
        return "datetime64[ns]"
    return "str" if pa.types.is_string(type_) or pa.types.is_large_string(type_) else None


def _schema_yaml(columns: dict[str, dict[str, Any]], source: str) -> str:
    """A pandera schema that the table holds: types, which columns may have missing values, and the categories seen."""
    lines = [
        f"# What a valid table looks like (pandera), inferred from {json.dumps(source, ensure_ascii=False)}.",
        "# Tighten it with what you know: checks such as in_range, isin, str_matches. nullable: missing values may be.",
        "columns:",
    ]
    for name, column in columns.items():
        lines.append(f"  {json.dumps(name, ensure_ascii=False)}:")
        seen = f"  # seen: {column['range'][0]:g} to {column['range'][1]:g}" if column["range"] else ""
        lines.append(f"    dtype: {column['dtype'] or 'null  # not checked'}{seen}")
        if column["missing"]:
            lines.append(f"    nullable: true  # {column['missing']} of {column['rows']} missing")
        if column["categories"]:
            lines.append(f"    checks: {{isin: {json.dumps(column['categories'], ensure_ascii=False)}}}")
    return "\n".join([*lines, "coerce: true", ""])
