"""Waits for the end of `inv`, and becomes the keeper where that was killed.

Every run starts it beside its first step, so it imports next to nothing: what the keeper does is in a program of its
own, whose path is the first argument and which is given the others.
"""

import signal
import sys

for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
if sys.stdin.buffer.read() != b"done":
    import runpy

    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
