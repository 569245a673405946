"""Champion: the version in use, fetched from the model store."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from shared.metadata import write_metadata
from shared.model_store import store_at
from shared.model_versions import MODEL, PROFILE, SCHEMA, Store, Unreadable, Version, sha256
from shared.step import StepError, given, run, write_text


def main(
    model: Annotated[Path, Option(help="Model to write; empty if there is none.")],
    schema: Annotated[Path, Option(help="Schema of the tables that it takes, to write.")],
    profile: Annotated[Path, Option(help="Profile of the rows that it learnt from, to write.")],
    version: Annotated[Path, Option(help="Its number to write; 0 if there is none, -1 if it cannot be used.")],
    target: Annotated[Path, Option(help="Column that it predicts, to write.")],
    problem_type: Annotated[Path, Option(help="What that is, to write.")],
    models: Annotated[str, Option(help="The model store.")] = "",
    models_fingerprint: Annotated[str, Option(help="Changes when the champion does.")] = "",
    candidate: Annotated[Path | None, Option(help="Model that is to be held against the champion.")] = None,
    required: Annotated[Literal["true", "false"], Option(help="Whether to fail where there is none.")] = "false",
    executor_input: Annotated[str, Option(help="KFP's description of the task.")] = "",
) -> None:
    if required == "true" and not models:
        raise StepError("no model store is set. Set models in invoke.yaml, and train: inv run")
    store = store_at(models) if models else None
    files, none = {MODEL: model, SCHEMA: schema, PROFILE: profile}, 0
    try:
        found = rival(store, given(candidate)) if store else None
        for name, path in files.items():
            if store and found:
                store.fetch(found, name, path)
    except Unreadable as problem:
        if required == "true":
            raise
        print(problem)  # a new model is kept all the same, and a person decides
        found, none = None, -1
    if required == "true" and not found:
        raise StepError(f"the model store {models!r} {missing(store)}")
    for path in [] if found else files.values():
        write_text(path, "")
    write_text(version, str(found.number if found else none))
    write_text(target, found.target if found else "")
    write_text(problem_type, found.problem_type if found else "")
    described = {"version": found.number, "run": found.run, "made": found.made, **found.metrics} if found else {}
    write_metadata(executor_input, {"model": described})
    if not none:
        print(f"version {found.number} of {found.made[:16]}, of run {found.run}" if found else "there is no champion")


def missing(store: Store | None) -> str:
    """What a store lacks that has no champion, and what to do."""
    if store and store.numbers():
        return "has no champion. Choose one, inv models.promote VERSION, or train one: inv run"
    return "has no version, or none any more. Train one: inv run"


def rival(store: Store, candidate: Path | None) -> Version | None:
    """The champion; and where the candidate is that itself, the one before it, which it was held against before."""
    found = store.champion()
    if candidate and found and found.digest == sha256(candidate):
        before = store.changes()[:-1]
        try:
            return store.version(before[-1].version) if before and not before[-1].unreadable else None
        except StepError as problem:  # which decides nothing: the candidate is in use already
            print(problem)
            return None
    return found


if __name__ == "__main__":
    run(main)
