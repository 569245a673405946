"""The modules of this environment, as programs."""

import subprocess
import sys

from ..files import ROOT


def python(*arguments: str) -> int:
    """Run a module of this environment in the project's folder, and return its exit code."""
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT).returncode
