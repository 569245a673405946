"""The images of a generated project: their names, what is said of them, and what the registry holds."""

import json
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from helpers.inv import inv

STEPS = ["drift", "evaluation", "gathering", "prediction", "preprocessing", "registration", "training", "validation"]


BASE = "python:3.13-slim"


def states(said: str) -> dict[str, str]:
    """What `inv build` or `inv push` says of each component."""
    found = re.findall(r"^  ([a-z]+) +(up to date|built|already there|pushed|pulled)", said, re.MULTILINE)
    return dict(found)


def references(project: Path) -> dict[str, str]:
    inv(project, "compile")
    found = {}
    for name in STEPS:
        text = (project / "build" / f"{name}.yaml").read_text(encoding="utf-8")
        match = re.search(r"image: (\S+)", text)
        assert match
        found[name] = match[1]
    return found


def manifest(reference: str) -> dict[str, Any] | None:
    """What the registry has under a reference; None for nothing."""
    host, _, rest = reference.partition("/")
    repository, _, tag = rest.rpartition(":")
    kinds = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
    request = urllib.request.Request(f"http://{host}/v2/{repository}/manifests/{tag}", headers={"Accept": kinds})
    try:
        with urllib.request.urlopen(request) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        assert error.code == 404
        return None
