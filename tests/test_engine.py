"""The host engine on pipelines made for it: control flow, faults, signals, caching, and the seam into kfp.local."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

TEMPLATE = Path(__file__).parents[1] / "{{cookiecutter.project_slug}}"

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
        shutil.copytree(TEMPLATE / "tasks", root / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(TEMPLATE / "components/shared", root / "components/shared")
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
        assert "Traceback" not in out + err
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.inv("runs", "--json").stdout)
        return found

    def record(self) -> dict[str, Any]:
        """The whole record of the newest run."""
        path = self.root / "runs" / self.runs()[0]["id"] / "run.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


@pytest.fixture
def flow(tmp_path: Path) -> Project:
    return Project(tmp_path / "flöw with spaces")


def outputs(record: dict[str, Any]) -> dict[str, Any]:
    return {step["name"]: step["outputs"].get("sum") for step in record["steps"] if "sum" in step["outputs"]}


@pytest.mark.parametrize("command", ["run", "step", "runs.report", "runs.compare", "runs.logs", "component.new"])
def test_help_comes_after_the_command_too(flow: Project, command: str) -> None:
    assert f"[--core-opts] {command} [--options]" in flow.inv(command, "--help").stdout


def test_conditions_loops_exit_handlers_and_importers_run(flow: Project) -> None:
    flow.write("pipeline.py", FLOW)
    flow.inv("run")
    record = flow.record()
    assert record["status"] == "succeeded"
    sums = outputs(record)
    assert sums["adding"] == 4
    assert sums["adding-2"] == 104, "the branch that holds"
    assert "adding-3" not in sums, "the branch that does not hold"
    loop = {name: value for name, value in sums.items() if "iteration" in name}
    assert sorted(loop.values()) == [14, 24, 34]
    notes = {step["outputs"]["note"]["uri"] for step in record["steps"] if "note" in step["outputs"]}
    assert len(notes) == 5, "each iteration keeps its own artifacts"
    size = next(step for step in record["steps"] if step["name"] == "size")
    assert size["outputs"]["bytes"] == len(SETTINGS)
    assert "the end" in flow.inv("runs.logs", "latest", "tell").stdout


def test_exit_handler_runs_after_a_failure_which_is_still_a_failure(flow: Project) -> None:
    flow.write("pipeline.py", FLOW)
    flow.adding_does("raise SystemExit('error: no more sums')")
    flow.inv("run", code=1)
    record = flow.record()
    assert record["reason"] == "adding: no more sums"
    states = {step["name"]: step["status"] for step in record["steps"]}
    assert states["tell"] == "succeeded"
    assert '"state": "FAILED"' in flow.inv("runs.logs", "latest", "tell").stdout


def test_loop_with_a_failing_iteration_fails(flow: Project) -> None:
    flow.write("pipeline.py", FLOW)
    flow.adding_does("if a == 20: raise SystemExit('error: not twenty')")
    flow.inv("run", code=1)
    assert flow.record()["reason"].endswith("adding-4: not twenty")


def test_second_run_is_served_from_the_cache_until_a_source_changes(flow: Project) -> None:
    first = flow.inv("run").stdout
    assert "cached" not in first
    second = flow.inv("run").stdout
    assert "nothing changed: every step was served from the cache" in second
    assert [step["cached"] for step in flow.runs()[0]["steps"]] == [True, True]
    assert outputs(flow.record()) == {"adding": 4, "adding-2": 104}
    flow.inv("run", "--no-cache")
    assert [step["cached"] for step in flow.runs()[0]["steps"]] == [False, False]
    flow.adding_does("print('changed')")
    flow.inv("run")
    assert [step["cached"] for step in flow.runs()[0]["steps"]] == [False, False]
    flow.inv("run", "-p", "n=4")
    assert [step["cached"] for step in flow.runs()[0]["steps"]] == [False, False]


def test_a_failed_step_is_not_cached(flow: Project) -> None:
    flow.adding_does("import pathlib\nif not pathlib.Path('fixed').exists(): raise SystemExit('error: broken')")
    flow.inv("run", code=1)
    (flow.root / "fixed").touch()
    flow.inv("run")
    assert [step["cached"] for step in flow.runs()[0]["steps"]] == [False, False]


FAULTS = {
    "exits 1": ("raise SystemExit(1)", "adding: adding"),
    "says why": ("raise SystemExit('error: too much')", "adding: too much"),
    "raises": ("raise ValueError('odd')", "adding: ValueError: odd"),
    "only stderr": ("import sys; print('in tears', file=sys.stderr); raise SystemExit(3)", "adding: in tears"),
    "killed": (
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "adding: was killed by SIGKILL; it may have run out of memory",
    ),
    "no output": ("sum.write_text('4'); return", "adding: ended well, but did not write its output 'note'"),
    "no parameter": ("note.write_text('4'); return", "adding: ended well, but did not write its output 'sum'"),
    "wrong type": (
        "sum.write_text('many'); note.write_text(''); return",
        "adding: wrote an output of another type than it declares",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_step_that_goes_wrong_fails_the_run_with_its_reason(flow: Project, fault: str) -> None:
    code, reason = FAULTS[fault]
    flow.adding_does(code)
    result = flow.inv("run", code=1)
    assert reason in result.stderr
    assert "log: inv runs.logs" in result.stderr
    run = flow.runs()[0]
    assert (run["status"], [step["status"] for step in run["steps"]]) == ("failed", ["failed", "skipped"])
    assert run["reason"].startswith(reason)
    flow.adding_does("pass")
    flow.inv("run")


def test_a_hundred_megabytes_of_log_are_kept_and_not_held(flow: Project) -> None:
    flow.adding_does("for _ in range(100): print('x' * 2**20)")
    process = flow.start("run", "-p", "n=1")
    peak = 0
    while process.poll() is None:
        try:
            peak = max(peak, psutil.Process(process.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.05)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert len(out) < 2000
    log = flow.root / "runs" / flow.runs()[0]["id"] / "logs" / "adding.log"
    assert log.stat().st_size > 100 * 2**20
    assert peak < 300 * 2**20
    report = log.parents[1] / "report.html"
    assert report.stat().st_size < 2**20


def alive(marker: str) -> list[int]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(marker in part for part in process.info["cmdline"] or []):
            found.append(process.pid)
    return found


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("pipeline", [PIPELINE, FLOW], ids=["one step", "a loop"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_stopped_run_says_so_and_leaves_no_process(flow: Project, number: signal.Signals, pipeline: str) -> None:
    marker = f"sleeper-{os.getpid()}-{time.monotonic_ns()}"
    sleep = f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)', {marker!r}])"
    flow.write("pipeline.py", pipeline)
    flow.adding_does(
        f"if a in (3, 10, 20):\n    {sleep}" if pipeline is PIPELINE else f"if a in (10, 20):\n    {sleep}"
    )
    process = flow.start("run")
    wait_for(lambda: len(alive(marker)) == (1 if pipeline is PIPELINE else 2))
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, out + err
    assert "was stopped" in err
    assert "Traceback" not in out + err
    assert alive(marker) == []
    run = flow.runs()[0]
    assert run["status"] == "stopped"
    assert "stopped" in [step["status"] for step in run["steps"]]
    flow.adding_does("pass")
    flow.inv("run")


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_a_run_whose_process_was_killed_is_listed_as_stopped(flow: Project) -> None:
    marker = f"orphan-{os.getpid()}-{time.monotonic_ns()}"
    flow.adding_does(
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)', {marker!r}])"
    )
    process = flow.start("run")
    wait_for(lambda: alive(marker))
    process.kill()
    process.communicate()
    for pid in alive(marker):
        os.kill(pid, signal.SIGKILL)
    run = flow.runs()[0]
    assert (run["status"], [step["status"] for step in run["steps"]]) == ("stopped", ["stopped", "skipped"])


def test_what_a_step_leaves_running_is_ended_with_it(flow: Project) -> None:
    marker = f"leftover-{os.getpid()}-{time.monotonic_ns()}"
    flow.adding_does(
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', {marker!r}])"
    )
    flow.inv("run")
    wait_for(lambda: alive(marker) == [], 5)


def test_a_step_runs_again_with_the_inputs_it_had(flow: Project) -> None:
    flow.inv("run", "-p", "n=7")
    first = flow.runs()[0]["id"]
    flow.inv("run")
    flow.inv("step", "adding-2", "--run", first)
    record = flow.record()
    assert [step["name"] for step in record["steps"]] == ["adding-2"]
    assert outputs(record) == {"adding-2": 108}
    flow.inv("step", "adding")
    assert flow.record()["steps"][0]["inputs"] == {"a": 3}, "without --run: the newest run in which the step started"
    message = flow.inv("step", "nosuch", code=1).stderr
    assert "no step 'nosuch' has started in any run; these have: adding, adding-2" in message


def test_two_runs_at_once_do_not_meet(flow: Project) -> None:
    both = [flow.start("run", "-p", "n=1"), flow.start("run", "-p", "n=2")]
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert {run["parameters"]["n"] for run in flow.runs()} == {1, 2}


def test_retries_are_kfps(flow: Project) -> None:
    flow.write("pipeline.py", PIPELINE.replace("first = add(a=n)", "first = add(a=n)\n    first.set_retry(2)"))
    flow.adding_does(
        "import pathlib\nif not pathlib.Path('tried').exists():\n    pathlib.Path('tried').touch(); raise SystemExit(1)"
    )
    flow.inv("run")
    assert flow.runs()[0]["status"] == "succeeded"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nosuch=1", "the pipeline has no parameter 'nosuch'. It takes: n (int)."),
        ("m=1", "no parameter 'm'"),
        ("n=abc", "parameter 'n' takes a value of type int, not 'abc'"),
        ("n=1.5", "parameter 'n' takes a value of type int, not '1.5'"),
        ("n", "-p takes name=value"),
    ],
)
def test_wrong_parameters_are_refused_with_the_right_ones(flow: Project, text: str, says: str) -> None:
    assert says in flow.inv("run", "-p", text, code=1).stderr
    assert flow.runs() == []


def test_a_pipeline_that_cannot_be_compiled_is_refused_with_its_line(flow: Project) -> None:
    flow.write("pipeline.py", PIPELINE.replace("add(a=first", "add(c=first"))
    message = flow.inv("run", code=1).stderr
    assert "pipeline.py cannot be compiled. Line 12: TypeError" in message
    flow.write("pipeline.py", PIPELINE.replace("import dsl", "import dsl, nothing"))
    assert "Line 3: ImportError" in flow.inv("run", code=1).stderr
    flow.write("pipeline.py", "def pipeline(:")
    assert "Line 1: SyntaxError" in flow.inv("compile", code=1).stderr


def test_images_are_named_by_what_goes_into_them(flow: Project) -> None:
    def tag() -> str:
        flow.inv("compile")
        text = (flow.root / "build/adding.yaml").read_text(encoding="utf-8")
        return next(line.split(": ")[1] for line in text.splitlines() if "image:" in line)

    first = tag()
    assert first.startswith("localhost:5001/flow/adding:")
    assert first in (flow.root / "build/pipeline.yaml").read_text(encoding="utf-8")
    flow.write("components/adding/requirements.in", "typer\n")
    (flow.root / "components/adding/src/__pycache__").mkdir(exist_ok=True)
    flow.write("components/adding/src/__pycache__/add.pyc", "compiled")
    assert tag() == first, "what is not in the image does not count"
    flow.adding_does("print('other')")
    assert tag() != first
    flow.adding_does("# HERE")
    assert tag() == first
    flow.write("components/shared/step.py", (flow.root / "components/shared/step.py").read_text("utf-8") + "\n# more\n")
    assert tag() != first


MISFITS = {
    "untyped input": ("type: Integer, description: One.", "description: One.", "input 'a' has no type"),
    "no description": (", description: One.", "", "input 'a' has no description"),
    "unknown placeholder": ("{inputValue: a}", "{inputvalue: a}", "unknown placeholder 'inputvalue'"),
    "undeclared": ("{inputValue: a}", "{inputValue: c}", "{inputValue: c} names nothing that is declared"),
    "missing option": ("--a, {inputValue: a}, ", "", "does not pass --a, which the program requires"),
    "extra option": ("--a, {inputValue: a}", "--a, {inputValue: a}, --c, {inputValue: a}", "passes --c"),
    "other default": ('default: "1"', 'default: "2"', "gives --b the default '2', and the program '1'"),
    "other image": ("image: adding", "image: alpine", "image must be 'adding'"),
    "not YAML": ("name: adding", "name: [adding", "is not valid YAML"),
    "no program": ("-m, add]", "-m, sub]", "its program 'sub' cannot be imported"),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_a_component_yaml_that_does_not_fit_is_named_by_lint(flow: Project, misfit: str) -> None:
    old, new, says = MISFITS[misfit]
    assert old in ADDING
    flow.write("components/adding/component.yaml", ADDING.replace(old, new))
    shutil.copy(TEMPLATE / ".gitignore", flow.root)
    result = flow.inv("lint", code=1)
    assert f"components/adding/component.yaml: {says}" in result.stdout


def test_the_seam_into_kfp_says_what_to_do_when_a_release_moves_it(flow: Project) -> None:
    """The two functions of kfp.local that tasks/local.py stands in for are there, with the arguments it relies on.

    Where this fails after an upgrade of kfp: read `kfp/local/orchestrator/task_executor.py` and
    `kfp/local/task_dispatcher.py` of the new release, bring `SEAM`, `Engine._execute` and `Engine._start` into line
    with them, and run this file again.
    """
    probe = "import sys; sys.path[:0] = ['.']; from tasks import local; {}; local.check_seam()"
    good = subprocess.run([sys.executable, "-c", probe.format("pass")], cwd=flow.root, capture_output=True, text=True)
    assert good.returncode == 0, good.stderr
    moved = "from kfp.local import task_dispatcher; task_dispatcher.run_single_task_implementation = lambda task: 0"
    bad = subprocess.run([sys.executable, "-c", probe.format(moved)], cwd=flow.root, capture_output=True, text=True)
    assert "has changed kfp.local.task_dispatcher.run_single_task_implementation" in bad.stderr
    assert "install kfp==2.17.0" in bad.stderr


def test_a_reader_that_leaves_early_is_no_error(flow: Project) -> None:
    process = flow.start("run")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == ""
    assert flow.runs()[0]["status"] == "succeeded"


def test_a_settings_file_that_is_not_there_is_named(flow: Project) -> None:
    assert "inv -f: there is no file other.yaml" in flow.inv("-f", "other.yaml", "run", code=1).stderr
    flow.write("other.yaml", "parameters: {n: 8}\n")
    flow.inv("-f", "other.yaml", "run")
    assert flow.runs()[0]["parameters"] == {"n": 8}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("project: [x", "invoke.yaml is not valid YAML"),
        (SETTINGS.replace("registry: localhost:5001", ""), "the setting 'registry' is missing"),
        (SETTINGS.replace("localhost:5001", "https://ghcr.io"), "registry 'https://ghcr.io' must be a host"),
        (SETTINGS.replace("project: flow", "project: My Flow"), "project 'My Flow' is not a valid name"),
        (SETTINGS.replace("{}", "{nosuch: 1}"), "invoke.yaml: the pipeline has no parameter 'nosuch'"),
        (SETTINGS.replace("{}", "[1]"), "parameters must be lines of 'name: value'"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(flow: Project, text: str, says: str) -> None:
    flow.write("invoke.yaml", text)
    assert says in flow.inv("run", code=1).stderr
