"""The project as the commands see it: its settings, its components, its compiled pipeline."""

import contextlib
import difflib
import hashlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from invoke.context import Context
from invoke.exceptions import Exit

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PlatformSpec

ROOT = Path(__file__).resolve().parent.parent
COMPONENTS = ROOT / "components"
NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")

# What goes into every image's build besides its folder and components/shared.
FOR_ALL_IMAGES = (ROOT / "tasks" / "install.py", ROOT / ".dockerignore")


def fail(message: str) -> Exit:
    """The exception that ends a command with exit code 1 and this sentence, without a traceback."""
    return Exit(f"error: {message}", code=1)


above: Callable[[str], None] | None = None  # while a list changes on the terminal: what prints above it


def say(text: str = "") -> None:
    """Print to the real standard output, at once, even while kfp's own is redirected."""
    try:
        above(text) if above else print(text, file=sys.__stdout__, flush=True)
    except BrokenPipeError:  # nobody reads any more, as in `inv runs | head`: what is under way goes on
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def printable(text: str) -> str:
    """Text that a terminal prints and does not obey: without escape sequences, and on one line."""
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    return "".join(letter if letter.isprintable() else " " for letter in text)


def on_terminal() -> bool:
    return bool(sys.__stdout__ and sys.__stdout__.isatty() and os.environ.get("TERM") != "dumb")


def sure(question: str, yes: bool) -> None:
    """Ask before something is lost. Raises `Exit` on a no, and where there is no terminal to ask on."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise fail(f"{question} There is no terminal to ask on: say it with --yes.")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise Exit("nothing was done", code=1)


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(path)


def check_settings_file() -> None:
    """Read `invoke.yaml` once before invoke does, which would answer a slip in it with a traceback. Raises `Exit`."""
    try:
        with (ROOT / "invoke.yaml").open(encoding="utf-8") as file:
            document = yaml.safe_load(file)
    except FileNotFoundError:
        raise fail(f"there is no invoke.yaml in {ROOT}; it holds the settings of the project.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise fail(f"invoke.yaml is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise fail("invoke.yaml must be lines of 'name: value'.")
    _check_names(document)


def _check_names(section: dict[Any, Any]) -> None:
    for name, value in section.items():
        if not isinstance(name, str):  # invoke takes none but texts
            raise fail(
                f"invoke.yaml: YAML reads a name in it as {name!r}, as it does with on, no or 1; put it in quotes."
            )
        if isinstance(value, dict):
            _check_names(value)


@dataclass(frozen=True)
class Settings:
    """`invoke.yaml`, after `inv -f`, `INVOKE_*` variables, and checks."""

    project: str
    registry: str
    python_version: str
    experiment: str
    template_version: str
    parameters: dict[str, Any]
    image_mirror: str = ""
    kfp_host: str = "http://localhost:8080"
    kfp_namespace: str = ""
    kfp_version: str = "2.17.0"
    kfp_manifests: str = ""
    service_account: str = ""
    steps: dict[str, Any] = field(default_factory=dict)
    schedules: dict[str, Any] = field(default_factory=dict)
    aks: dict[str, Any] = field(default_factory=dict)


# Settings that may be empty or left out, and those that hold settings of their own.
OPTIONAL = {"image_mirror", "kfp_host", "kfp_namespace", "kfp_version", "kfp_manifests", "service_account"}
SECTIONS = {"parameters", "steps", "schedules", "aks"}


def settings(c: Context) -> Settings:
    """Read the project's settings from invoke's configuration.

    Raises `Exit` where one is missing or cannot be used.
    """
    # invoke passes over a file that is not there.
    override = getattr(c.config, "_runtime_path", None)
    if override and not Path(override).is_file():
        raise fail(f"inv -f: there is no file {override}.")
    values: dict[str, Any] = {}
    for name in Settings.__dataclass_fields__:
        value = c.config.get(name)
        if name in SECTIONS:
            if value is not None and not hasattr(value, "keys"):
                raise fail(f"invoke.yaml: {name} must be lines of 'name: value'.")
            values[name] = {key: _plain(value[key]) for key in value or {}}
        elif value in (None, "") and name in OPTIONAL:
            continue
        elif value in (None, ""):
            raise fail(f"invoke.yaml: the setting '{name}' is missing; give it a value.")
        else:
            values[name] = str(value)
    if not NAME.fullmatch(values["project"]):
        raise fail(
            f"invoke.yaml: project '{values['project']}' is not a valid name; "
            "use lower-case letters, digits and dashes, at most 63, starting with a letter."
        )
    if "://" in values["registry"] or values["registry"] != values["registry"].strip("/ ").lower():
        raise fail(
            f"invoke.yaml: registry '{values['registry']}' must be a host with an optional port and path, "
            "in lower case, without https://, such as localhost:5001 or ghcr.io/team."
        )
    return Settings(**values)


def _plain(value: Any) -> Any:
    """A value of invoke's configuration without its wrapper around sections."""
    return {key: _plain(value[key]) for key in value} if hasattr(value, "keys") else value


