"""What the server's database cannot keep, found before anything is sent.

The API server writes some things only after it has made others: a run that it cannot write down goes on in the cluster
without being listed. Lengths are those of its columns (backend/src/apiserver/model), 255 where the model names none
(client_manager.go, DefaultStringSize). What is made of the project's and a schedule's name, 63 letters each, fits: the
pipeline's name (128) and a recurring run's (255). Descriptions of recurring runs and runs (255) are ours, and short;
parameters and pipelines are LONGTEXT.
"""

import json
from typing import Any

from ..project.settings import Settings
from ..terminal import fail

EXPERIMENT, VERSION, TEXT = 128, 127, 255


def check_length(what: str, text: str, most: int) -> None:
    """Raises `Exit` for a text that is longer than its column, in bytes, as the server counts."""
    if (length := len(text.encode())) > most:
        raise fail(f"{what} has {length} bytes, and Kubeflow Pipelines keeps {most}: make it shorter.")


def check_text(what: str, text: str) -> None:
    """Raises `Exit` for letters that take four bytes: the server connects to MySQL with the charset utf8
    (backend/src/apiserver/client/sql.go)."""
    if found := next((letter for letter in text if ord(letter) > 0xFFFF), None):
        raise fail(f"{what}: Kubeflow Pipelines' database takes no letters such as '{found}' (emoji and rare scripts).")


def check_run(parameters: dict[str, Any], name: str) -> None:
    """Raises `Exit` for a parameter or a name of a run that cannot be kept."""
    for key, value in parameters.items():
        check_text(f"the parameter {key}", json.dumps(value, ensure_ascii=False))
    check_text("--name", name)
    check_length("--name", name, TEXT)


def check_account(config: Settings) -> None:
    """Raises `Exit` for a service account that cannot be kept."""
    check_length("invoke.yaml: service_account", config.service_account, TEXT)
