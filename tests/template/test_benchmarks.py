"""`benchmarks/run.py` says which promises are broken, on the terminal, on its page and by its exit code."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.template import CACHES, TEMPLATE

NOTHING_ELSE = """\
import run
from figures import skipped
from promises import PROMISES
from results import Result, keep
for part in run.PARTS.keys() - {"size"}:
    keep(part, Result.of([skipped(key, "left out") for key, promise in PROMISES.items() if promise.part == part]))
"""


@pytest.fixture(scope="module")
def benchmarks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The benchmarks of a copy of the template, in which every part but `size` was skipped."""
    root = tmp_path_factory.mktemp("copy") / "template"
    shutil.copytree(TEMPLATE, root, ignore=shutil.ignore_patterns(".git", ".venv", "build", "docs", "tests", *CACHES))
    subprocess.run([sys.executable, "-c", NOTHING_ELSE], cwd=root / "benchmarks", check=True)
    return root / "benchmarks"


def measured(benchmarks: Path, most: int) -> "subprocess.CompletedProcess[str]":
    """Measure `size`, of whose files at most so many are promised."""
    promises = benchmarks / "promises.py"
    text, count = re.subn(r'(Promise\("size", ".*?", )[\d_]+(, ""\))', rf"\g<1>{most}\2", promises.read_text("utf-8"))
    assert count == 1
    promises.write_text(text, encoding="utf-8")
    command = [sys.executable, str(benchmarks / "run.py"), "size"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_broken_promise_fails_and_is_named(benchmarks: Path) -> None:
    run = measured(benchmarks, 1)
    assert run.returncode == 1, run.stderr
    broken = [line for line in run.stderr.splitlines() if line.startswith("broken: ")]
    assert len(broken) == 1 and "Files of a generated project" in broken[0] and "at most 1" in broken[0]
    page = (benchmarks / "README.md").read_text(encoding="utf-8")
    assert re.search(r"\| Files of a generated project .*\| at most 1 \| \*\*\d+: over\*\* \|", page)
    assert re.search(r"Of \d+ promises 1 is broken, and \d+ were not measured\.", page)
    assert "not measured: left out" in page
    before = (TEMPLATE / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert page.partition("\n## ")[2] == before.partition("\n## ")[2], "what is below the table is left alone"


def test_promises_that_hold_succeed(benchmarks: Path) -> None:
    run = measured(benchmarks, 1_000_000)
    assert (run.returncode, run.stderr) == (0, "")
    page = (benchmarks / "README.md").read_text(encoding="utf-8")
    assert "every one that was measured holds" in page and ": over**" not in page


def test_an_unknown_part_is_refused_with_those_there_are(benchmarks: Path) -> None:
    run = subprocess.run([sys.executable, str(benchmarks / "run.py"), "sice"], capture_output=True, text=True)
    assert run.returncode == 2
    assert "unknown: sice; there are first-run, demo" in run.stderr
