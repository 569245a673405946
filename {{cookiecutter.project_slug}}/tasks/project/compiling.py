"""`pipeline.py`, compiled to KFP's intermediate representation, with every image resolved."""

import contextlib
import importlib
import importlib.util
import os
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from invoke.exceptions import Exit

from ..files import ROOT
from ..masking import masked_values
from ..terminal import fail, say
from .components import COMPONENTS, component_names, component_of, image_reference
from .condition_texts import quoted
from .loop_items import parts_in_groups, typed_items
from .mending import mend
from .parameters import typed, with_credentials
from .refusals import doubtful, refused
from .settings import Settings
from .task_settings import configuring
from .tasks_made import heard_by, noting_lines

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PlatformSpec


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
def _read_by_libyaml() -> Iterator[None]:
    """While it lasts, `yaml.safe_load` uses libyaml, which is ten times as fast: kfp reads a component.yaml twice."""
    kept = yaml.SafeLoader
    vars(yaml).update(SafeLoader=getattr(yaml, "CSafeLoader", kept))
    try:
        yield
    finally:
        vars(yaml).update(SafeLoader=kept)


def compile_pipeline(config: Settings) -> tuple["PipelineSpec", "PlatformSpec"]:
    """Compile `pipeline.py` with the parameters of `invoke.yaml` as its defaults and every image resolved.

    Raises `Exit` with the file and line where `pipeline.py` or a `component.yaml` is wrong.
    """
    import_kfp()
    from kfp.compiler import pipeline_spec_builder
    from kfp.dsl.base_component import BaseComponent

    path = ROOT / "pipeline.py"
    spec = importlib.util.spec_from_file_location("pipeline", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise fail(f"there is no pipeline.py in {ROOT}.")
    module = importlib.util.module_from_spec(spec)
    lines: dict[str, int] = {}
    try:
        with (
            heard_by(configuring(config), noting_lines(lines, str(path))),
            quoted(),
            typed_items(),
            parts_in_groups(),
            _read_by_libyaml(),
        ):
            spec.loader.exec_module(module)
    except Exit:
        raise
    except Exception as error:
        raise fail(f"pipeline.py cannot be compiled. {_where(error, path)}") from error
    function = getattr(module, "pipeline", None)
    if not isinstance(function, BaseComponent):
        raise fail("pipeline.py defines no function `pipeline` with the @dsl.pipeline decorator.")
    try:
        compiled = pipeline_spec_builder.modify_pipeline_spec_with_override(
            function.pipeline_spec, pipeline_name=config.project, pipeline_parameters={}
        )
        known = compiled.root.input_definitions.parameters
        for name, value in config.parameters.items():
            default = typed(name, value, {key: known[key].parameter_type for key in known}, "invoke.yaml")
            known[name].default_value.CopyFrom(pipeline_spec_builder.to_protobuf_value(default))
            known[name].is_optional = True
    except (ValueError, TypeError) as error:
        raise fail(f"pipeline.py cannot be compiled: {sentence(error)}") from error
    mend(compiled)
    if reasons := refused(compiled, lines):
        raise fail("a cluster would refuse this pipeline, so it runs nowhere. " + "\n".join(reasons))
    for doubt in doubtful(compiled, lines):
        say(f"doubtful: {doubt}")
    executors = compiled.deployment_spec["executors"]
    for label in executors:
        if "container" in executors[label]:
            container = executors[label]["container"]
            if own := component_of(container["image"]):
                container["image"] = image_reference(own, config)
    return compiled, function.platform_spec


def images_of(spec: "PipelineSpec") -> list[str]:
    """The images of a compiled pipeline, each once."""
    executors = spec.deployment_spec["executors"]
    return list(
        dict.fromkeys(executors[label]["container"]["image"] for label in executors if "container" in executors[label])
    )


def write_compiled(spec: "PipelineSpec", platform: "PlatformSpec", config: Settings) -> list[Path]:
    """Write `build/pipeline.yaml`, and beside it each component with its image resolved; return the paths.

    A default that holds credentials is masked in it: whoever starts a run of it gives that parameter.
    """
    from kfp.compiler import pipeline_spec_builder

    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    written = [build / "pipeline.yaml"]
    partial = build / "partial.yaml"  # kfp looks at the ending
    pipeline_spec_builder.write_pipeline_spec_to_file(without_credentials(spec), None, platform, str(partial))
    partial.replace(written[0])
    for name in component_names():
        text = (COMPONENTS / name / "component.yaml").read_text(encoding="utf-8")
        resolved = re.sub(
            rf"(?m)^(\s*image:\s*)['\"]?{re.escape(name)}\b.*$", rf"\g<1>{image_reference(name, config)}", text
        )
        partial.write_text(resolved, encoding="utf-8")
        written.append(partial.replace(build / f"{name}.yaml"))
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


def _where(error: BaseException, path: Path) -> str:
    """`Line 12: TypeError: ...` for an error that happened while `path` was executed."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"Line {line}: {sentence(error)}"
