"""The locks of the project and of its components."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ..files import ROOT, write
from ..project.components import COMPONENTS
from ..terminal import fail


def lock_all(upgrade: bool) -> list[Path]:
    """Renew requirements.txt, each one of components/, and the group `locked` of pyproject.toml; return their paths.

    Components are resolved under the project's lock, so that a library has one version everywhere. All or nothing.
    """
    sources = [path.relative_to(ROOT).as_posix() for path in sorted(COMPONENTS.glob("*/*.in"))]
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "requirements.txt"
        if not upgrade and (ROOT / "requirements.txt").exists():
            shutil.copy(ROOT / "requirements.txt", whole)
        lock_file(sources, whole, "--group", "dev")
        made = {ROOT / "requirements.txt": whole}
        for source in sources:
            path = (ROOT / source).with_suffix(".txt")
            made[path] = Path(folder) / source.replace("/", "-")
            lock_file([source], made[path], "--constraint", str(whole))
        for path, new in made.items():
            write(path, new.read_text(encoding="utf-8").replace(folder + os.sep, ""))
    pyproject = ROOT / "pyproject.toml"
    listed = "".join(f"  {json.dumps(pin)},\n" for pin in pins(ROOT / "requirements.txt"))
    block = f"# inv lock: begin\nlocked = [\n{listed}]\n# inv lock: end"
    text = re.sub(r"# inv lock: begin.*# inv lock: end", lambda _: block, pyproject.read_text("utf-8"), flags=re.S)
    write(pyproject, text)
    return [*made, pyproject]


def pins(lock: Path) -> list[str]:
    """The `name==version ; marker` lines of a requirements.txt, without hashes and comments."""
    found = []
    for line in lock.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+==[^\\#]+?)\s*\\?$", line):
            found.append(match[1])
    return found


def lock_file(sources: list[str], output: Path, *options: str) -> None:
    """Resolve requirement files into a hashed lock that holds for every platform and Python. Raises `Exit`."""
    command = [sys.executable, "-m", "uv", "pip", "compile", *sources, "--output-file", str(output), *options]
    command += ["--universal", "--python-version", "3.11", "--generate-hashes", "--fork-strategy", "fewest"]
    command += ["--custom-compile-command", "inv lock", "--quiet"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    if result.returncode:
        raise fail(f"the requirements cannot be locked; nothing was changed. uv says:\n{result.stderr.strip()}")
