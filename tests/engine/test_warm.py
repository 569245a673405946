"""Steps that are forked from a process with their imports: they are what a process of their own is."""

import hashlib
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from helpers.flow import PIPELINE, Project
from helpers.inv import inv
from helpers.penguins import newest
from helpers.processes import alive, wait_for
from helpers.template import Bake

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="steps start warm on Linux alone")

SERVER = "tasks/engine/warm_server.py"
# All that a step can see of the process that it is.
STATE = """\
import gc, json, os, random, resource, signal, sys, threading
import numpy, threadpoolctl
main = sys.modules["__main__"]
print("state", json.dumps({
    "warm": "warm_server" in open("/proc/self/cmdline").read(),
    "session": [os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()],
    "environment": {name: value for name, value in os.environ.items()},
    "folder": os.getcwd(),
    "argv": [sys.argv, sys.orig_argv, sys.path, sys.flags],
    "main": [main.__file__, main.__name__, main.__package__, str(main.__spec__), sorted(vars(main))],
    "signals": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
    "blocked": list(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "limits": [resource.getrlimit(number) for number in range(16)],
    "input": [os.fstat(0).st_rdev, sys.stdin.read()],
    "output": [[each.encoding, each.errors, each.line_buffering, each.write_through, each.isatty()]
               for each in (sys.stdout, sys.stderr)],
    "files": sorted(os.listdir("/proc/self/fd")),
    "collects": [gc.isenabled(), gc.get_threshold()],
    "threads": [threading.active_count(), threading.current_thread().name],
    "libraries": sorted([each["user_api"], each["num_threads"]] for each in threadpoolctl.threadpool_info()),
    "umask": os.umask(0o22),
}))
print("chance", random.random(), numpy.random.random(), file=sys.stderr)
"""


def lines(flow: Project, start: str) -> list[str]:
    said = flow.inv("runs.logs", "latest").stdout.splitlines()
    return [line.removeprefix(start).strip() for line in said if line.startswith(start)]


def states(flow: Project, *arguments: str) -> list[dict[str, Any]]:
    """What the steps of a run see of themselves, without what is another in each run."""
    flow.inv("run", "--no-cache", *arguments)
    run = flow.runs()[0]["id"]
    found = [json.loads(re.sub(r" at 0x\w+", "", line.replace(run, "RUN"))) for line in lines(flow, "state")]
    for each in found:
        assert each["environment"].pop("KF_TEMPLATE_RUN")
    return found


@pytest.mark.parametrize("command", ["-m, add", "components/adding/src/add.py"])
def test_a_step_sees_what_it_sees_as_a_process_of_its_own(flow: Project, command: str) -> None:
    component = flow.root / "components/adding/component.yaml"
    component.write_text(component.read_text(encoding="utf-8").replace("-m, add", command), encoding="utf-8")
    flow.adding_does(STATE)
    text = (flow.root / "components/adding/src/add.py").read_text(encoding="utf-8")
    flow.write("components/adding/src/add.py", "import sklearn.ensemble\n" + text)
    warm = states(flow)
    chances = [word for line in lines(flow, "chance") for word in line.split()]
    cold = states(flow, "--cold")
    assert [each.pop("warm") for each in warm] == [True, True]
    assert [each.pop("warm") for each in cold] == [False, False]
    assert {kind for each in warm for kind, _ in each["libraries"]} == {"openmp", "blas"}
    for one, other in zip(warm, cold, strict=True):
        assert {name: value for name, value in one.items() if value != other[name]} == {}, other
    assert len(set(chances)) == 4, "each process has random numbers of its own"


ENDS = [
    "raise SystemExit('error: no good')",
    "raise SystemExit(3)",
    "import os; os._exit(7)",
    "raise ValueError('odd')",
    "raise KeyboardInterrupt",
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "import atexit; atexit.register(print, 'at the end'); note.mkdir()",
    "import sys; sys.stdout.write('no end of line'); raise SystemExit(4)",
    "raise SystemExit(-1)",
    "raise SystemExit(2.5)",
    "import threading, time; threading.Timer(0.3, print, ['from a thread']).start(); raise SystemExit(5)",
    "global kept; kept = open('/proc/self/fd/1', 'a'); kept.write('never closed'); raise SystemExit(6)",
    "import kfp; kfp.kept = open('/proc/self/fd/1', 'a'); kfp.kept.write('never closed'); raise SystemExit(6)",
    "global last; last = type('', (), {'__del__': lambda _: print('deleted')})(); raise SystemExit(7)",
    "import sys; sys.stdout.close(); raise SystemExit(8)",
    "import sys; sys.stdout = None; raise SystemExit(9)",
]