def component_names() -> list[str]:
    """The folders of `components/` that hold a `component.yaml`, sorted."""
    return sorted(path.parent.name for path in COMPONENTS.glob("*/component.yaml"))


def image_content(name: str) -> dict[str, bytes]:
    """All that a component's image is built from: the content of each file by its path from the project's root."""
    content = {}
    for folder in (COMPONENTS / "shared", COMPONENTS / name):
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
            unused = parts == ("component.yaml",) or (len(parts) == 1 and path.suffix == ".in") or path.suffix == ".pyc"
            if path.is_file() and not hidden and not unused:
                content[path.relative_to(ROOT).as_posix()] = path.read_bytes()
    for path in FOR_ALL_IMAGES:
        if path.is_file():
            content[path.relative_to(ROOT).as_posix()] = path.read_bytes()
    return content


def image(name: str, config: Settings, content: dict[str, bytes] | None = None) -> str:
    """The reference of a component's image, `registry/project/component:tag`.

    The tag is a digest of what goes into the image. It never moves, so KFP's cache, whose key is this string, is
    right; and it needs no registry and no engine to compute.
    """
    digest = hashlib.sha256(f"python {config.python_version}\n".encode())
    for path, found in (image_content(name) if content is None else content).items():
        digest.update(f"{path} {len(found)}\n".encode() + found)
    return f"{config.registry}/{config.project}/{name}:{digest.hexdigest()[:16]}"


def component_of(image: str) -> str | None:
    """The component an image reference belongs to, or None where it is not one of this project's."""
    name = image.rsplit("/", 1)[-1].split(":")[0]
    return name if (COMPONENTS / name / "component.yaml").is_file() else None


def import_kfp() -> None:
    """Import kfp without its REST client, which loads all of the kubernetes package and takes longer than a cached run.

    `_KFP_RUNTIME` is kfp's own switch for that; `kfp.client` can still be imported by name.
    """
    os.environ["_KFP_RUNTIME"] = "true"
    try:
        import kfp
    finally:
        del os.environ["_KFP_RUNTIME"]
    import kfp.components
    import kfp.dsl  # noqa: F401


@contextlib.contextmanager
def component_path(*folders: Path) -> Iterator[None]:
    """Let Python import what a step's program imports: `shared` and the modules of `folders`."""
    added = [str(COMPONENTS), *map(str, folders)]
    sys.path[:0] = added
    try:
        yield
    finally:
        for folder in added:
            sys.path.remove(folder)


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
    from .steps import configured

    try:
        with configured(config):
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
    executors = compiled.deployment_spec["executors"]
    for label in executors:
        if "container" in executors[label]:
            container = executors[label]["container"]
            if own := component_of(container["image"]):
                container["image"] = image(own, config)
    return compiled, function.platform_spec


