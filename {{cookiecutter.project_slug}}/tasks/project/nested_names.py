"""Pipelines in pipelines: what they bring along gets the same free names each time."""

import contextlib
from collections.abc import Iterator
from typing import Any

from .replacing import replaced


@contextlib.contextmanager
def steady_names() -> Iterator[None]:
    """While it lasts, what a pipeline brings along into another one has names that are free there.

    kfp 2.17 renames it in the order of a protobuf map, which is another in each process, so that the same pipeline
    would be a new version again and again; and it may take a name that it has yet to rename, for two things at once.
    """
    from kfp.compiler import pipeline_spec_builder as builder

    merge = builder.merge_deployment_spec_and_component_spec

    def merged(*, sub_pipeline_spec: Any, sub_platform_spec: Any, **main: Any) -> Any:
        spec, platform = type(sub_pipeline_spec)(), type(sub_platform_spec)()
        spec.CopyFrom(sub_pipeline_spec)
        platform.CopyFrom(sub_platform_spec)
        _free_executors(spec, platform, set(main["main_deployment_config"].executors))
        _free_components(spec, set(main["main_pipeline_spec"].components))
        return merge(sub_pipeline_spec=spec, sub_platform_spec=platform, **main)

    with replaced(builder, merge_deployment_spec_and_component_spec=merged):
        yield


def _free_executors(spec: Any, platform: Any, taken: set[str]) -> None:
    executors = spec.deployment_spec["executors"]
    for old, new in _new_names(set(executors), taken).items():
        executors[new] = executors[old]
        del executors[old]
        for component in [each for each in spec.components.values() if each.executor_label == old]:
            component.executor_label = new
        for part in platform.platforms.values():
            there = part.deployment_spec.executors
            if old in there:
                there[new].CopyFrom(there[old])
                del there[old]


def _free_components(spec: Any, taken: set[str]) -> None:
    renamed = _new_names(set(spec.components), taken)
    for dag in [spec.root.dag, *(each.dag for each in spec.components.values() if each.HasField("dag"))]:
        for task in dag.tasks.values():
            task.component_ref.name = renamed.get(task.component_ref.name, task.component_ref.name)
    for old, new in renamed.items():
        spec.components[new].CopyFrom(spec.components[old])
        del spec.components[old]


def _new_names(names: set[str], taken: set[str]) -> dict[str, str]:
    """Names that neither has, for those of `names` that are taken."""
    from kfp.dsl import utils

    found: dict[str, str] = {}
    for name in sorted(names & taken):
        found[name] = utils.make_name_unique_by_adding_index(name, [*names, *taken, *found.values()], "-")
    return found
