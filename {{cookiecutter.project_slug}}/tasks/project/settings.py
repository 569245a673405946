"""The settings of the project: `invoke.yaml`, checked."""

import functools
import os
import re
import sys
from dataclasses import dataclass, field, fields
from typing import Any

from invoke.context import Context

from ..terminal import fail
from .settings_checked import found_right, was_right
from .settings_files import acting, check_variables, documents, environments

NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


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
    kfp_token_over_http: bool = False
    kfp_namespace: str = ""
    kfp_version: str = "2.17.0"
    kfp_manifests: str = ""
    kind_image: str = ""
    service_account: str = ""
    models: str = ""  # where `mlflow` is set, that
    mlflow: str = ""
    runs_limit: str = "5 GB"
    page_metric: str = ""
    jobs: int = 0
    ask: bool = False
    steps: dict[str, Any] = field(default_factory=dict)
    schedules: dict[str, Any] = field(default_factory=dict)
    pipelines: dict[str, dict[str, Any]] = field(default_factory=dict)
    promotion: dict[str, Any] = field(default_factory=dict)
    drift: dict[str, Any] = field(default_factory=dict)
    notify: dict[str, str] = field(default_factory=dict)
    aks: dict[str, Any] = field(default_factory=dict)


# Settings that may be empty or left out, with what they are then; and those that hold settings of their own.
OPTIONAL = {field.name: field.default for field in fields(Settings) if isinstance(field.default, str | int)}
NAMES = [field.name for field in fields(Settings)]
SECTIONS = {"parameters", "pipelines", "promotion", "drift", "notify", "steps", "schedules", "aks"}


def check_settings_file() -> None:
    """Read `invoke.yaml`, the file of `inv -f` and `INVOKE_` variables before invoke does, which answers a slip in them
    with a traceback, or passes over it. Raises `Exit`.
    """
    check_variables(OPTIONAL)


def load_settings(c: Context) -> Settings:
    """Read the project's settings from invoke's configuration.

    Raises `Exit` where one is unknown, missing, or cannot be used.
    """
    whole = {name: _plain(c.config[name]) for name in [*NAMES, "cloud"] if name in c.config}
    if not was_right(whole):
        from .settings_model import slips

        found = [f"{file}: {slip}" for file, document in documents().items() for slip in slips(document)]
        found = found or [f"{_source(slip)}: {slip}" for slip in slips(whole)]
        if found:
            raise fail("\n".join(found))
        found_right(whole)
    values: dict[str, Any] = {}
    for name in NAMES:
        value = whole.get(name)
        if name in SECTIONS:
            values[name] = value or {}
        elif value not in (None, ""):
            values[name] = value
        elif name not in OPTIONAL:
            raise fail(f"invoke.yaml: the setting '{name}' is missing; give it a value.")
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
    if values.get("mlflow"):
        values["models"] = f"mlflow+{values['mlflow'].rstrip('/')}#{values['project']}"
    if environment := acting():
        _tell(environment)
    return Settings(**values)


def environment_slips() -> list[str]:
    """What is wrong in the files of all environments, not only of the one that acts."""
    from .settings_model import slips

    return [f"{file}: {slip}" for file, document in environments().items() for slip in slips(document)]


@functools.cache
def _tell(environment: str) -> None:
    """Say once which environment acts, beside what programs read."""
    print(f"environment: {environment}", file=sys.stderr)


def _source(slip: str) -> str:
    """Where a setting comes from that no file has wrong: a variable, or another of invoke's files."""
    variable = f"INVOKE_{slip.split()[0].strip(':').upper()}"
    return variable if variable in os.environ else "settings from elsewhere, as ~/.invoke.yaml"


def _plain(value: Any) -> Any:
    """A value of invoke's configuration without its wrapper around sections."""
    return {key: _plain(value[key]) for key in value} if hasattr(value, "keys") else value
