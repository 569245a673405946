"""Measures what the template promises of speed, memory and size, in one run, and writes the page README.md.

    python benchmarks/run.py [PART ...]      # all parts, or these
    python benchmarks/run.py --missing       # those of which no result is kept

The parts are first-run, demo, rerun, peers, executor, size, memory, million, adopting, scoring, images, imports. What
each found is kept in build/bench/PART.json, and the page is written from these once there is one of every part; so are
tables of 2.7 GB there, and the environments of the peers in build/peers. A promise that does not hold is named,
and the exit code is then 1; so it is where a part failed. What cannot be measured here (`images` needs a Docker engine
with buildx and a registry on localhost:5001, `demo` and the first time `peers` an index of packages) is named with the
reason, and breaks no promise. For Linux and macOS.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import container_images
import executor
import first_run
import imports
import many_rows
import peers
import rerun
import size
from figures import Figure, skipped
from measuring import FailedError, SkippedError
from page import broken, row, write_page
from promises import PROMISES
from results import Result, keep, kept

PARTS: dict[str, Callable[[Path], list[Figure]]] = {
    "first-run": first_run.by_hand,
    "demo": first_run.demo,
    "rerun": rerun.rerun,
    "peers": peers.peers,
    "executor": executor.costs,
    "size": size.size,
    "memory": many_rows.memory,
    "million": many_rows.million,
    "adopting": many_rows.adopting,
    "scoring": many_rows.scoring,
    "images": container_images.images,
    "imports": imports.imports,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; none: all")
    parser.add_argument("--missing", action="store_true", help="measure only parts of which no result is kept")
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - PARTS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # for all alike
    names = chosen.parts or list(PARTS)
    failed = [name for name in names if not (chosen.missing and kept(name)) and not measured(name)]
    results = {name: result for name in PARTS if (result := kept(name))}
    if absent := PARTS.keys() - results.keys():
        print(f"the page is not written: of {', '.join(sorted(absent))} there is no result yet")
    else:
        write_page(results)
    figures = [figure for name in names if name in results for figure in results[name].figures]
    ending = [f"failed: {name}" for name in failed]
    ending += [
        f"broken: {PROMISES[figure.key].part}: {PROMISES[figure.key].what}: {row(figure)}"
        for figure in figures
        if broken(figure)
    ]
    skips = {
        f"not measured: {PROMISES[figure.key].part}: {figure.detail}" for figure in figures if figure.value is None
    }
    for line in [*sorted(skips), *ending]:
        print(line, file=sys.stderr, flush=True)
    sys.exit(1 if ending else 0)


def measured(name: str) -> bool:
    """Measure a part, show and keep what it found. False where it failed; an earlier result is then dropped."""
    print(f"{name} ...", flush=True)
    start = time.monotonic()
    wanted = [key for key, promise in PROMISES.items() if promise.part == name]
    keep(name, None)
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            figures = PARTS[name](Path(folder))
    except SkippedError as problem:
        figures = [skipped(key, str(problem)) for key in wanted]
    except (FailedError, subprocess.CalledProcessError) as problem:
        print(problem, getattr(problem, "stderr", None) or "", file=sys.stderr, flush=True)
        return False
    if {figure.key for figure in figures} != set(wanted):
        raise SystemExit(f"{name} measured {[figure.key for figure in figures]}, and promises.py has {wanted} of it")
    keep(name, Result.of(figures))
    print(*(f"  {PROMISES[figure.key].what}: {row(figure)}" for figure in figures), sep="\n", flush=True)
    print(f"  ({time.monotonic() - start:.0f} s)", flush=True)
    return True


if __name__ == "__main__":
    main()
