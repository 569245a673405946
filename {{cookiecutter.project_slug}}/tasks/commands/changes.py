"""`inv lock`, `inv component.new` and `inv data.adopt`: what changes the project itself."""

from invoke.context import Context
from invoke.tasks import task

from ..files import ROOT
from ..terminal import fail, say


@task(help={"upgrade": "take the newest versions instead of keeping those in the locks"})
def lock(c: Context, upgrade: bool = False) -> None:
    """Renew all locks together: one version everywhere."""
    from ..upkeep.locks import lock_all

    for path in lock_all(upgrade):
        say(str(path.relative_to(ROOT)))


@task(positional=["name"], help={"name": "lower-case letters, digits and dashes"})
def new(c: Context, name: str) -> None:
    """Make a new step, with lock and test.

    It shows the line to paste into pipeline.py.
    """
    from ..upkeep.new_component import new_component

    new_component(name, say)


@task(
    positional=["source"],
    iterable=["drop", "text", "missing"],
    help={
        "source": "a path, folder, glob or URI of CSV, Parquet, JSON lines or Excel",
        "target": "the column to predict",
        "classification": "predict classes, whatever the target looks like",
        "regression": "predict a quantity, whatever the target looks like",
        "drop": "a column to leave out; may be given several times",
        "text": "a column to read as text; may be given several times",
        "missing": "a word that means missing, instead of NA, N/A, null and their like; '' for none; several times",
        "delimiter": "what is between two values of CSV",
        "decimal": "the decimal sign of CSV: , or .",
        "encoding": "of CSV that is not UTF-8",
        "dry-run": "only tell how the table is understood",
    },
)
def adopt(
    c: Context,
    source: str,
    target: str = "",
    classification: bool = False,
    regression: bool = False,
    drop: list[str] = [],  # noqa: B006  invoke makes a new one
    text: list[str] = [],  # noqa: B006
    missing: list[str] = [],  # noqa: B006
    delimiter: str = "",
    decimal: str = "",
    encoding: str = "",
    dry_run: bool = False,
) -> None:
    """Make the pipeline learn from your table.

    It tells how the table is understood, writes schema.yaml and sets the defaults.
    """
    if not target:
        raise fail(f"which column is to be predicted? inv data.adopt {source} --target COLUMN")
    if classification and regression:
        raise fail("a target is predicted by --classification or by --regression. Leave one out.")
    from ..data.adopt import adopt_table
    from ..data.gathering import Choices

    kind = "classification" if classification else "regression" if regression else ""
    choices = Choices(kind, drop, text, missing or None, delimiter, decimal, encoding)
    adopt_table(source, target, choices, dry_run, say)