def test_a_step_ends_as_a_process_of_its_own_does(flow: Project) -> None:
    loop = f"    with dsl.ParallelFor(list(range({len(ENDS)}))) as item:\n        add(a=item)\n"
    flow.write("pipeline.py", PIPELINE.partition("    first =")[0] + loop)
    flow.adding_does("\n".join(f"if a == {number}:\n    {code}" for number, code in enumerate(ENDS)))
    ends = []
    for options in ([], ["--cold"]):
        flow.inv("run", *options, code=1)
        steps, run = flow.record()["steps"], flow.runs()[0]["id"]
        logs = sorted((flow.root / f"runs/{run}/logs").rglob("*.log"))
        found = {step["name"]: f"{step['status']} {step['reason']}" for step in steps}
        found |= {path.as_posix(): path.read_text(encoding="utf-8") for path in logs}
        ends.append({name.replace(run, "RUN"): end.replace(run, "RUN") for name, end in found.items()})
    assert ends[0] == ends[1]
    assert len(ends[0]) == 2 * len(ENDS)
    assert len([end for end in ends[0].values() if end.startswith("failed ")]) == len(ENDS)
    assert "warm_server" not in str(ends[0])


def test_what_a_step_changes_is_not_seen_by_the_next(flow: Project) -> None:
    flow.adding_does(
        "import builtins, os, resource, sys, typer\n"
        "assert not hasattr(typer, 'changed') and not hasattr(builtins, 'changed') and 'changed' not in sys.modules\n"
        "assert 'CHANGED' not in os.environ and os.getcwd() != '/'\n"
        "assert resource.getrlimit(resource.RLIMIT_CORE)[0] != 7\n"
        "print('warm', 'warm_server' in open('/proc/self/cmdline').read())\n"
        "typer.changed = builtins.changed = sys.modules['changed'] = 1\n"
        "here = os.getcwd(); os.environ['CHANGED'] = '1'; os.chdir('/')\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (7, resource.getrlimit(resource.RLIMIT_CORE)[1]))\n"
        "typer.main = None"
    )
    flow.inv("run")
    assert lines(flow, "warm") == ["True", "True"]


@pytest.mark.parametrize("end", ["by itself", "killed"])
def test_the_server_ends_with_inv(flow: Project, end: str) -> None:
    flow.adding_does("from pathlib import Path; import time\nwhile not Path('go').exists():\n    time.sleep(0.05)")
    process = flow.start("run")
    mark = str(flow.root / SERVER)
    wait_for(lambda: len(alive(mark)) == 2)  # it, and the step
    if end == "killed":
        process.kill()
        process.communicate()
    else:
        flow.write("go", "")
        process.communicate()
        assert process.returncode == 0
        assert alive(mark) == []
    wait_for(lambda: alive(mark) == [])


def test_a_server_that_is_gone_is_done_without(flow: Project) -> None:
    flow.adding_does("import os, signal, time\nif b == 1:\n    os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(0.3)")
    flow.inv("run", "--no-cache", code=1)
    assert flow.record()["steps"][0]["reason"] == "was killed by SIGKILL; it may have run out of memory"
    (flow.root / SERVER).write_text("raise SystemExit(1)\n", encoding="utf-8")
    flow.adding_does("print('warm', 'warm_server' in open('/proc/self/cmdline').read())")
    flow.inv("run")
    assert lines(flow, "warm") == ["False", "False"]


def test_a_module_that_speaks_when_it_is_imported_is_left_to_the_steps(flow: Project) -> None:
    flow.adding_does("print('warm', 'warm_server' in open('/proc/self/cmdline').read())")
    text = (flow.root / "components/adding/src/add.py").read_text(encoding="utf-8")
    flow.write("components/adding/src/add.py", "import this\n" + text)
    flow.inv("run")
    assert len(lines(flow, "The Zen of Python")) == 2
    assert lines(flow, "warm") == ["False", "False"]


