"""Drift: is a table distributed as the one that a model has learnt from, and are the predictions still right?"""

import json
import math
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Option

from differences import Difference, Thresholds, compare, decide
from page import page
from rightness import Rightness, rightness, worse
from shared.metadata import run_of, write_metadata, write_metrics
from shared.profile import VERSION, profile_of
from shared.step import StepError, run, write_text
from shared.tables import identity, rows_of, schema_of
from shared.webhook import tell


@dataclass
class Found:
    """What a comparison came to."""

    differences: list[Difference] = field(default_factory=list)  # of the columns, the worst first
    predictions: list[Difference] = field(default_factory=list)
    metrics: dict[str, tuple[float, float | None]] = field(default_factory=dict)  # before and now
    reasons: list[str] = field(default_factory=list)  # a sentence for each thing that has drifted
    notes: list[str] = field(default_factory=list)


def main(
    table: Annotated[Path, Option(help="Parquet table of new rows, with their predictions where there are any.")],
    profile: Annotated[Path, Option(help="Profile of the reference, in JSON; an empty file: there is none.")],
    metrics: Annotated[Path, Option(help="Metrics to write.")],
    report: Annotated[Path, Option(help="HTML report to write.")],
    drifted: Annotated[Path, Option(help="true or false, to write.")],
    target: Annotated[str, Option(help="Column that is predicted; the table may lack it.")] = "",
    problem_type: Annotated[Literal["classification", "regression"], Option(help="What it is.")] = "classification",
    thresholds: Annotated[str, Option(help="What is drift, and whether it ends the run, as JSON.")] = "{}",
    executor_input: Annotated[str, Option(help="KFP's description of the task.")] = "",
) -> None:
    given, reference = thresholds_of(thresholds), reference_of(profile)
    if not rows_of(table):
        raise StepError("the table has no rows, and nothing can be said of it. Give one with rows.")
    found = differences(table, reference, target, problem_type, given) if reference else Found()
    columns = [each for each in found.differences if each.reasons]
    scores: dict[str, Any] = {}
    if reference:
        scores["drifted_columns"] = len(columns)
        scores["drifted_share"] = len(columns) / max(len(found.differences), 1)
        scores["largest_psi"] = max((each.psi for each in found.differences), default=0.0)
    write_metrics(metrics, scores)
    write_text(report, page(rows_of(table), reference, found, given))
    write_text(drifted, "true" if found.reasons else "false")
    if scores.get("largest_psi"):
        scores["largest_psi_column"] = max(found.differences, key=lambda each: each.psi).name
    said = found.reasons or ["no drift" if reference else "there is no reference yet: nothing was compared"]
    print(f"{rows_of(table)} rows:", *said, *found.notes, sep="\n")
    more = f"; and {len(found.reasons) - 3} more" if len(found.reasons) > 3 else ""
    whole = f"the data have drifted: {'; '.join(found.reasons[:3])}{more}"
    told = tell("drift", run_of(executor_input, "report"), f"{whole}. See the report.") if found.reasons else ""
    about = (
        {"rows": rows_of(table)}
        | ({"told": told} if told else {})
        | ({"said": in_short(found)} if found.reasons else {})
    )
    write_metadata(executor_input, {"metrics": scores, "report": about})
    if found.reasons and given.action == "end":
        raise StepError(
            f"{whole}. See the report; then correct the source, train anew, or set action: warn under drift."
        )


def in_short(found: Found) -> str:
    """What has drifted, without the reasons."""
    columns = [repr(each.name) for each in found.differences if each.reasons]
    predictions = len([each for each in found.predictions if each.reasons])
    what = [f"column{'s' * (len(columns) > 1)} {', '.join(columns[:3])}"] if columns else []
    what += [f"{len(columns) - 3} more"] if len(columns) > 3 else []
    what += ["the predictions"] if predictions else []
    what += ["how right the model is"] if len(found.reasons) > len(columns) + predictions else []
    return f"the data have drifted: {' and '.join(what)}; why, says the report of drift"