def write_compiled(spec: "PipelineSpec", platform: "PlatformSpec", config: Settings) -> list[Path]:
    """Write `build/pipeline.yaml`, and beside it each component with its image resolved; return the paths."""
    from kfp.compiler import pipeline_spec_builder

    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    written = [build / "pipeline.yaml"]
    partial = build / "partial.yaml"  # kfp looks at the ending
    pipeline_spec_builder.write_pipeline_spec_to_file(spec, None, platform, str(partial))
    partial.replace(written[0])
    for name in component_names():
        text = (COMPONENTS / name / "component.yaml").read_text(encoding="utf-8")
        resolved = re.sub(rf"(?m)^(\s*image:\s*)['\"]?{re.escape(name)}\b.*$", rf"\g<1>{image(name, config)}", text)
        partial.write_text(resolved, encoding="utf-8")
        written.append(partial.replace(build / f"{name}.yaml"))
    return written


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


# parameter_type of a compiled pipeline -> its name in Python, how a text becomes one, what it may be already
def _flag(text: str) -> bool:
    try:
        return {"true": True, "false": False}[text.lower()]
    except KeyError:
        raise ValueError(text) from None


def _json(kind: type) -> Any:
    def parse(text: str) -> Any:
        value = json.loads(text)
        if not isinstance(value, kind):
            raise ValueError(text)
        return value

    return parse


_TYPES: dict[int, tuple[str, Any, tuple[type, ...]]] = {
    1: ("float", float, (int, float)),
    2: ("int", int, (int,)),
    3: ("str", str, (str,)),
    4: ("bool", _flag, (bool,)),
    5: ("list", _json(list), (list,)),
    6: ("dict", _json(dict), (dict,)),
}


def typed(name: str, value: Any, known: dict[str, int], where: str = "-p") -> Any:
    """The value of a pipeline parameter in its own type.

    `value` is a text from the command line or a value from `invoke.yaml`, `known` maps the pipeline's parameters to
    their types. Raises `Exit` for an unknown name or a value of another type, with the list of the right ones.
    """
    listing = ", ".join(f"{key} ({_TYPES[known[key]][0]})" for key in sorted(known))
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise fail(f"{where}: the pipeline has no parameter '{name}'.{hint} It takes: {listing}.")
    kind, parse, allowed = _TYPES[known[name]]
    if isinstance(value, allowed) and not (isinstance(value, bool) and bool not in allowed):
        return parse(value) if kind == "float" else value
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return parse(value)
    raise fail(f"{where}: parameter '{name}' takes a value of type {kind}, not {value!r}. The parameters: {listing}.")


def arguments(spec: "PipelineSpec", given: list[str]) -> dict[str, Any]:
    """All parameters of a run: `name=value` texts over the compiled defaults.

    Raises `Exit` for an unknown, ill-typed, repeated or missing parameter.
    """
    known = spec.root.input_definitions.parameters
    types = {name: known[name].parameter_type for name in known}
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise fail(f"-p takes name=value, and '{text}' has no '='.")
        if name in values:
            raise fail(f"-p: parameter '{name}' is given twice.")
        values[name] = typed(name, value, types)
    compiled = defaults(spec)
    for name in sorted(known):
        if name in values:
            continue
        if name not in compiled:
            raise fail(f"the parameter '{name}' has no value; give one with -p {name}=... or in invoke.yaml.")
        values[name] = compiled[name]
    return values


def defaults(spec: "PipelineSpec") -> dict[str, Any]:
    """The compiled defaults of a pipeline's parameters: those of `pipeline.py` and, above them, of `invoke.yaml`."""
    from kfp.local.executor_output_utils import pb2_value_to_python

    found = {}
    for name, definition in spec.root.input_definitions.parameters.items():
        if definition.is_optional:
            value = pb2_value_to_python(definition.default_value)
            found[name] = int(value) if definition.parameter_type == 2 else value
    return found


