"""What may be in `invoke.yaml`: the one source of its checks and of `invoke.schema.json`, which editors read.

Loaded only when settings are read, because pydantic takes its time. A field's title says what it takes, and its
description what it is for.
"""

import json
from typing import Annotated, Any, Literal

from invoke.config import Config
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from ..masking import MASK
from ..terminal import cut, near

INVOKES_OWN = tuple(Config.global_defaults())  # run, sudo, tasks and others, which a file may hold too
SCHEDULE = "it takes cron or every, and parameters and enabled, and pipeline"
LINES = "lines of 'name: value'"


def _text(description: str, title: str = "a text", **more: Any) -> Any:
    return Field(default=None, title=title, description=description, **more)


class Section(BaseModel):
    """Lines of settings: each name is known, and each value has its type; none is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


Labels = dict[str, str]
MOST = 2**31 - 1  # of what KFP and Azure keep in 32 bits


class Toleration(Section):
    """Of a taint of nodes, as Kubernetes has it."""

    key: Annotated[str, Field(title="a taint's key")] = ""
    operator: Annotated[Literal["Equal", "Exists"], Field(title="Equal or Exists")] = "Equal"
    value: Annotated[str, Field(title="a text")] = ""
    effect: Annotated[
        Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"],
        Field(title="NoSchedule, PreferNoSchedule or NoExecute"),
    ] = ""
    toleration_seconds: Annotated[int, Field(title="a number of seconds")] = 0


class Step(Section):
    """How a step runs; those of `all` are every step's."""

    cpu: Annotated[int | float | str, Field(title="CPUs, as in 2 or 500m")] = 0
    memory: Annotated[str, Field(title="bytes, as in 512Mi or 2Gi")] = ""
    gpu: Annotated[int, Field(title="a number of GPUs", ge=0, le=MOST)] = 0
    retries: Annotated[int, Field(title="a number of times", ge=0, le=MOST)] = 0
    timeout: Annotated[str, Field(title="a time, as in 90s, 30m or 2h", pattern=r"^0*[1-9]\d*[smhd]?$")] = ""
    image_pull_secret: Annotated[str, Field(title="a secret's name")] = ""
    env_from_secrets: Annotated[Labels, Field(title="lines of 'VARIABLE: secret/key'")] = {}
    node_selector: Annotated[Labels, Field(title="lines of 'label: value'")] = {}
    tolerations: Annotated[list[Toleration], Field(title="a list of key, operator, value and effect")] = []
    labels: Annotated[Labels, Field(title="lines of 'label: value'")] = {}


class Schedule(Section):
    """A recurring run. What its texts may be, `inv schedule` says."""

    cron: Annotated[str, Field(title="5 fields in UTC, or 6 with seconds first, in quotes")] = ""
    every: Annotated[str, Field(title="a time, as in 90s, 30m, 6h or 1d")] = ""
    parameters: Annotated[dict[str, Any], Field(title=LINES)] = {}
    enabled: Annotated[bool, Field(title="true or false")] = True
    pipeline: Annotated[str, Field(title="a pipeline's name in pipeline.py")] = "pipeline"


class Promotion(Section):
    """When a new model becomes the champion."""

    metric: Annotated[str, Field(title="accuracy or f1_macro, or of quantities r2, rmse or mae")] = ""
    at_least: Annotated[float, Field(title="a number")] = 0.0
    at_most: Annotated[float, Field(title="a number")] = 0.0
    better_by: Annotated[float, Field(title="a number")] = 0.0
    manual: Annotated[bool, Field(title="true or false")] = False


class Drift(Section):
    """What is drift in new rows, and what then."""

    psi: Annotated[float, Field(title="a number from 0 on", ge=0)] = 0.2
    p_value: Annotated[float, Field(title="a number from 0 on", ge=0)] = 0.0
    missing: Annotated[float, Field(title="a number from 0 on", ge=0)] = 0.0
    unseen: Annotated[float, Field(title="a number from 0 on", ge=0)] = 0.0
    worse: Annotated[float, Field(title="a number from 0 on", ge=0)] = 0.0
    action: Annotated[Literal["warn", "end"], Field(title="warn or end")] = "warn"


class Notify(Section):
    """Who is told of failed runs, refused models, drift and new champions. The address itself is never a setting."""

    kind: Annotated[Literal["slack", "teams", "json"], Field(title="slack, teams or json")] = "json"
    variable: Annotated[str, Field(title="the name of the variable with the address", pattern=r"^[A-Za-z_]\w*$")] = ""
    secret: Annotated[str, Field(title="secret/key of a cluster", pattern=r"^[a-z0-9.-]+/[\w.-]+$")] = ""


class Aks(Section):
    """What `inv aks.up` makes on Azure."""

    artifacts_size: Annotated[str, Field(title="a size such as 32Gi")] = ""
    database_size: Annotated[str, Field(title="a size such as 32Gi")] = ""
    kubernetes_version: Annotated[str, Field(title="a text")] = ""
    location: Annotated[str, Field(title="a region's short name, as in westeurope")] = ""
    node_count: Annotated[int, Field(title="a number from 1 on", ge=1, le=MOST)] = 1
    node_size: Annotated[str, Field(title="a VM size")] = ""
    registry_name: Annotated[str, Field(title="5 to 50 letters and digits")] = ""
    resource_group: Annotated[str, Field(title="up to 90 letters, digits, and ._-()")] = ""
    storage_account: Annotated[str, Field(title="a storage account's name")] = ""
    training_count: Annotated[int, Field(title="a number from 1 on", ge=1, le=MOST)] = 1
    training_size: Annotated[str, Field(title="a VM size")] = ""


