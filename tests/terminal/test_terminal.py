"""What a terminal shows while something runs: a list that changes in place; and what a pipe gets instead."""

import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.docker_flow import DockerProject
from helpers.engine import needs_engine
from helpers.flow import Project
from helpers.terminal import invoke

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pty is for Unix")


SLOW = "import time; time.sleep(1.2)"


def test_a_run_is_a_list_that_changes_in_place(flow: Project) -> None:
    flow.adding_does(SLOW)
    terminal = invoke(flow.root, "run")
    screen = terminal.watch(lambda screen: re.search(r"adding +… running +0\.[5-9] s", screen))
    assert re.search(r"^  adding-2 +· waiting$", screen, re.MULTILINE)
    last = terminal.watch()
    assert terminal.process.returncode == 0
    assert len(re.findall(r"✓ succeeded +\d\.\d s", last)) == 2
    assert "waiting" not in last and "running" not in last
    assert last.count("adding-2") == 1, "nothing of the list is left behind"
    assert b"\x1b[32m" in terminal.raw
    again = invoke(flow.root, "run").watch()
    assert len(re.findall(r"≡ cached", again)) == 2


def test_a_pipe_gets_a_line_for_each_step_that_ended(flow: Project) -> None:
    said = flow.inv("run").stdout
    assert len(re.findall(r"^  adding(-2)? +succeeded +\d+\.\d s$", said, re.MULTILINE)) == 2
    assert "waiting" not in said and "\x1b" not in said


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
def test_colour_is_left_out_where_it_is_not_wanted(flow: Project, environment: dict[str, str]) -> None:
    terminal = invoke(flow.root, "run", **environment)
    assert "succeeded" in terminal.watch()
    assert not re.search(rb"\x1b\[\d*;?3\d", terminal.raw)
    assert environment != {"TERM": "dumb"} or b"\x1b" not in terminal.raw


def test_of_a_long_list_what_runs_is_shown_and_the_rest_counted(flow: Project) -> None:
    many = "".join(f"    add(a=n, b={number}).after(second)\n" for number in range(2, 42))
    pipeline = (flow.root / "pipeline.py").read_text(encoding="utf-8")
    flow.write(
        "pipeline.py", re.sub(r"^    add\(a=first", "    second = add(a=first", pipeline, flags=re.MULTILINE) + many
    )
    flow.adding_does("import time; time.sleep(0.1)")
    terminal = invoke(flow.root, "run", rows=12)
    terminal.watch()
    assert terminal.process.returncode == 0
    during = [screen for screen in terminal.screens if "running" in screen]
    assert during and all(len(screen.splitlines()) <= 12 for screen in during)
    assert any(re.search(r"\d+ more waiting", screen) for screen in during)
    assert any(re.search(r"\d+ more succeeded", screen) for screen in during)
    said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.raw.decode())
    last = said[said.rindex("  adding  ") :]
    assert last.count("✓ succeeded") == 42, "at the end the list is whole"


def test_a_failed_step_says_why_and_ctrl_c_leaves_the_terminal_in_order(flow: Project) -> None:
    flow.adding_does("raise SystemExit('error: no more sums')")
    last = invoke(flow.root, "run").watch()
    assert re.search(r"adding +✗ failed +\d\.\d s +no more sums", last)
    assert re.search(r"adding-2 +(· waiting|- skipped)", last)
    flow.adding_does("import time; time.sleep(60)")
    terminal = invoke(flow.root, "run")
    terminal.watch(lambda screen: "running" in screen)
    terminal.process.send_signal(signal.SIGINT)
    last = terminal.watch()
    assert terminal.process.returncode == 130
    assert re.search(r"adding +■ stopped", last) and "was stopped" in last
    assert terminal.raw.rstrip().rfind(b"\x1b[?25h") > terminal.raw.rfind(b"\x1b[?25l"), "the cursor is shown again"


def test_names_cannot_write_on_the_terminal(flow: Project) -> None:
    flow.adding_does("raise SystemExit('error: [bold]x[/bold] \\x1b[2J\\x07 end')")
    terminal = invoke(flow.root, "run")
    last = terminal.watch()
    assert "[bold]x[/bold]" in last and b"\x1b[2J" not in terminal.raw and b"\x07" not in terminal.raw


LOG = (
    "\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x1b\\\x9d2;title\x9c\x1b[2J\x1b[1A\x1bc\x08"
    "\x1b[31mred\x1b[38;2;1;2;3m\tgrün\x1b[0m \x1b(0\x1b]0;open \x1bé"
)


def test_of_a_log_the_terminal_gets_the_colours_and_a_pipe_all(flow: Project) -> None:
    flow.adding_does(f"print({LOG!r})")
    flow.inv("run")
    terminal = invoke(flow.root, "runs.logs", "adding")
    assert "red    grün 0;open  é" in terminal.watch()
    raw = terminal.raw.decode().replace("\r\n", "\n")
    assert "\x1b[31mred\x1b[38;2;1;2;3m\tgrün\x1b[0m " in raw and raw.endswith("\x1b[0m\n")
    assert set(re.findall(r"\x1b.[\d;]*.?", raw)) == {"\x1b[31m", "\x1b[38;2;1;2;3m", "\x1b[0m"}
    assert not re.search(r"[\x00-\x08\x0b-\x1a\x7f-\x9f]", raw) and "title" not in raw and "ZXZpbA" not in raw
    assert LOG in flow.inv("runs.logs", "adding").stdout


@pytest.fixture
def images(tmp_path: Path) -> Iterator[DockerProject]:
    project = DockerProject(tmp_path / "project")
    yield project
    project.remove()


@needs_engine
def test_builds_and_pushes_are_lists_too(images: DockerProject) -> None:
    project = images
    dockerfile = (project.root / "components/adding/Dockerfile").read_text(encoding="utf-8")
    project.write("components/adding/Dockerfile", f"{dockerfile}\nRUN sleep 2 # {time.time_ns()}\n")
    terminal = invoke(project.root, "build")
    last = terminal.watch()
    assert terminal.process.returncode == 0, last
    assert any(re.search(r"adding +… building +\d+\.\d s +\w+", screen) for screen in terminal.screens)
    assert re.search(r"adding +✓ built +\d+\.\d s", last)
    terminal = invoke(project.root, "push")
    last = terminal.watch()
    assert terminal.process.returncode == 0, last
    assert re.search(r"adding +✓ pushed +\d+\.\d s +\d+ of \d+ layers", last)
