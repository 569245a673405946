"""A terminal with a command in it."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyte


class Terminal:
    """A terminal of some size with a command in it: what its screen showed, and every byte it was sent."""

    def __init__(self, command: list[str], cwd: Path, rows: int = 24, columns: int = 100, **environment: str) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self.raw, self.screens = b"", list[str]()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        env = {**os.environ, "TERM": "xterm", **environment}
        self.process = subprocess.Popen(command, cwd=cwd, stdin=side, stdout=side, stderr=side, env=env)
        os.close(side)

    def shown(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display if line.strip())

    def watch(self, until: Callable[[str], object] = lambda screen: False) -> str:
        """Follow the screen until it shows what is waited for, or else to the end; return what it shows then."""
        end = time.monotonic() + 90
        while time.monotonic() < end:
            if select.select([self._main], [], [], 0.1)[0]:
                try:
                    part = os.read(self._main, 65536)
                except OSError:
                    part = b""
                if not part:
                    self.process.wait()
                    break
                self.raw += part
                self._stream.feed(part)
                self.screens.append(self.shown())
                if until(self.shown()):
                    return self.shown()
        return self.shown()


def invoke(project: Path, *arguments: str, **options: object) -> Terminal:
    return Terminal([sys.executable, "-m", "invoke", *arguments], project, **options)  # type: ignore[arg-type]
