"""The gathering step's own work, for a table that is not the pipeline's yet."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import ROOT
from ..project.components import COMPONENTS, component_path
from ..project.places import at_home
from ..terminal import fail

if TYPE_CHECKING:
    from reading import Gathered


@dataclass
class Choices:
    """What a person says of the table, where it is to be understood otherwise than by itself."""

    problem_type: str = ""
    drop: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    missing: list[str] | None = None
    delimiter: str = ""
    decimal: str = ""
    encoding: str = ""

    def reading(self) -> str:
        """The part of it that the gathering step is told, as JSON."""
        said: dict[str, Any] = {"delimiter": self.delimiter.replace("\\t", "\t"), "decimal": self.decimal}
        said |= {"encoding": self.encoding, "missing": self.missing, "drop": self.drop}
        said["columns"] = dict.fromkeys(self.text, "text")
        return json.dumps(said)


def placed(source: str) -> str:
    """A source as the steps see it: a local path from the project's folder where it lies inside, else whole."""
    if "://" in source:
        return source
    path = Path(at_home(source, "the source")).resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def gathered(place: str, table: Path, choices: Choices) -> "Gathered":
    """Gather a source as the step does, after a look at all of it. Raises `Exit` with the step's own sentence."""
    with component_path(COMPONENTS / "gathering" / "src"):
        from gather import gather
        from reading import reading_of
        from shared.step import StepError

        try:
            source = place if "://" in place else str(ROOT / place)
            return gather(source, table, reading_of(choices.reading()), thorough=True)
        except StepError as problem:
            raise fail(" ".join(str(problem).split())) from None
