"""A part of a compiled pipeline: until one of its steps, or from one of them on anew."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..terminal import fail, near

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

Path = list[tuple[Any, str]]  # a task, as the DAGs and the tasks that lead to it, the outermost first


def only(spec: "PipelineSpec", first: str, last: str) -> list[str]:
    """Let what comes from the step `first` on run anew, and leave out what is not needed until `last`, where given.

    Returns the steps left out. Raises `Exit` where there is no such step, or the first comes after the last.
    """
    if first:
        _anew(spec, first)
    left_out = _until(spec, last) if last else []
    if first in left_out:
        raise fail(f"{first} is not {last} and does not come before it: nothing of --from {first} would be run.")
    return left_out


def _until(spec: "PipelineSpec", step: str) -> list[str]:
    """Leave out of the pipeline all that neither is this step nor comes before it; returns the steps left out."""
    before = _steps(spec, spec.root.dag)
    kept: dict[int, tuple[Any, set[str]]] = {}
    for path in _paths(spec, step):
        for dag, name in path:
            needed = {name, *_closure(name, {each: list(task.dependent_tasks) for each, task in dag.tasks.items()})}
            kept[id(dag)] = dag, kept.get(id(dag), (dag, set()))[1] | needed
    for dag, names in kept.values():
        for name in dag.tasks.keys() - names:
            del dag.tasks[name]
    after = set(_steps(spec, spec.root.dag))
    labels = {spec.components[component].executor_label for _, component in after}
    for label in spec.deployment_spec["executors"].keys() - labels:  # so that no image is built for them
        del spec.deployment_spec["executors"][label]
    return [name for name, component in before if (name, component) not in after]


def _anew(spec: "PipelineSpec", step: str) -> None:
    """Let this step and all that comes after it run, even where the cache could serve them."""
    for path in _paths(spec, step):
        for place, (dag, name) in enumerate(path, 1):
            followers: dict[str, list[str]] = {each: [] for each in dag.tasks}
            for each, task in dag.tasks.items():
                for other in task.dependent_tasks:
                    followers[other].append(each)
            for each in [*_closure(name, followers), *([name] if place == len(path) else [])]:
                for task in _all_in(spec, dag.tasks[each]):
                    task.caching_options.enable_cache = False


def _paths(spec: "PipelineSpec", step: str) -> list[Path]:
    """The places of a step, which may be in several pipelines of a pipeline. Raises `Exit` where it is nowhere."""

    def search(dag: Any, led: Path) -> Iterator[Path]:
        for name, task in dag.tasks.items():
            if name == step:
                yield [*led, (dag, name)]
            component = spec.components[task.component_ref.name]
            if component.HasField("dag"):
                yield from search(component.dag, [*led, (dag, name)])

    if found := list(search(spec.root.dag, [])):
        return found
    names = list(dict.fromkeys(name for name, _ in _steps(spec, spec.root.dag)))
    raise fail(f"the pipeline has no step '{step}'; its steps are {', '.join(names)}.{near(step, names)}")


def _steps(spec: "PipelineSpec", dag: Any) -> list[tuple[str, str]]:
    """The tasks of a DAG, and of those in it, that are no DAGs, each with its component."""
    found: list[tuple[str, str]] = []
    for name, task in sorted(dag.tasks.items()):
        component = spec.components[task.component_ref.name]
        inner = _steps(spec, component.dag) if component.HasField("dag") else [(name, task.component_ref.name)]
        found += inner
    return found


def _closure(name: str, edges: dict[str, list[str]]) -> set[str]:
    """All that is reached from a task along the edges."""
    found: set[str] = set()
    waiting = list(edges[name])
    while waiting:
        if (each := waiting.pop()) not in found:
            found.add(each)
            waiting += edges[each]
    return found


def _all_in(spec: "PipelineSpec", task: Any) -> Iterator[Any]:
    """A task, and all that are in it where it is a DAG."""
    yield task
    component = spec.components[task.component_ref.name]
    for inner in component.dag.tasks.values() if component.HasField("dag") else []:
        yield from _all_in(spec, inner)
