"""The pipelines of `pipeline.py`, compiled to KFP's intermediate representation, with every image resolved."""

import contextlib
import functools
import importlib
import importlib.util
import os
import re
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from invoke.exceptions import Exit

from ..files import ROOT
from ..masking import masked_values
from ..terminal import fail, say
from .components import by_component, component_files, component_names, component_of, image_reference
from .condition_texts import quoted
from .loop_items import parts_in_groups, typed_items
from .mending import mend
from .nested_names import steady_names
from .notifying import check_notify, ends_told, telling, told
from .parameters import check_settings_names, settings_values, with_credentials
from .pipelines import (
    FIRST,
    Broken,
    Compiled,
    check_name,
    each_on_its_own,
    parameters_of,
    public_pipelines,
    title,
    types_of,
)
from .refusals import doubtful, refused
from .replacing import replaced
from .settings import Settings
from .task_settings import configuring
from .tasks_made import Made, heard_by, noting_lines, of_function

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

PIPELINE_PY = ROOT / "pipeline.py"


def import_kfp() -> None:
    """Import kfp without its REST client, which loads all of the kubernetes package and takes longer than a cached run.

    `_KFP_RUNTIME` is kfp's own switch for that; `kfp.client` can still be imported by name. `requests`, with which kfp
    reads a component from an address, is loaded when it does so.
    """
    os.environ["_KFP_RUNTIME"] = "true"
    try:
        import kfp
    finally:
        del os.environ["_KFP_RUNTIME"]
    late = sys.modules.setdefault("requests", _Late("requests"))
    try:
        import kfp.components
        import kfp.dsl  # noqa: F401
    finally:
        if isinstance(late, _Late):
            sys.modules.pop("requests", None)


