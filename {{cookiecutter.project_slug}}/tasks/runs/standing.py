"""What a run came to in one number, what to hold that against, and what is new since the run before."""

from typing import NamedTuple

from .metrics import USUAL, best, headline, number
from .record import Run, folders, load

LOOKED_AT = 100  # runs before it, at most: a page is written at the end of each run
WORDS = {"guess": "a guess", "linear": "a linear model"}  # what training calls its baselines


class Beside(NamedTuple):
    """A number beside that of the run: `run` is the id of the run that it is of, if it is another."""

    name: str
    value: str
    run: str = ""


class Standing(NamedTuple):
    """A run's one number, the change since the run before, and what to hold it against."""

    name: str
    value: str
    change: str
    beside: list[Beside]


def runs_before(run: Run) -> list[Run]:
    """The finished runs of the same pipeline before this one, the newest first, without their steps."""
    names = sorted((path.name for path in folders() if path.name < run.id), reverse=True)
    found = [each for name in names[:LOOKED_AT] if (each := load(run.folder.with_name(name), with_steps=False))]
    return [each for each in found if each.pipeline == run.pipeline and each.status != "running"]


def standing(run: Run, before: list[Run], metric: str = "") -> Standing | None:
    """The number of a run: the metric that the settings name, or the usual one. None where it has none."""
    metric = number_of(run, metric)
    if not metric:
        return None
    alike = [each for each in before if metric in each.metrics and asked(each) == asked(run)]
    value = run.metrics[metric]
    change = value - alike[0].metrics[metric] if alike else 0
    beside = _validated(run, metric)
    top = best(metric, [each.metrics[metric] for each in alike] if len(alike) > 1 else [])
    if alike and not metric.startswith("drifted"):  # which says something of the data alone
        found_best = alike[min(top, default=0)]
        beside.append(Beside("the best run before", number(found_best.metrics[metric]), found_best.id))
    return Standing(metric, number(value), f"{change:+.3g}" if change else "", beside)


def sayings(run: Run) -> list[str]:
    """What steps say of the run as a whole, such as that its model is in use: `said` in an artifact's metadata."""
    artifacts = [output for step in run.steps for output in step.outputs.values() if isinstance(output, dict)]
    return [str(said) for each in artifacts if (said := (each.get("metadata") or {}).get("said"))]


def number_of(run: Run, metric: str = "") -> str:
    """The name of the metric that is a run's number: the one named, a usual one, or the first; "" where it has none."""
    found = [name for name in headline(run) if name in run.metrics]
    names = [metric] if metric in run.metrics else [name for name in USUAL if name in found]
    return next(iter([*names, *found]), "")


def asked(run: Run) -> object:
    """What a run's number is about: those of other pipelines, or that learn another column, are not to be compared."""
    return run.pipeline, run.parameters.get("target"), run.parameters.get("problem_type")


def _validated(run: Run, metric: str) -> list[Beside]:
    """The same metric by cross-validation, with the deviation between the folds, and what the baselines have of it."""
    name = f"cv_{metric}"
    if name not in run.metrics:
        return []
    spread = run.metrics.get(f"{name}_std")
    text = number(run.metrics[name]) + ("" if spread is None else f" ± {spread:.2g}")
    baselines = [(word, run.metrics.get(f"{name}_{key}")) for key, word in WORDS.items()]
    return [
        Beside("by cross-validation", text),
        *(Beside(word, number(value)) for word, value in baselines if value is not None),
    ]


def news(run: Run, before: Run) -> list[str]:
    """What differs from the run before: parameters, data, code and images, a short line each."""
    found = []
    for name in dict.fromkeys([*before.shown, *run.shown]):
        was, now = before.parameters.get(name), run.parameters.get(name)
        if was != now and name == "models_fingerprint":
            found.append("another champion")
        elif was != now and name.endswith("_fingerprint"):
            found.append(f"the data of {name.removesuffix('_fingerprint')} changed")
        elif was != now:
            found.append(f"{name}: {was!r} → {now!r}")
    changed = [name for name, image in run.images.items() if before.images.get(name, image) != image]
    if changed:
        found.append(f"changed code or packages: {', '.join(changed)}")
    added = [name for name in run.images if name not in before.images] if before.images else []
    gone = [name for name in before.images if name not in run.images] if run.images else []
    found += [f"new: {', '.join(added)}"] if added else []
    found += [f"gone: {', '.join(gone)}"] if gone else []
    if run.engine != before.engine:
        found.append(f"on {run.engine}, not on {before.engine}")
    if run.status != before.status:
        found.append(f"the run before {'was ' if before.status == 'stopped' else ''}{before.status}")
    return found