def check_components() -> list[str]:
    """What is wrong with the `component.yaml` files: one line each, with the file and what to do; empty if nothing is.

    Each is loaded as KFP loads it, and held against its program: the same options, required ones and defaults.
    """
    problems = []
    for name in component_names():
        try:
            _check_component(name)
        except ValueError as error:
            problems.append(f"components/{name}/component.yaml: {error}")
    return problems


def _check_component(name: str) -> None:
    text = (COMPONENTS / name / "component.yaml").read_text(encoding="utf-8")
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"is not valid YAML: {' '.join(str(error).split())}") from error
    document = document if isinstance(document, dict) else {}
    for kind in ("inputs", "outputs"):
        for item in document.get(kind) or []:
            for key in ("type", "description"):
                if not item.get(key):
                    raise ValueError(f"{kind[:-1]} '{item.get('name')}' has no {key}; add one.")
    container = (document.get("implementation") or {}).get("container") or {}
    if container.get("image") != name:
        raise ValueError(f"image must be '{name}', the component's name; registry and tag are filled in by the tasks.")
    options = _options_of_yaml(container, document)
    import_kfp()
    from kfp.components import load_component_from_text

    try:
        load_component_from_text(text)
    except Exception as error:
        raise ValueError(f"KFP cannot load it: {sentence(error)}") from error
    program = _options_of_program(container["command"], COMPONENTS / name / "src")
    for option in sorted(options.keys() | program.keys()):
        if option not in program:
            raise ValueError(f"passes {option}, which the program does not take; remove it, or add it to the program.")
        required, default = program[option]
        if option not in options:
            if required:
                raise ValueError(f"does not pass {option}, which the program requires; add it to args.")
        elif options[option] is not None and options[option] != default:
            raise ValueError(
                f"gives {option} the default {options[option]!r}, and the program {default!r}; make them equal."
            )


def _options_of_yaml(container: dict[str, Any], document: dict[str, Any]) -> dict[str, str | None]:
    """The options that `args` passes, each with the default of its input as text, or None where it has none."""
    inputs = {item["name"]: item for item in document.get("inputs") or []}
    outputs = {item["name"] for item in document.get("outputs") or []}
    options: dict[str, str | None] = {}
    option = None
    for part in container.get("args") or []:
        if isinstance(part, str) and part.startswith("--"):
            option = part
            options[option] = None
            continue
        if isinstance(part, dict):
            (placeholder, target), *rest = part.items()
            if rest or placeholder not in (
                "inputValue",
                "inputPath",
                "inputUri",
                "outputPath",
                "outputUri",
                "executorInput",
            ):
                raise ValueError(
                    f"unknown placeholder '{placeholder}'; use inputValue, inputPath, outputPath or executorInput."
                )
            known = outputs if placeholder.startswith("output") else inputs.keys()
            if placeholder != "executorInput" and target not in known:
                raise ValueError(
                    f"{{{placeholder}: {target}}} names nothing that is declared; declared are "
                    f"{', '.join(sorted(known))}."
                )
            if option and placeholder == "inputValue" and "default" in inputs[target]:
                options[option] = str(inputs[target]["default"])
        option = None
    return options


def _options_of_program(command: list[str], src: Path) -> dict[str, tuple[bool, str]]:
    """The options of a step's program: whether each is required, and its default as text.

    Asked of the program in a process of its own, so that steps may have modules of the same name.
    """
    import subprocess

    module = command[-1]
    script = (
        "import importlib, json, sys, typer\n"
        "from shared.step import command\n"
        f"parameters = typer.main.get_command(command(importlib.import_module({module!r}).main)).params\n"
        "print(json.dumps({p.opts[0]: [p.required, '' if p.default is None else str(p.default)]"
        " for p in parameters if p.name != 'help'}))"
    )
    path = os.pathsep.join([str(src), str(COMPONENTS)])
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise ValueError(f"its program '{module}' cannot be imported: {last}")
    found: dict[str, list[Any]] = json.loads(result.stdout)
    return {option: (bool(required), str(default)) for option, (required, default) in found.items()}
