"""The seam into kfp.local."""

import subprocess
import sys

from helpers.flow import Project


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
