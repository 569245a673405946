"""`inv lock`, `inv component.new` and `inv data.adopt`: what changes the project itself."""

from invoke.context import Context
from invoke.tasks import task

from ..files import ROOT
from ..terminal import fail, say


@task(help={"upgrade": "take the newest versions instead of keeping those in the locks"})
def lock(c: Context, upgrade: bool = False) -> None:
    """Renew all locks together, so that a library has one version everywhere."""
    from ..upkeep.locks import lock_all

    for path in lock_all(upgrade):
        say(str(path.relative_to(ROOT)))


@task(positional=["name"], help={"name": "lower-case letters, digits and dashes"})
def new(c: Context, name: str) -> None:
    """Make a new step: folder, lock, test, and the line to paste into pipeline.py."""
    from ..upkeep.new_component import new_component

    new_component(name, say)


@task(positional=["source"], help={"source": "a path or URI of CSV or Parquet", "target": "the column to predict"})
def adopt(c: Context, source: str, target: str = "") -> None:
    """Make the pipeline run on your table: infers schema.yaml and sets the defaults."""
    if not target:
        raise fail(f"which column is to be predicted? inv data.adopt {source} --target COLUMN")
    from ..data.adopt import adopt_table

    adopt_table(source, target, say)
