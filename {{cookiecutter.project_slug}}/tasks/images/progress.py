"""What a build is at, from what BuildKit or Docker's older builder say of themselves."""

import base64
import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit

from ..files import ROOT, write
from ..terminal import Row, plain
from .build_inputs import Building

LOG = ROOT / "build" / "images.log"


def watched(command: list[str], cwd: Path, env: dict[str, str], line: Callable[[str], None], both: bool = False) -> int:
    """Run a command, hand on each line of its standard error (and output), and return its exit code."""
    output = subprocess.STDOUT if both else subprocess.PIPE
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if both else subprocess.DEVNULL,
        stderr=output,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    stream = process.stdout if both else process.stderr
    assert stream is not None
    try:
        for text in stream:
            line(text.rstrip("\n"))
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise Exit("stopped; run it again: what is done stays done.", code=130) from None


class Progress:
    """What a build says of itself, from BuildKit's JSON lines: what each image is at, and for an error what is not
    progress (`rest`) and the log of each step that failed (`failed`)."""

    def __init__(self, images: list[Building], verb: str) -> None:
        self.images, self.verb = images, verb
        self.started = time.monotonic()
        self._at = {image.name: Row(image.name) for image in images}
        self.rest: list[str] = []
        self.failed: dict[str, str] = {}
        self._logs: dict[str, str] = {}
        write(LOG, "")

    def rows(self) -> list[Row]:
        """The images, for a list that changes."""
        for row in self._at.values():
            if row.state == "building":
                row.seconds = time.monotonic() - self.started
        return list(self._at.values())

    def line(self, text: str) -> None:
        try:
            update = json.loads(text)
        except ValueError:
            update = None
        if not isinstance(update, dict):
            self.rest.append(text)
            self._log(text + "\n")
            return
        for entry in update.get("logs", []):
            said = base64.b64decode(entry["data"]).decode("utf-8", "replace")
            self._logs[entry["vertex"]] = self._logs.get(entry["vertex"], "") + said
            self._log(said)
        for vertex in update.get("vertexes", []):
            self._step(vertex)

    def _step(self, step: dict[str, Any]) -> None:
        instruction, ended = _instruction(step["name"]), "completed" in step
        target = re.match(r"\[([a-z0-9-]+)\b", step["name"])
        name = target[1] if target and target[1] in self._at else self.images[0].name
        if step.get("error"):
            self.failed[instruction] = self._logs.get(step["digest"], "")
            if "canceled" not in step["error"]:
                self._at[name].state, self._at[name].note = "failed", instruction
        elif instruction == "exporting to image" and ended:
            self.done(name)
        elif "started" in step and not ended and not step["name"].startswith("[internal]"):
            self._log(f"{step['name']}\n")
            if (target and target[1] in self._at) or len(self._at) == 1:
                self._at[name].state, self._at[name].note = "building", instruction

    def done(self, name: str) -> None:
        row = self._at[name]
        if row.state != self.verb:
            row.state, row.note, row.seconds = self.verb, "", time.monotonic() - self.started
            plain(f"  {name:<16}  {self.verb:<10}  {row.seconds:6.1f} s")

    def _log(self, text: str) -> None:
        with LOG.open("a", encoding="utf-8") as log:
            log.write(text)


def _instruction(vertex: str) -> str:
    """The instruction of a step's name, without its number and mounts."""
    found = re.sub(r"^\[[^]]*\]\s*", "", vertex)
    return " ".join(re.sub(r"--mount=\S+\s*", "", found).split())
