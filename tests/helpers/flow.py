"""A project of one small component, `adding`, and its pipelines: the host engine's tests in a second each."""

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from helpers.template import PROJECT

SETTINGS = """\
project: flow
registry: localhost:5001
python_version: "3.13"
experiment: flow
template_version: "0"
parameters: {}
"""


ADDING = """\
name: adding
description: Adds.
inputs:
  - {name: a, type: Integer, description: One.}
  - {name: b, type: Integer, description: The other., default: "1"}
outputs:
  - {name: sum, type: Integer, description: The sum.}
  - {name: note, type: Artifact, description: How it came.}
implementation:
  container:
    image: adding
    command: [python, -m, add]
    args: [--a, {inputValue: a}, --b, {inputValue: b}, --sum, {outputPath: sum}, --note, {outputPath: note}]
"""


ADD = """\
from pathlib import Path
from typing import Annotated

from shared.step import run
from typer import Option


def main(
    a: Annotated[int, Option()], sum: Annotated[Path, Option()], note: Annotated[Path, Option()],
    b: Annotated[int, Option()] = 1,
) -> None:
    print("adding")
    # HERE
    sum.write_text(str(a + b))
    note.write_text(f"{a}+{b}")


if __name__ == "__main__":
    run(main)
"""


PIPELINE = """\
from pathlib import Path

from kfp import dsl
from kfp.components import load_component_from_file

add = load_component_from_file(str(Path(__file__).parent / "components/adding/component.yaml"))


@dsl.pipeline
def pipeline(n: int = 3):
    first = add(a=n)
    add(a=first.outputs["sum"], b=100)
"""


FLOW = """\
from pathlib import Path

from kfp import dsl
from kfp.components import load_component_from_file

add = load_component_from_file(str(Path(__file__).parent / "components/adding/component.yaml"))


@dsl.container_component
def tell(text: str, status: dsl.PipelineTaskFinalStatus = None):
    return dsl.ContainerSpec(
        image="alpine", command=["python", "-c", "import sys; print(*sys.argv)"], args=[text, status]
    )


@dsl.container_component
def size(file: dsl.Input[dsl.Artifact], bytes: dsl.OutputPath(int)):
    code = "import os, sys; open(sys.argv[2], 'w').write(str(os.path.getsize(sys.argv[1])))"
    return dsl.ContainerSpec(image="alpine", command=["python", "-c", code], args=[file.path, bytes])


@dsl.pipeline
def pipeline(n: int = 3, file: str = "invoke.yaml"):
    with dsl.ExitHandler(tell(text="the end")):
        first = add(a=n)
        with dsl.If(first.outputs["sum"] > 3, name="large"):
            add(a=first.outputs["sum"], b=100)
        with dsl.Else(name="small"):
            add(a=first.outputs["sum"], b=-100)
        with dsl.ParallelFor([10, 20, 30]) as item:
            add(a=item, b=first.outputs["sum"])
        imported = dsl.importer(artifact_uri=file, artifact_class=dsl.Artifact)
        size(file=imported.output)
"""


class Project:
    """A project of one component, and its `inv`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "components/adding/src").mkdir(parents=True)
        shutil.copytree(PROJECT / "tasks", root / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(PROJECT / "components/shared", root / "components/shared")
        self.write("invoke.yaml", SETTINGS)
        self.write("pipeline.py", PIPELINE)
        self.write("components/adding/component.yaml", ADDING)
        self.write("components/adding/src/add.py", ADD)

    def write(self, path: str, text: str) -> None:
        (self.root / path).write_text(text, encoding="utf-8")

    def adding_does(self, code: str) -> None:
        """Put code into the middle of the step's program."""
        self.write("components/adding/src/add.py", ADD.replace("# HERE", textwrap.indent(code, "    ").strip()))

    def start(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "invoke", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.root, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", **options
        )

    def inv(self, *arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        """Run `inv`, expect an exit code and never a traceback."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, out + err
        assert "Traceback (most recent call last)" not in out + err
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.inv("runs", "--json").stdout)
        return found

    def record(self) -> dict[str, Any]:
        """The whole record of the newest run."""
        path = self.root / "runs" / self.runs()[0]["id"] / "run.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


def outputs(record: dict[str, Any]) -> dict[str, Any]:
    return {step["name"]: step["outputs"].get("sum") for step in record["steps"] if "sum" in step["outputs"]}


SEVERAL = (
    PIPELINE
    + """

@dsl.pipeline
def score_new(n: int = 5, m: int = 7):
    first = add(a=n, b=m)
    pipeline(n=first.outputs["sum"])


@dsl.pipeline
def _part(n: int):
    add(a=n)


@dsl.pipeline
def with_note(note: dsl.Input[dsl.Artifact]):
    add(a=1)
"""
)
