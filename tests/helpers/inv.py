"""One way to run `inv`."""

import os
import subprocess
import sys
from pathlib import Path


class Said(str):
    """What a command said: on standard output and then on standard error, which are there one by one too."""

    stdout: str
    stderr: str

    def __new__(cls, stdout: str, stderr: str) -> "Said":
        said = super().__new__(cls, stdout + stderr)
        said.stdout, said.stderr = stdout, stderr
        return said


def inv(project: Path, *arguments: str, code: int = 0, **variables: str) -> Said:
    """Run `inv` in a project; expect an exit code and never a traceback. `variables` go into its environment."""
    result = subprocess.run(
        [sys.executable, "-m", "invoke", *arguments],
        cwd=project,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=600,
    )
    said = Said(result.stdout, result.stderr)
    assert result.returncode == code, said
    assert "Traceback" not in said
    return said
