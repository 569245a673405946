"""A part of a compiled pipeline: until one of its steps, or from one of them on anew."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..terminal import fail, near
from .mending import dag_of

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

# To a task: the component that it is in, empty for the pipeline, and its name; before that the groups that lead there.
Way = list[tuple[str, str]]


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
    steps = _steps(spec, "")
    kept: dict[str, set[str]] = {}
    whole: set[str] = set()  # the components that are needed as they are
    for way in _ways(spec, step):
        for component, name in way:
            tasks = dag_of(spec, component).tasks
            before = _closure(name, {each: list(task.dependent_tasks) for each, task in tasks.items()})
            kept.setdefault(component, set()).update(before, [name])
            whole |= {inner.component_ref.name for each in before for inner in _all_in(spec, tasks[each])}
    for component in kept.keys() - whole:
        tasks = dag_of(spec, component).tasks
        for name in tasks.keys() - kept[component]:
            del tasks[name]
    left = set(_steps(spec, ""))
    labels = {spec.components[component].executor_label for _, component in left}
    for label in spec.deployment_spec["executors"].keys() - labels:  # so that no image is built for them
        del spec.deployment_spec["executors"][label]
    return [name for name, component in steps if (name, component) not in left]


def _anew(spec: "PipelineSpec", step: str) -> None:
    """Let this step and all that comes after it run, even where the cache could serve them."""
    for way in _ways(spec, step):
        for place, (component, name) in enumerate(way, 1):
            tasks = dag_of(spec, component).tasks
            followers: dict[str, list[str]] = {each: [] for each in tasks}
            for each, task in tasks.items():
                for other in task.dependent_tasks:
                    followers[other].append(each)
            for each in [*_closure(name, followers), *([name] if place == len(way) else [])]:
                for task in _all_in(spec, tasks[each]):
                    task.caching_options.enable_cache = False


def _ways(spec: "PipelineSpec", step: str) -> list[Way]:
    """The places of a step, which may be in several pipelines of a pipeline. Raises `Exit` where it is nowhere."""

    def search(component: str, led: Way) -> Iterator[Way]:
        for name, task in dag_of(spec, component).tasks.items():
            if name == step:
                yield [*led, (component, name)]
            if spec.components[task.component_ref.name].HasField("dag"):
                yield from search(task.component_ref.name, [*led, (component, name)])

    if found := list(search("", [])):
        return found
    names = list(dict.fromkeys(name for name, _ in _steps(spec, "")))
    raise fail(f"the pipeline has no step '{step}'; its steps are {', '.join(names)}.{near(step, names)}")


def _steps(spec: "PipelineSpec", component: str) -> list[tuple[str, str]]:
    """The tasks of a DAG, and of those in it, that are no DAGs, each with its component."""
    found: list[tuple[str, str]] = []
    for name, task in sorted(dag_of(spec, component).tasks.items()):
        inner = task.component_ref.name
        found += _steps(spec, inner) if spec.components[inner].HasField("dag") else [(name, inner)]
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
    if spec.components[task.component_ref.name].HasField("dag"):
        for inner in dag_of(spec, task.component_ref.name).tasks.values():
            yield from _all_in(spec, inner)
