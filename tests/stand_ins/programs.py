"""Programs that stand in for others: each is written into a folder on PATH, and answers from a state that all share."""

import json
import stat
import sys
from pathlib import Path
from typing import Any

# The first lines of a program for this Python, whose path may have spaces: a shell's, and to Python a text.
START = f"#!/bin/sh\n'''exec' \"{sys.executable}\" \"$0\" \"$@\"\n' '''"

BEGIN = """\
{start}
import json, pathlib, subprocess, sys, time
tool, arguments = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
folder = pathlib.Path({folder!r})
with open(folder / "log", "a") as log:
    log.write(" ".join([tool, *arguments]) + "\\n")
path = folder / "state.json"
state = json.loads(path.read_text())

def keep():
    path.write_text(json.dumps(state))

def end(code, out="", err=""):
    keep()
    print(out, end="")
    print(err, end="", file=sys.stderr)
    sys.exit(code)

line = " ".join(arguments)
for words, (code, err) in state["faults"].items():
    if words in tool + " " + line:
        end(code, err=err)
"""


class Programs:
    """Stand-ins on PATH, what they were asked, and the state they answer from."""

    def __init__(self, folder: Path, state: dict[str, Any], programs: dict[str, str]) -> None:
        self.folder, self.state = folder, state
        (folder / "bin").mkdir(parents=True)
        self.keep()
        begin = BEGIN.format(start=START, folder=str(folder))
        for tool, text in programs.items():
            program = folder / "bin" / tool
            program.write_text(begin + text, encoding="utf-8")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def keep(self, **changes: Any) -> None:
        path = self.folder / "state.json"
        if path.exists():
            self.state = json.loads(path.read_text(encoding="utf-8"))
        self.state |= changes
        path.write_text(json.dumps(self.state), encoding="utf-8")

    def asked(self) -> list[str]:
        path = self.folder / "log"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines
