"""A model store that has no versions, though runs have seen some in it: what is gone is not what never was."""

from ..project.settings import Settings
from ..runs.record import newest_first


def gone(config: Settings) -> str:
    """The end of a sentence about the version that a run here found or kept in the project's store; empty if none."""
    for run in newest_first():
        for step in run.steps:
            number = step.outputs.get("version")
            if isinstance(number, int) and number > 0 and step.inputs.get("models") == config.models:
                return (
                    f"any more: in run {run.id} it had version {number}. "
                    "Bring back what was deleted or moved, or train anew: inv run"
                )
    return ""