class _Late(types.ModuleType):
    """What stands for a module until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextlib.contextmanager
def _read_fast() -> Iterator[None]:
    """While it lasts, kfp reads a component.yaml in half the time.

    `yaml.safe_load`, which it calls twice, uses libyaml; and the types of what may be in it are looked up once.
    """
    from kfp.dsl import v1_modelbase

    fast = replaced(yaml, SafeLoader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    with fast, replaced(v1_modelbase, get_type_hints=functools.cache(v1_modelbase.get_type_hints)):
        yield


def compile_pipeline(config: Settings, name: str = FIRST) -> Compiled:
    """Compile one pipeline of `pipeline.py`; see `compile_pipelines`."""
    return compile_pipelines(config, [name])[0]


def compile_pipelines(config: Settings, names: Sequence[str] = ()) -> list[Compiled]:
    """Compile these pipelines of `pipeline.py`, or all of them, `pipeline` first.

    The parameters of `invoke.yaml` are their defaults, and every image is resolved. Raises `Exit` with the file and
    line where `pipeline.py` or a `component.yaml` is wrong, and for a name that no pipeline has.
    """
    import_kfp()
    lines: Made = {}
    ends: dict[Any, Any] = {}
    check_notify(config)
    found = public_pipelines(_pipeline_py(config, lines, ends))
    for name in names:
        check_name(name, list(found))
    check_settings_names({each: parameters_of(function) for each, function in found.items()}, config)
    return [_compiled(name, told(name, found[name], ends), config, of_function(lines, name)) for name in names or found]


def _pipeline_py(config: Settings, lines: Made, ends: dict[Any, Any]) -> types.ModuleType:
    """`pipeline.py` as a module; `lines` then says where its tasks are made, `ends` has the pipelines as they tell."""
    spec = importlib.util.spec_from_file_location("pipeline", PIPELINE_PY)
    if spec is None or spec.loader is None or not PIPELINE_PY.is_file():
        raise fail(f"there is no pipeline.py in {ROOT}.")
    module = importlib.util.module_from_spec(spec)
    try:
        with (
            heard_by(configuring(config), telling(config), noting_lines(lines, str(PIPELINE_PY))),
            quoted(),
            typed_items(),
            parts_in_groups(),
            steady_names(),
            each_on_its_own(),
            ends_told(config, ends),
            _read_fast(),
        ):
            spec.loader.exec_module(module)
    except Exception as error:
        raise _uncompiled(error) from error
    return module


def _compiled(name: str, function: Any, config: Settings, lines: dict[str, int]) -> Compiled:
    """One pipeline, mended, and refused where a cluster would refuse it."""
    from kfp.compiler import pipeline_spec_builder

    if isinstance(function, Broken):
        raise _uncompiled(function.error) from function.error
    called = title(name, config)
    try:
        compiled = pipeline_spec_builder.modify_pipeline_spec_with_override(
            function.pipeline_spec, pipeline_name=called, pipeline_parameters={}
        )
        known = compiled.root.input_definitions.parameters
        for key, default in settings_values(name, types_of(compiled), config).items():
            known[key].default_value.CopyFrom(pipeline_spec_builder.to_protobuf_value(default))
            known[key].is_optional = True
    except (ValueError, TypeError) as error:
        raise fail(f"pipeline.py cannot be compiled: {sentence(error)}") from error
    mend(compiled)
    which = "this pipeline" if name == FIRST else f"the pipeline '{name}'"
    if reasons := refused(compiled, lines):
        raise fail(f"a cluster would refuse {which}, so it runs nowhere. " + "\n".join(reasons))
    for doubt in doubtful(compiled, lines):
        say(f"doubtful: {doubt}")
    executors = compiled.deployment_spec["executors"]
    for label in executors:
        if "container" in executors[label]:
            container = executors[label]["container"]
            if own := component_of(container["image"]):
                container["image"] = image_reference(own, config)
    if "code" in known:  # which code a scheduled run is of; `inv run` adds the commit
        images = {"images": by_component(images_of(compiled))}
        known["code"].default_value.CopyFrom(pipeline_spec_builder.to_protobuf_value(images))
    return Compiled(name, called, compiled, function.platform_spec)


def images_of(spec: "PipelineSpec") -> list[str]:
    """The images of a compiled pipeline, each once."""
    executors = spec.deployment_spec["executors"]
    return list(
        dict.fromkeys(executors[label]["container"]["image"] for label in executors if "container" in executors[label])
    )


def write_compiled(pipelines: Sequence[Compiled], config: Settings) -> list[Path]:
    """Write the compiled pipelines into `build/`, and each component with its image resolved; return the paths.

    A default that holds credentials is masked in it: whoever starts a run of it gives that parameter.
    """
    from kfp.compiler import pipeline_spec_builder

    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    written = []
    partial = build / "partial.yaml"  # kfp looks at the ending
    for each in pipelines:
        hidden = without_credentials(each.spec)
        pipeline_spec_builder.write_pipeline_spec_to_file(hidden, None, each.platform, str(partial))
        written.append(partial.replace(each.path))
    for path in [path for name in component_names() for path in component_files(name)]:
        name, text = path.parent.name, path.read_text(encoding="utf-8")
        resolved = re.sub(
            rf"(?m)^(\s*image:\s*)['\"]?{re.escape(name)}\b.*$", rf"\g<1>{image_reference(name, config)}", text
        )
        partial.write_text(resolved, encoding="utf-8")
        written.append(partial.replace(build / path.name.replace("component", name, 1)))
    return written


def without_credentials(spec: "PipelineSpec") -> "PipelineSpec":
    """The compiled pipeline with the credentials in its parameters' defaults masked; itself where there are none."""
    from kfp.compiler import pipeline_spec_builder

    if not (hidden := with_credentials(spec)):
        return spec
    copy = type(spec)()
    copy.CopyFrom(spec)
    for name, value in hidden.items():
        default = pipeline_spec_builder.to_protobuf_value(masked_values(value, name))
        copy.root.input_definitions.parameters[name].default_value.CopyFrom(default)
    return copy


def sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _uncompiled(error: Exception) -> Exit:
    """What to say of an error that came up in `pipeline.py`, with its line: `Line 12: TypeError: ...`"""
    if isinstance(error, Exit):
        return error
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(PIPELINE_PY):
            line = trace.tb_lineno
        trace = trace.tb_next
    return fail(f"pipeline.py cannot be compiled. Line {line}: {sentence(error)}")