def thresholds_of(text: str) -> Thresholds:
    """The thresholds in a JSON text. Raises StepError for what it cannot say."""
    try:
        said = json.loads(text or "{}")
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise StepError(f'thresholds are {text!r}. Give a JSON object such as {{"psi": 0.2}}.')
    known = asdict(Thresholds())
    for name, value in said.items():
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"They are {', '.join(known)}."
            raise StepError(f"thresholds have no {name!r}. {hint}")
        if name == "action":
            if value not in ("warn", "end"):
                raise StepError(f"thresholds: action is {value!r}. Give warn or end.")
        elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise StepError(f"thresholds: {name} is {value!r}. Give a number from 0 on.")
    return Thresholds(**said)


def reference_of(path: Path) -> dict[str, Any]:
    """The profile in a file; empty where the file is, or is not there."""
    text = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    try:
        found = json.loads(text or "{}")
        if found and found["version"] != VERSION:
            raise StepError(f"the profile is of version {found['version']}, and {VERSION} is known. Train anew.")
        if found and not isinstance(found["columns"], dict):
            raise TypeError
    except (ValueError, TypeError, KeyError):
        raise StepError("the profile is not one that a training has written. Train anew.") from None
    return dict(found)


def differences(table: Path, reference: dict[str, Any], target: str, problem_type: str, given: Thresholds) -> Found:
    """The table against the reference: each column, the predictions, and how right they are."""
    found, names = Found(), schema_of(table).names
    before, said = reference["columns"], reference.get("predictions") or {}
    columns = {of: own for of in ("prediction", "probability") if (own := added_column(of, names, before))}
    expected = {of: entry for of in columns if (entry := of_prediction(said, of))}
    like = {**before, **{columns[of]: entry for of, entry in expected.items()}}
    now = profile_of(table, only=list(like), like=like)["columns"]
    found.differences = [compare(name, before[name], now[name], given) for name in before if name in now]
    found.predictions = [compare(columns[of], entry, now[columns[of]], given) for of, entry in expected.items()]
    if not expected and "prediction" in columns and target in before:
        found.notes.append("the reference holds no predictions, so those of this table are held against nothing")
    right = Rightness()
    if target in names and "prediction" in columns:
        right = rightness(table, target, columns["prediction"], problem_type)
    scored, rows = reference.get("metrics") or {}, max((each["rows"] for each in expected.values()), default=0)
    found.metrics = {name: (value, scored.get(name)) for name, value in right.metrics().items()}
    others = worse(scored, rows or reference["rows"], right, given.worse)
    found.reasons = decide([*found.differences, *found.predictions], others, given)
    for name in before:
        if name not in now and name != target:
            found.differences.insert(
                0, Difference(name, before[name]["kind"], before[name], {}, reasons=["it is gone"])
            )
    new = [name for name in names if name not in before and name not in (*columns.values(), *identity(names))]
    found.notes += [f"column {name!r} is new, and held against nothing" for name in new if name != target]
    found.differences.sort(key=lambda each: (not each.reasons, -each.psi))
    for kind, each in [("prediction", part) for part in found.predictions] + [("", part) for part in found.differences]:
        where = f"the {kind}s in column {each.name!r}" if kind else f"column {each.name!r}"
        found.reasons += [f"{where}: {'; '.join(each.reasons)}"] if each.reasons else []
        found.notes += [f"{where}: {note}" for note in each.notes if each.kind == "category"]
    return found


def added_column(name: str, names: list[str], before: dict[str, Any]) -> str:
    """The column that the prediction step added under `name`, or under another name where that was taken."""
    here = [each for each in names if each not in before and each.endswith(name)]
    return max((each for each in here if not each.removesuffix(name).replace("model_", "")), key=len, default="")


def of_prediction(said: dict[str, Any], name: str) -> dict[str, Any]:
    """The entry of the predictions in what a profile says of them."""
    said = said.get("columns", said)
    return next((entry for each, entry in said.items() if each.endswith(name)), {}) if "kind" not in said else said


if __name__ == "__main__":
    run(main)
