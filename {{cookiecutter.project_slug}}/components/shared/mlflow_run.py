"""A version as a run of MLflow: its parameters, metrics and files, from which MLflow's own client loads the model."""

import json
import math
import platform
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared.mlflow_api import Mlflow
from shared.model_versions import MODEL, TRUSTED
from shared.objects import BUCKETS, Taken, objects_at
from shared.step import StepError, write_text

LONGEST = 500  # letters of a parameter that every server takes
FOLDER = "model"


@contextmanager
def run_of_version(mlflow: Mlflow, experiment: str, about: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A new run, as MLflow describes it (`run_id`, `artifact_uri`); it has failed where what is done in it fails."""
    code = about.get("code", {})
    tags = {
        "mlflow.source.name": experiment,
        "mlflow.source.git.commit": code.get("commit", ""),
        "run": about.get("run", ""),
        "run_page": f"{code['pages']}{about.get('run', '')}" if code.get("pages") else "",
    }
    run: dict[str, Any] = mlflow.post(
        "runs/create",
        experiment_id=_experiment(mlflow, experiment),
        run_name=about.get("run", ""),
        start_time=milliseconds(),
        tags=tags_of(tags),
    )["run"]["info"]
    try:
        _log(mlflow, run["run_id"], about)
        yield run
    except BaseException:
        with suppress(StepError):  # what went wrong before is what is told
            _end(mlflow, run, "FAILED")
        raise
    _end(mlflow, run, "FINISHED")


def upload(mlflow: Mlflow, run: Mapping[str, Any], files: Mapping[str, Path], about: Mapping[str, Any]) -> str:
    """Keep the files of a version, and what MLflow's client reads, as a run's artifacts: where they are."""
    source = f"{str(run['artifact_uri']).rstrip('/')}/{FOLDER}"
    with tempfile.TemporaryDirectory() as folder:
        described = _described(about.get("packages", {}))
        for name, text in described.items():
            write_text(Path(folder, name), text)
        for name, path in {**files, **{name: Path(folder, name) for name in described}}.items():
            if key := _served(source):
                mlflow.upload(path, f"{key}/{name}")
            else:
                objects_at(_reached(source)).create(name, path)
    return source


def download(mlflow: Mlflow, source: str, name: str, target: Path) -> None:
    """Copy a file of a version from where its run has them. Raises FileNotFoundError."""
    if key := _served(source):
        mlflow.download(f"{key}/{name}", target)
    else:
        objects_at(_reached(source)).copy(name, target)


def tags_of(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items() if value]


def milliseconds() -> int:
    return int(time.time() * 1000)


def _experiment(mlflow: Mlflow, name: str) -> str:
    """The id of an experiment, which is made where there is none."""
    with suppress(Taken):
        return str(mlflow.make("experiments/create", name=name)["experiment_id"])
    return str(mlflow.get("experiments/get-by-name", experiment_name=name)["experiment"]["experiment_id"])


def _log(mlflow: Mlflow, run: str, about: Mapping[str, Any]) -> None:
    metrics = {name: value for name, value in about.get("metrics", {}).items() if math.isfinite(value)}
    known = {**about.get("parameters", {}), "target": about["target"], "data": about.get("data", "")}
    mlflow.post(
        "runs/log-batch",
        run_id=run,
        metrics=[{"key": name, "value": value, "timestamp": milliseconds()} for name, value in metrics.items()],
        params=[{"key": name, "value": str(value)[:LONGEST]} for name, value in known.items()],
    )


def _end(mlflow: Mlflow, run: Mapping[str, Any], status: str) -> None:
    mlflow.post("runs/update", run_id=run["run_id"], status=status, end_time=milliseconds())


def _served(source: str) -> str:
    """The key of artifacts that MLflow's server keeps and gives; empty of those that lie elsewhere."""
    parts = urlsplit(source)
    return parts.path.strip("/") if parts.scheme == "mlflow-artifacts" else ""


def _reached(source: str) -> str:
    if urlsplit(source).scheme not in BUCKETS:
        raise StepError(
            f"MLflow keeps its files in {source!r}, where only itself can write. "
            "Start it with --serve-artifacts, or with an --artifacts-destination in a bucket."
        )
    return source


def _described(packages: Mapping[str, str]) -> dict[str, str]:
    """The files that tell MLflow's client what the model is: a Pipeline of scikit-learn, in the format of skops."""
    python = platform.python_version()
    sklearn = {
        "pickled_model": MODEL,
        "sklearn_version": packages.get("scikit-learn", ""),
        "serialization_format": "skops",
        "skops_trusted_types": TRUSTED,
        "code": None,
    }
    function = {
        "loader_module": "mlflow.sklearn",
        "model_path": MODEL,
        "predict_fn": "predict",
        "python_version": python,
        "env": {"virtualenv": "python_env.yaml"},
    }
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    model = {"flavors": {"python_function": function, "sklearn": sklearn}, "utc_time_created": made}
    return {  # JSON is YAML
        "MLmodel": json.dumps(model, indent=2),
        "python_env.yaml": json.dumps({"python": python, "dependencies": ["-r requirements.txt"]}, indent=2),
        "requirements.txt": "".join([*(f"{name}=={version}\n" for name, version in packages.items()), "mlflow\n"]),
    }
