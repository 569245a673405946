"""Nothing of a run outlives it: not when `inv` is killed, not when its terminal is closed, not what became a daemon."""

import os
import signal
import sys
import time

import pytest

from helpers.flow import Project
from helpers.processes import alive, wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")

SLEEP = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(120)', {marker!r}])"
DAEMON = """\
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(120)', {marker!r}])
    os._exit(0)
os.wait()
"""


def marker() -> str:
    return f"orphan-{os.getpid()}-{time.monotonic_ns()}"


def test_a_killed_inv_leaves_nothing_running(flow: Project) -> None:
    name = marker()
    flow.adding_does(SLEEP.format(marker=name))
    process = flow.start("run")
    wait_for(lambda: alive(name))
    process.kill()
    process.communicate()
    wait_for(lambda: alive(name) == [])
    assert flow.runs()[0]["status"] == "stopped"


def test_a_daemon_ends_with_its_run(flow: Project) -> None:
    name = marker()
    flow.adding_does(DAEMON.format(marker=name))
    flow.inv("run")
    assert alive(name) == []


def test_a_daemon_ends_though_inv_was_killed(flow: Project) -> None:
    name = marker()
    flow.adding_does(DAEMON.format(marker=name) + "import time; time.sleep(120)")
    process = flow.start("run")
    wait_for(lambda: alive(name))
    process.kill()
    process.communicate()
    wait_for(lambda: alive(name) == [])


@pytest.mark.parametrize("after", [0.03, 0.1, 0.2, 0.4])
def test_a_second_ctrl_c_changes_nothing(flow: Project, after: float) -> None:
    name = marker()
    flow.adding_does(SLEEP.format(marker=name))
    process = flow.start("run")
    wait_for(lambda: alive(name))
    process.send_signal(signal.SIGINT)
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert "was stopped" in err and "Traceback" not in out + err
    assert alive(name) == []
    assert flow.runs()[0]["status"] == "stopped"


def test_a_closed_terminal_stops_the_run(flow: Project) -> None:
    import pty

    name = marker()
    flow.adding_does(SLEEP.format(marker=name))
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "invoke", "run"]
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.chdir(flow.root)
        for number in (0, 1, 2):
            os.dup2(follower, number)
        import fcntl
        import termios

        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        os.close(leader)
        os.execv(sys.executable, command)
    os.close(follower)
    wait_for(lambda: alive(name))
    os.close(leader)
    os.waitpid(pid, 0)
    wait_for(lambda: alive(name) == [])
    assert flow.runs()[0]["status"] == "stopped"
