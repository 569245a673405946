"""What goes into an image's build besides its files: arguments, labels and secrets."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..project.settings import Settings
from .engine import LABEL
from .origin import origin

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


PIP_SETTINGS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST")


@dataclass
class Building:
    """An image that is being built: its target's name, its reference, and what it is made of."""

    name: str
    reference: str
    content: dict[str, bytes]


def arguments(config: Settings) -> dict[str, str]:
    """The build arguments. The proxies are BuildKit's own and end up neither in a layer nor in the history."""
    mirror = config.image_mirror.rstrip("/")
    found = {"PYTHON_VERSION": config.python_version, "IMAGE_MIRROR": f"{mirror}/" if mirror else ""}
    for name in PROXIES:
        if value := os.environ.get(name) or os.environ.get(name.lower()):
            found[name] = value
    return found | origin()


def labels(image: Building, config: Settings) -> dict[str, str]:
    return {f"{LABEL}.project": config.project, f"{LABEL}.content": image.reference.rsplit(":", 1)[1]}


def pip_configuration() -> str:
    """The corporate index that this environment's PIP_* variables name, as a pip.conf; empty where they name none."""
    lines = [
        f"{name.removeprefix('PIP_').lower().replace('_', '-')} = {value}"
        for name in PIP_SETTINGS
        if (value := os.environ.get(name))
    ]
    return "\n".join(["[global]", *lines, ""]) if lines else ""


def certificates() -> Path | None:
    """The certificate authorities that this environment trusts, where a variable names them."""
    path = os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    return Path(path) if path and Path(path).is_file() else None
