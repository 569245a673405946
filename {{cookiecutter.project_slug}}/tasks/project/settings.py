"""The settings of the project: `invoke.yaml`, checked."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from invoke.context import Context

from ..files import ROOT
from ..terminal import fail

NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


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
    kind_image: str = ""
    service_account: str = ""
    steps: dict[str, Any] = field(default_factory=dict)
    schedules: dict[str, Any] = field(default_factory=dict)
    aks: dict[str, Any] = field(default_factory=dict)


# Settings that may be empty or left out, and those that hold settings of their own.
OPTIONAL = {
    *("image_mirror", "kfp_host", "kfp_namespace", "kfp_version", "kfp_manifests", "kind_image", "service_account"),
}


SECTIONS = {"parameters", "steps", "schedules", "aks"}


def load_settings(c: Context) -> Settings:
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
