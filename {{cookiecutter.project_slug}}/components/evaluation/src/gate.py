"""The gate: whether a new model takes the champion's place, by the rules under `promotion` in invoke.yaml."""

import json
import math
from dataclasses import dataclass
from difflib import get_close_matches

from scores import ERRORS, METRICS, Comparison
from shared.step import StepError

PROMOTE, KEEP, WAIT = "promote", "keep", "wait"


@dataclass(frozen=True)
class Rules:
    """What a new model must be. `at_least` and `at_most` are of its metric, `better_by` is against the champion's."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    better_by: float = 0.0
    manual: bool = False


@dataclass(frozen=True)
class Decision:
    """`promote`, `keep` (the version is kept, the champion stays) or `wait` (for a person), and why."""

    what: str
    why: str


def rules_of(text: str, problem_type: str) -> Rules:
    """The rules from their JSON. Raises StepError where they cannot be meant."""
    try:
        given = json.loads(text or "{}")
    except ValueError as problem:
        raise StepError(f"promotion is not JSON: {problem}. Correct it.") from problem
    known = METRICS[problem_type]
    names = ("metric", "at_least", "at_most", "better_by", "manual")
    if not isinstance(given, dict) or not given.keys() <= set(names):
        wrong = next((str(name) for name in given if name not in names), text) if isinstance(given, dict) else text
        near = "".join(f" Did you mean {name!r}?" for name in get_close_matches(wrong, names, n=1))
        raise StepError(f"promotion takes {', '.join(names)}, not {wrong!r}.{near}")
    metric = given.get("metric") or known[0]
    if metric not in known:
        raise StepError(f"promotion: metric is {metric!r}. For {problem_type} there are: {', '.join(known)}.")
    for name in ("at_least", "at_most", "better_by"):
        value = given.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise StepError(f"promotion: {name} is {value!r}. Give a number.")
    if not isinstance(given.get("manual", False), bool):
        raise StepError(f"promotion: manual is {given['manual']!r}. Give true or false.")
    wrong, right = ("at_least", "at_most") if metric in ERRORS else ("at_most", "at_least")
    if wrong in given:
        what = "less" if metric in ERRORS else "more"
        raise StepError(f"promotion: {what} is better of {metric}, so {wrong} lets the worst through. Give {right}.")
    return Rules(**{**given, "metric": metric})


def decided(rules: Rules, value: float, champion: int, found: Comparison | None, why_not: str = "") -> Decision:
    """What is to be done with a model whose metric is `value`; `found` holds it against version `champion`, if any.

    `why_not` says why it could not be held against that.
    """
    metric, limit = rules.metric, rules.at_most if rules.metric in ERRORS else rules.at_least
    if limit is not None and not (value <= limit if metric in ERRORS else value >= limit):
        word = "at most" if metric in ERRORS else "at least"
        return Decision(KEEP, f"its {metric} is {value:.4g}, and promotion wants {word} {limit:g}")
    if why_not:
        version = f"version {champion}" if champion > 0 else "the champion"
        return Decision(WAIT, f"it cannot be held against {version}: {why_not}")
    said = "there is no champion yet"
    if found:
        said = f"its {metric} is {found.first:.4g}, against {found.second:.4g} of version {champion}"
        if not found.gain >= rules.better_by:
            return Decision(KEEP, f"{said}; promotion wants it better by {rules.better_by:g}")
    return Decision(WAIT, f"{said}, and promotion is manual") if rules.manual else Decision(PROMOTE, said)