class SettingsFile(Section):
    """The settings of a Kubeflow Pipelines project made with kf-template."""

    project: str = _text("Names the pipeline, its images and its experiment.")
    registry: str = _text("Where images go: {registry}/{project}/{component}:{content hash}.")
    python_version: str = _text("Of the images.", 'a text in quotes, as in "3.13"')
    image_mirror: str = _text("Where base images come from if Docker Hub is out of reach.")
    experiment: str = _text("The experiment of runs on a cluster.")
    kfp_host: str = _text("The address of the Kubeflow Pipelines API.", "an address", min_length=1)
    kfp_namespace: str = _text("Of a Kubeflow with users: yours.")
    kfp_token_over_http: Annotated[bool, Field(title="true or false")] = False
    kfp_version: str = _text("What `inv cluster.up` installs.", 'a version, as in "2.17.0"', min_length=1)
    kfp_manifests: str = _text("A local copy or a mirror of its manifests, for networks without GitHub.")
    kind_image: str = _text("The node of `inv cluster.up`, for networks without Docker Hub.")
    service_account: str = _text("That the steps' pods run as.")
    jobs: Annotated[int, Field(title="a number of steps, 0 for as many as there are cores", ge=0, le=MOST)] = 0
    ask: Annotated[bool, Field(title="true or false")] = False  # before something outside is changed
    runs_limit: str = _text(
        "What runs/ may take before `inv run` says how to free some.",
        "a size, as in 500 MB or 5 GB (0 MB: no limit)",
        pattern=r"^(\d+(\.\d+)? ?(MB|GB|TB))?$",
    )
    page_metric: str = _text("The number at the top of a run's page.", "a metric's name")
    models: str = _text("Where versions of the model are kept.", "a folder, or an address of s3, gs or abfs")
    mlflow: str = _text(
        "An MLflow server where they are kept instead.", "an address of http or https", pattern=r"^(https?://\S+)?$"
    )
    promotion: Annotated[Promotion | None, Field(title=LINES)] = None
    drift: Annotated[Drift | None, Field(title=LINES)] = None
    notify: Annotated[Notify | None, Field(title=LINES)] = None
    cloud: Literal["none", "azure"] = _text("What the project was made for.", "none or azure")
    template_version: str = _text("The template's release that this project was made from.")
    aks: Annotated[Aks | None, Field(title=LINES)] = None
    schedules: Annotated[dict[str, Schedule] | None, Field(title=LINES)] = None
    steps: Annotated[dict[str, Step] | None, Field(title=LINES)] = None
    parameters: Annotated[dict[str, Any] | None, Field(title=LINES)] = None
    pipelines: Annotated[dict[str, dict[str, Any]] | None, Field(title=LINES)] = None


# Those that hold settings alone.
FLAT: dict[str, type[Section]] = {"aks": Aks, "drift": Drift, "notify": Notify, "promotion": Promotion}


def slips(document: dict[str, Any]) -> list[str]:
    """What is wrong with the settings of a file: a sentence each, without the file's name; none where all is right."""
    try:
        SettingsFile.model_validate({name: value for name, value in document.items() if name not in INVOKES_OWN})
    except ValidationError as error:
        return list(dict.fromkeys(_sentence(each) for each in error.errors()))
    return []


def _sentence(error: ErrorDetails) -> str:
    section, *inner = (str(part) for part in error["loc"])
    match section, inner:
        case "steps", [owner, "tolerations" as tolerations, _, name]:
            whole = f"{tolerations} of '{owner}'"
            return _said(error, Toleration, name, f"steps: {whole}", f"steps: {name} in {whole}")
        case "steps", [owner, name, *_]:
            return _said(error, Step, name, f"steps: '{owner}'", f"steps: {name} of '{owner}'")
        case "schedules", [owner, name, *_]:
            return _said(error, Schedule, name, f"schedules: {owner}", f"schedules: {owner}: {name}")
        case _, [name, *_] if section in FLAT:
            return _said(error, FLAT[section], name, section, f"{section}: {name}")
        case "steps", [owner]:
            return f"steps: '{owner}' takes lines of 'setting: value': {', '.join(Step.model_fields)}."
        case "schedules", [owner]:
            return f"schedules: {owner} takes cron or every, and parameters and enabled, and pipeline."
        case "pipelines", [owner]:
            return f"pipelines: {owner} takes lines of 'parameter: value'."
    if error["type"] in ("dict_type", "model_type"):
        return f"{section} must be {LINES}."
    return _said(error, SettingsFile, section, "", section)


def _said(error: ErrorDetails, model: type[Section], name: str, owner: str, whole: str) -> str:
    """An unknown name with those there are, or a value of another type with what it takes."""
    known = model.model_fields
    if name in known:
        given = MASK if model is Notify else cut(repr(error["input"]), 200)  # which may be the address itself
        return f"{whole} takes {known[name].title}, not {given}."
    those = SCHEDULE if model is Schedule else f"there are: {', '.join(known)}"
    return f"{owner}{' has' if owner else 'there is'} no setting '{name}'; {those}.{near(name, known)}"


def schema() -> str:
    """The JSON Schema for editors: completion, and what is wrong underlined."""
    found = SettingsFile.model_json_schema()
    found["properties"] |= {name: {"type": "object", "description": "Of invoke itself."} for name in INVOKES_OWN}
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **found}, indent=2) + "\n"


if __name__ == "__main__":
    print(schema(), end="")
