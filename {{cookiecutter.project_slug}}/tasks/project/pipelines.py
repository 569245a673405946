"""Which pipelines `pipeline.py` has: `pipeline`, and what else carries `@dsl.pipeline` there and has a public name."""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from ..files import ROOT
from ..terminal import fail, near
from .replacing import replaced
from .settings import NAME, Settings

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PlatformSpec

FIRST = "pipeline"
TEXT = 3  # among the types of parameters


@dataclass(frozen=True)
class Compiled:
    """A compiled pipeline: its `name` in pipeline.py, its `title` on servers and in records, and what it is."""

    name: str
    title: str
    spec: "PipelineSpec"
    platform: "PlatformSpec"

    @property
    def path(self) -> Path:
        """Where `inv compile` writes it. No component can be called as it is, whose files lie beside it."""
        return ROOT / "build" / ("pipeline.yaml" if self.name == FIRST else f"pipeline.{self.name}.yaml")

    @property
    def types(self) -> dict[str, int]:
        """The types of its parameters, by their names."""
        return types_of(self.spec)


class Broken:
    """What stands in pipeline.py for a pipeline that cannot be compiled; whoever calls it gets its error."""

    def __init__(self, pipeline_func: Callable[..., Any], error: Exception) -> None:
        self.pipeline_func = pipeline_func
        self.error = error

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        raise self.error


@contextlib.contextmanager
def each_on_its_own() -> Iterator[None]:
    """While it lasts, a pipeline that cannot be compiled does not keep the others from being so."""
    from kfp.dsl import component_factory as factory

    make = factory.create_graph_component_from_func

    def made(func: Callable[..., Any], *others: Any, **named: Any) -> Any:
        try:
            return make(func, *others, **named)
        except Exception as error:
            return Broken(func, error)

    with replaced(factory, create_graph_component_from_func=made):
        yield


def public_pipelines(module: ModuleType) -> dict[str, Any]:
    """The pipelines of `pipeline.py` by their names, `pipeline` first; `Broken` is what cannot be compiled.

    Not among them: one that is imported, has a name with an underscore in front, or takes an artifact, which no run can
    be given, so that it is but a part of others. Raises `Exit` where there is none.
    """
    from kfp.dsl.base_component import BaseComponent
    from kfp.dsl.graph_component import GraphComponent

    first = getattr(module, FIRST, None)
    found: dict[str, Any] = {FIRST: first} if isinstance(first, BaseComponent | Broken) else {}
    for name, each in vars(module).items():
        own = isinstance(each, GraphComponent | Broken) and each.pipeline_func.__module__ == module.__name__
        if own and not name.startswith("_") and each not in found.values() and not _takes_artifact(each):
            found[name] = each
    if not found:
        raise fail("pipeline.py defines no function `pipeline` with the @dsl.pipeline decorator.")
    return found


def _takes_artifact(pipeline: Any) -> bool:
    if isinstance(pipeline, Broken):
        return False
    taken = pipeline.pipeline_spec.root.input_definitions.artifacts.values()
    return any(not each.is_optional for each in taken)


def parameters_of(pipeline: Any) -> dict[str, int]:
    """The types of the parameters of a pipeline in pipeline.py; of one that cannot be compiled, texts by its names."""
    if isinstance(pipeline, Broken):
        return dict.fromkeys(inspect.signature(pipeline.pipeline_func).parameters, TEXT)
    return types_of(pipeline.pipeline_spec)


def types_of(spec: "PipelineSpec") -> dict[str, int]:
    """The types of a pipeline's parameters, by their names."""
    known = spec.root.input_definitions.parameters
    return {name: known[name].parameter_type for name in known}


def check_name(name: str, known: list[str], where: str = "pipeline.py") -> None:
    """Raises `Exit` for a pipeline that there is none of, with the nearest that there is."""
    if name not in known:
        raise fail(f"{where} has no pipeline '{name}'; there are: {', '.join(known)}.{near(name, known)}")


def title(name: str, config: Settings) -> str:
    """What a pipeline is called outside of the project: the first as the project, another with its name behind that.

    Raises `Exit` for a name that would not be the only one, or is none that a cluster takes.
    """
    if name == FIRST:
        return config.project
    found = f"{config.project}-{name.replace('_', '-')}"
    if not NAME.fullmatch(found):
        raise fail(
            f"pipeline.py: the pipeline '{name}' would be called '{found}' on a cluster: use lower-case letters, "
            "digits and underscores, at most 63 in all; put an underscore in front where only other pipelines call it."
        )
    return found


def name_of(found: str, project: str) -> str:
    """The name in pipeline.py of what is called so on a server: the way back from a title."""
    return found.removeprefix(f"{project}-").replace("-", "_") if found.startswith(f"{project}-") else FIRST
