"""Images that a run on kind waits for, pulled onto the node before: those that are there already cost nothing."""

import re
import shutil
from collections.abc import Iterable

from ..project.settings import Settings
from . import kind
from .tools import run


def pull_ahead(config: Settings, images: Iterable[str]) -> None:
    """Let the node of this project's cluster pull images by itself, and do not wait for it.

    Where that fails, or there is no such node, Kubernetes pulls them when a pod wants them, and says why it cannot.
    """
    if not shutil.which("docker"):
        return
    for image in images:
        if run("docker", "exec", "--detach", kind.node_name(config), "crictl", "pull", image).returncode:
            return


def of_every_run(manifests: str) -> list[str]:
    """The images in KFP's manifests that no deployment runs, and every run does: driver, launcher, Argo's executor."""
    return sorted(set(re.findall(r"[\w./:-]+/(?:kfp-driver|kfp-launcher|argoexec):[\w.-]+", manifests)))
