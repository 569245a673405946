"""The page README.md: the table of figures at its top, from the results; what stands below it is left alone."""

from pathlib import Path

from figures import Figure
from peers import PACKAGES
from promises import PROMISES
from results import Result

README = Path(__file__).with_name("README.md")
HEAD = """\
# Benchmarks

`make bench` measures these in one run, writes this page, and fails where a promise is broken. A figure is the median of
its samples, the spread is from the least to the most of them, and a ratio is of two things that were measured in turn.
The load is how many cores others kept busy meanwhile; what the Docker engine does is in it.
"""
NOTES = f"""\
The peers are {", ".join(PACKAGES.values()).replace("==", " ")}. kedro runs the functions of the five programs as
nodes in one process, kfp.local as Python components of a process each, and dvc their command lines. Each finds its
bytecode compiled and the project made; kfp.local and dvc keep a cache, as `inv run` does. The threads of all wait
passively, which `inv run` alone sees to by itself. `inv run` does more than the others: it looks for a champion,
judges, registers the model, and writes a record and a page. A trivial step of kedro is a function, of kfp.local a
Python component, and else a process. The plain script of scoring reads, predicts and writes; `inv run scoring` also
validates and looks for drift.
"""


def broken(figure: Figure) -> bool:
    bound = PROMISES[figure.key].bound
    return figure.value is not None and bound is not None and figure.value > bound


def row(figure: Figure) -> str:
    """The figure in words, with what was promised, the spread, the samples and the load."""
    said = [measured(figure)]
    if promised := PROMISES[figure.key].text():
        said.append(promised)
    if len(figure.samples) > 1:
        said.append(f"{spread(figure)} in {len(figure.samples)} samples")
    if figure.load is not None:
        said.append(f"load {figure.load:.1f}")
    return "; ".join(said)


def measured(figure: Figure) -> str:
    if figure.value is None:
        return f"not measured: {figure.detail}"
    unit = PROMISES[figure.key].unit
    said = f"{number(figure.value, unit)}{'' if unit == 'x' else ' '}{unit}".strip()
    return f"{said} ({figure.detail})" if figure.detail else said


def spread(figure: Figure) -> str:
    unit = PROMISES[figure.key].unit
    return f"{number(min(figure.samples), unit)} to {number(max(figure.samples), unit)}"


def number(value: float, unit: str) -> str:
    if unit == "x" or (unit in ("s", "ms") and value < 10):
        return f"{value:.2f}"
    return f"{value:,.1f}" if unit in ("s", "ms", "KiB") else f"{value:,.0f}"


def write_page(results: dict[str, Result]) -> None:
    figures = {figure.key: figure for result in results.values() for figure in result.figures}
    text = [
        HEAD,
        _when(results),
        _verdict([figures[key] for key in PROMISES if PROMISES[key].bound is not None]),
        "",
        "| what | promised | measured | spread | samples | load |",
    ]
    text += ["|---|---|---|---|---|---|", *(_line(figures[key]) for key in PROMISES), "", NOTES]
    apart = README.read_text(encoding="utf-8").partition("\n## ")  # what code does not measure
    README.write_text("\n".join(text).rstrip("\n") + "\n" + "".join(apart[1:]), encoding="utf-8")


def _line(figure: Figure) -> str:
    promise = PROMISES[figure.key]
    several = len(figure.samples) > 1
    cells = [
        promise.what,
        promise.text(),
        f"**{measured(figure)}: over**" if broken(figure) else measured(figure),
        spread(figure) if several else "",
        str(len(figure.samples)) if figure.samples else "",
        "" if figure.load is None else f"{figure.load:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _when(results: dict[str, Result]) -> str:
    """When and where: once, where that is the same for all parts."""
    found: dict[str, list[str]] = {}
    for part, result in results.items():
        found.setdefault(f"{result.date}, {result.machine}", []).append(part)
    if len(found) == 1:
        return f"Last: {next(iter(found))}."
    return "Last: " + "; ".join(f"{when}: {', '.join(parts)}" for when, parts in found.items()) + "."


def _verdict(promised: list[Figure]) -> str:
    missing = sum(figure.value is None for figure in promised)
    failing = sum(map(broken, promised))
    said = f"{failing} {'is' if failing == 1 else 'are'} broken" if failing else "every one that was measured holds"
    return f"Of {len(promised)} promises {said}{f', and {missing} were not measured' if missing else ''}."
