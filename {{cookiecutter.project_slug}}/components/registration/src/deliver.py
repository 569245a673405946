"""Delivery: the predictions go where they are wanted, whole or not at all, and replace nothing unasked."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pyarrow.csv import CSVWriter
from typer import Option

from shared.masking import masked
from shared.metadata import write_metadata
from shared.objects import BUCKETS, Bucket, Taken
from shared.sources import at_address
from shared.step import StepError, path_of, run, sweep, write_text, writing
from shared.tables import batches, rows_of, schema_of

ENDINGS = (".parquet", ".csv")


def main(
    predictions: Annotated[Path, Option(help="Parquet table of the predictions.")],
    delivered: Annotated[Path, Option(help="How many rows were delivered, to write.")],
    note: Annotated[Path, Option(help="What was delivered, in Markdown, to write.")],
    destination: Annotated[
        str, Option(help="Path or URI of a Parquet or CSV file; without one, nothing is done.")
    ] = "",
    overwrite: Annotated[Literal["true", "false"], Option(help="Whether to replace what is there.")] = "false",
    executor_input: Annotated[str, Option(help="KFP's description of the task.")] = "",
) -> None:
    rows, done = 0, "nothing is delivered, as no destination is given: the predictions are in the run alone"
    if destination:
        if not destination.lower().endswith(ENDINGS):
            raise StepError(
                f"destination {masked(destination)!r} ends in neither {' nor '.join(ENDINGS)}. Name such a file."
            )
        with destined(destination, overwrite == "true") as path:
            write(predictions, path, destination.lower().endswith(".csv"))
        rows = rows_of(predictions)
        done = f"{rows} rows are delivered to {masked(destination)}"
    write_text(delivered, str(rows))
    write_text(note, f"{done[0].upper()}{done[1:]}.\n")
    write_metadata(executor_input, {"note": {"said": done}})
    print(done)


@contextmanager
def destined(destination: str, overwrite: bool) -> Iterator[Path]:
    """A file to write, which becomes the destination at the end, and nothing where something goes wrong."""
    if urlsplit(destination).scheme in BUCKETS:
        place, _, name = destination.rpartition("/")
        bucket = Bucket(place, f"destination {masked(destination)!r}")
        if not overwrite and bucket.has(name):
            raise there_is(destination)
        with tempfile.TemporaryDirectory() as folder:
            yield (file := Path(folder, "table"))
            try:
                bucket.write(name, file, overwrite)
            except Taken:  # which has come there meanwhile
                raise there_is(destination) from None
        return
    if "://" in destination:
        with tempfile.TemporaryDirectory() as folder, at_address(destination, "write destination") as (system, path):
            if system.exists(path) and not overwrite:
                raise there_is(destination)
            yield (file := Path(folder, "table"))
            system.put(str(file), path)
        return
    target = path_of(destination, "destination")
    try:
        if target.is_dir():
            raise StepError(f"destination {destination!r} is a folder. Name a file in it.")
        if target.exists() and not overwrite:
            raise there_is(destination)
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target)
        try:
            with writing(target, replace=overwrite) as temporary:
                yield temporary
        except FileExistsError:  # which has come there meanwhile
            raise there_is(destination) from None
    except OSError as problem:
        said = os.strerror(problem.errno) if problem.errno else problem  # what pyarrow says is about its temporary file
        raise StepError(f"destination {destination!r} cannot be written: {said}. Mend that.") from problem


def there_is(destination: str) -> StepError:
    return StepError(f"destination {masked(destination)!r} exists. Name another one, or give overwrite=true.")


def write(predictions: Path, path: Path, as_csv: bool) -> None:
    if not as_csv:
        shutil.copyfile(predictions, path)
        return
    with CSVWriter(str(path), schema_of(predictions)) as writer:
        for batch in batches(predictions):
            writer.write_batch(batch)


if __name__ == "__main__":
    run(main)