def test_what_a_step_imports_by_name_or_later_is_there_already(flow: Project) -> None:
    text = (flow.root / "components/adding/src/add.py").read_text(encoding="utf-8")
    modules = [
        "xml.dom.minidom",
        "typer._adapters",
    ]  # a module that its package does not import, and one that typer does
    before = f"import sys\nprint('there', [name in sys.modules for name in {modules}])\n"
    flow.write("components/adding/src/add.py", before + "from xml.dom import minidom\n" + text)
    for options, there in ([], "[True, True]"), (["--cold"], "[False, False]"):
        flow.inv("run", "--no-cache", *options)
        assert lines(flow, "there") == [there, there]


def test_a_module_of_the_component_goes_before_one_that_is_imported_already(flow: Project) -> None:
    flow.write("components/adding/src/threadpoolctl.py", "mine = 'mine'\n")
    flow.adding_does("import threadpoolctl; print('found', threadpoolctl.mine)")
    flow.inv("run")
    assert lines(flow, "found") == ["mine", "mine"]


def test_where_nothing_runs_no_server_is_started(flow: Project) -> None:
    server = flow.root / SERVER
    text = server.read_text(encoding="utf-8")
    server.write_text("import pathlib\npathlib.Path('started').touch()\n" + _without_docstring(text), encoding="utf-8")
    flow.inv("run")
    started = flow.root / "started"
    assert started.exists()
    started.unlink()
    time.sleep(0.02)
    assert "nothing changed" in flow.inv("run").stdout
    assert not started.exists()
    flow.inv("step", "adding", "--cold")
    assert not started.exists()
    flow.inv("step", "adding")
    assert started.exists()


def _without_docstring(text: str) -> str:
    return text.split('"""', 2)[2]


def test_a_run_of_the_penguins_is_the_same_both_ways(bake: Bake) -> None:
    project = bake()
    found = []
    for options in ([], ["--cold"]):
        inv(project, "run", "--no-cache", "-p", "models=", *options)  # the second is not judged against the first
        run = newest(project)
        folder = project / "runs" / run["id"]
        made = {
            path.relative_to(folder).as_posix(): digest(path) for path in folder.glob("steps/*/*") if path.is_file()
        }
        card = made.pop("steps/training/model_card")
        assert card
        made = {
            name: value
            for name, value in made.items()
            if "model" not in name and not name.endswith("/executor_output.json")
        }
        found.append([run["metrics"], made, [step["status"] for step in run["steps"]]])
    assert found[0] == found[1]
    assert len(found[0][1]) >= 8


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_lightweight_component_starts_warm_too(flow: Project) -> None:
    flow.write(
        "pipeline.py",
        "from kfp import dsl\n\n\n"
        "@dsl.component\ndef tell(n: int) -> str:\n"
        "    words = open('/proc/self/cmdline').read()\n"
        "    print('warm', 'warm_server' in words)\n"
        "    return str(n)\n\n\n"
        "@dsl.pipeline\ndef pipeline():\n    tell(n=1)\n",
    )
    for options, warm in ([], "True"), (["--cold"], "False"):
        flow.inv("run", "--no-cache", *options)
        assert lines(flow, "warm") == [warm]
        assert flow.record()["steps"][0]["outputs"] == {"Output": "1"}


def test_a_step_with_variables_of_its_own_starts_cold(flow: Project) -> None:
    text = (flow.root / "pipeline.py").read_text(encoding="utf-8")
    flow.write("pipeline.py", text.replace("add(a=n)", "add(a=n).set_env_variable('OMP_NUM_THREADS', '5')"))
    flow.adding_does(
        "import os; print('warm', os.environ['OMP_NUM_THREADS'], 'warm_server' in open('/proc/self/cmdline').read())"
    )
    flow.inv("run")
    said = lines(flow, "warm")
    assert said[0] == "5 False" and said[1].endswith("True")
    assert os.environ.get("OMP_NUM_THREADS") != "5"
