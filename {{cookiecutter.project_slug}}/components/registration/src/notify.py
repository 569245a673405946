"""Notification: comes after everything else, and tells of a run that has failed."""

import json
from pathlib import Path
from typing import Annotated

from typer import Option

from shared.metadata import run_of, write_metadata
from shared.step import run, write_text
from shared.webhook import tell


def main(
    status: Annotated[str, Option(help="How all before it ended, in JSON, as KFP tells its exit handlers.")],
    note: Annotated[Path, Option(help="What was told, in Markdown, to write.")],
    executor_input: Annotated[str, Option(help="KFP's description of the task.")] = "",
) -> None:
    name = run_of(executor_input, "note")
    said = "the run has not failed: there is nothing to tell"
    if json.loads(status)["state"] == "FAILED":
        said = tell("failed", name, f"a run has failed. Look at it: inv runs.show {name}")
        said = said or "the run has failed, and notify in invoke.yaml names nobody to tell"
    else:
        print(said)
    write_text(note, f"# Notification\n\n{said[0].upper()}{said[1:]}\n")
    write_metadata(executor_input, {"note": {"told": said}})


if __name__ == "__main__":
    run(main)
