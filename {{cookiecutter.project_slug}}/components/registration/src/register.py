"""Registration: the new model is kept as a version, and becomes the champion where the gate said so."""

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Option

from shared.metadata import read_metadata, read_metrics, run_of, write_metadata
from shared.model_store import store_at
from shared.model_versions import CARD, MODEL, PROFILE, SCHEMA, Changed, Store, Version, sha256
from shared.profile import profile_of
from shared.step import StepError, run, write_text
from shared.tables import predicted, schema_of
from shared.webhook import tell

LOOKED_AT = 20  # versions: the newest ones, among which the same model may be


def main(
    model: Annotated[Path, Option(help="Model to keep, in skops format.")],
    model_card: Annotated[Path, Option(help="Its card.")],
    schema: Annotated[Path, Option(help="The schema of tables that it takes.")],
    train: Annotated[Path, Option(help="Parquet table of the rows that it learnt from.")],
    predictions: Annotated[Path, Option(help="Parquet table of the test rows with its predictions.")],
    metrics: Annotated[Path, Option(help="Its metrics on them.")],
    target: Annotated[str, Option(help="Column that it predicts.")],
    decision: Annotated[Literal["promote", "keep", "wait"], Option(help="What the gate said.")],
    version: Annotated[Path, Option(help="Number of the version to write; 0 if it is not kept.")],
    note: Annotated[Path, Option(help="What was done, in Markdown, to write.")],
    problem_type: Annotated[Literal["classification", "regression"], Option(help="What it is.")] = "classification",
    reason: Annotated[str, Option(help="Why the gate said so.")] = "",
    champion_version: Annotated[int, Option(help="The version that it was held against; 0 if there was none.")] = 0,
    models: Annotated[str, Option(help="The model store; without one, nothing is kept.")] = "",
    models_fingerprint: Annotated[str, Option(help="Changes when the champion does.")] = "",
    data: Annotated[str, Option(help="Fingerprint of the data.")] = "",
    code: Annotated[str, Option(help="Commit and images, as JSON.")] = "{}",
    executor_input: Annotated[str, Option(help="KFP's description of the task.")] = "",
) -> None:
    told = link = ""
    if not models:
        done, number = "no model store is set, so the model is not kept: models in invoke.yaml", 0
    else:
        store = store_at(models)
        about = {
            "target": target,
            "problem_type": problem_type,
            "run": run_of(executor_input, "note"),
            "data": data,
            "metrics": read_metrics(metrics),
            "code": json.loads(code or "{}"),
            **{name: read_metadata(executor_input, "model").get(name, {}) for name in ("parameters", "packages")},
        }
        kept, new = keep(store, {MODEL: model, CARD: model_card, SCHEMA: schema}, about, train, predictions)
        number, link = kept.number, store.link(kept)
        done = f"version {number} is kept" if new else f"the same model is version {number} already"
        event, came = outcome(store, kept, decision, reason, champion_version, models_fingerprint)
        done += f"; {came}"
        if event == "promoted" or (event and new):
            told = tell(event, about["run"], f"{done}. Look at it: inv models.show {number}")
    write_text(version, str(number))
    title = f"Version {number}" if number else "Not kept"
    more = [f"[{title} in MLflow]({link})"] if link else []
    more += [f"{told[0].upper()}{told[1:]}"] if told else []
    write_text(note, "\n\n".join([f"# {title}", f"{done[0].upper()}{done[1:]}.", *more]) + "\n")
    about_note = {"version": number, "said": done} | ({"mlflow": link} if link else {})
    write_metadata(executor_input, {"note": about_note})
    print(done)


def keep(
    store: Store, files: dict[str, Path], about: dict[str, Any], train: Path, predictions: Path
) -> tuple[Version, bool]:
    """The version of a model, and whether it is a new one; one that is kept already is not kept again."""
    digest = sha256(files[MODEL])
    for number in reversed(store.numbers()[-LOOKED_AT:]):
        with suppress(StepError):  # one that cannot be read says nothing of this model
            if (found := store.version(number)).digest == digest:
                return found, False
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder, PROFILE)
        write_text(profile, json.dumps(reference(train, predictions, about)))
        return store.add({**files, PROFILE: profile}, about), True


def reference(train: Path, predictions: Path, about: dict[str, Any]) -> dict[str, Any]:
    """What new data are held against: the columns of the rows it learnt from, and how it did on the test rows."""
    said = profile_of(predictions, only=predicted(schema_of(predictions).names))
    return {**profile_of(train, about["target"]), "predictions": said["columns"], "metrics": about["metrics"]}


def outcome(store: Store, version: Version, decision: str, reason: str, rival: int, seen: str) -> tuple[str, str]:
    """Do what the gate said: what happened (refused, waiting, promoted, or nothing new), and a sentence on it."""
    if decision == "keep":
        return "refused", f"the champion stays: {reason}"
    if decision == "wait":
        return "waiting", f"it waits for inv models.promote {version.number}: {reason}"
    if store.used() == version.number:
        return "", "it is the champion"
    try:
        store.promote(version, version.run, instead=rival, seen=seen)
    except Changed as problem:
        return "waiting", f"it waits for inv models.promote {version.number}: {problem}"
    return "promoted", f"it is the champion now: {reason if rival else 'there was none'}"


if __name__ == "__main__":
    run(main)
