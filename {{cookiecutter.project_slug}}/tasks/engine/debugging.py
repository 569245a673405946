"""Runs a Python program, and stops in pdb where it fails. A program of its own, `python debugging.py LOG COMMAND...`.

COMMAND is what comes after `python`: `-m MODULE ARGUMENT...`, or `FILE ARGUMENT...`. LOG gets the traceback.
"""

import pdb
import runpy
import signal
import sys
import traceback
from pathlib import Path


def main(log: str, *command: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which whoever started `inv` may have ignored
    module = command[0] == "-m"
    sys.argv[:] = command[1:] if module else command
    sys.path[0] = str(Path.cwd() if module else Path(command[0]).resolve().parent)
    try:
        if module:
            runpy.run_module(command[1], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(command[0], run_name="__main__")
    except (Exception, SystemExit) as error:
        # A step says a mistake in one line and leaves: it is what it left for that is looked at.
        cause = error.__context__ if isinstance(error, SystemExit) and error.code else error
        if cause is None or isinstance(cause, SystemExit):
            raise
        with Path(log).open("a", encoding="utf-8") as file:
            file.writelines(traceback.format_exception(cause))
        print(*traceback.format_exception_only(cause), "q ends; w shows where it is; p NAME shows a value", sep="")
        pdb.post_mortem(cause.__traceback__)
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
