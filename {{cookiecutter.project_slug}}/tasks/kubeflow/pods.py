"""What only Kubernetes knows of a run: why a pod does not start, and the log of one that runs."""

import contextlib
import json
import os
import re
import subprocess
import time
from typing import Any

from ..clusters import kind
from ..project.quantities import quantity
from ..project.settings import Settings
from ..runs.record import Run
from .contents import own_words
from .workflow import step_of_node

# What does not pass by waiting: the image, or what the container is to be made with.
STUCK = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"}
PATIENCE = float(os.environ.get("KF_TEMPLATE_PATIENCE_SECONDS", "600"))  # with a pod that no node takes


class Kubectl:
    """What Kubernetes knows of a run's pods, where kubectl reaches the cluster that it is on."""

    def __init__(self, context: str, namespace: str, run_id: str) -> None:
        self._command = ["kubectl", "--context", context, "--namespace", namespace]
        self._run_id = run_id
        self._waiting: dict[str, float] = {}  # since when a pod has waited for a node

    @classmethod
    def of(cls, config: Settings, run: Run) -> "Kubectl | None":
        """For the cluster that a run is on."""
        return cls.at(config, run.remote.get("host", ""), run.remote["run_id"])

    @classmethod
    def at(cls, config: Settings, host: str, run_id: str) -> "Kubectl | None":
        """For this project's cluster on kind or AKS, or what KFP_KUBE_CONTEXT names: no other may be the host's."""
        own = [kind.context(config), f"{config.project}-aks"] if kind.local_port(host) else []
        wanted = [os.environ["KFP_KUBE_CONTEXT"]] if os.environ.get("KFP_KUBE_CONTEXT") else own
        try:
            known = subprocess.run(["kubectl", "config", "get-contexts", "-o", "name"], capture_output=True, text=True)
        except OSError:
            return None
        context = next((each for each in wanted if each in known.stdout.split()), None)
        if context is None:
            return None
        return cls(context, config.kfp_namespace or "kubeflow", run_id)

    def _ask(self, *arguments: str) -> str:
        command = [*self._command, *arguments]
        try:
            result = subprocess.run(
                command, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=30
            )
        except subprocess.TimeoutExpired:
            return ""
        return result.stdout if result.returncode == 0 else ""

    def items(self, what: str, *options: str) -> list[dict[str, Any]]:
        """The things of a kind; none where they cannot be listed."""
        try:
            found = json.loads(self._ask("get", what, *options, "-o", "json") or "{}")
        except ValueError:
            return []
        items: list[dict[str, Any]] = found.get("items", [])
        return items

    def delete(self, what: str, name: str) -> None:
        self._ask("delete", what, name, "--ignore-not-found")

    def _pods(self) -> list[dict[str, Any]]:
        return self.items("pods", "-l", f"pipeline/runid={self._run_id}")

    def workflow(self) -> dict[str, Any]:
        """The run's Argo workflow, for as long as it is there; empty where it is not."""
        found = self.items("workflows.argoproj.io", "-l", f"pipeline/runid={self._run_id}")
        return found[0] if found else {}

    @staticmethod
    def _step(pod: dict[str, Any]) -> str:
        """The step that a pod belongs to, by the name of its node in the workflow."""
        annotations: dict[str, str] = pod["metadata"].get("annotations", {})
        return step_of_node(annotations.get("workflows.argoproj.io/node-name", ""))

    def trouble(self) -> tuple[dict[str, str], str]:
        """Why steps wait, and the first reason that will not pass, which is empty where all may.

        A pod that no node takes now may be taken when others are over, unless it asks for more than any node has or for
        nodes that there are none of: that is told apart by patience, and by what the nodes offer.
        """
        waits: dict[str, str] = {}
        for pod in self._pods():
            status, step = pod.get("status", {}), self._step(pod)
            for container in status.get("containerStatuses", []) + status.get("initContainerStatuses", []):
                waiting = container.get("state", {}).get("waiting") or {}
                if waiting.get("reason") in STUCK:
                    why = waiting.get("message") or container.get("image", "")
                    return waits, f"{step} cannot start: {waiting['reason']}: {why}"
            conditions = status.get("conditions", [])
            unschedulable = next((each for each in conditions if each.get("reason") == "Unschedulable"), None)
            if unschedulable is None:
                self._waiting.pop(pod["metadata"]["name"], None)
                continue
            message = " ".join(unschedulable.get("message", "").split())
            since = self._waiting.setdefault(pod["metadata"]["name"], time.monotonic())
            waits[step] = f"waits for a node: {message}"
            if self._hopeless(pod, message) or time.monotonic() - since > PATIENCE:
                return waits, f"{step} cannot start: no node takes it: {message}"
        return waits, ""

    def _hopeless(self, pod: dict[str, Any], message: str) -> bool:
        """Whether no node could take a pod even if it were empty."""
        # Kubernetes itself puts taints on a node for as long as that is not well.
        for_good = r"node affinity/selector|untolerated taint(\(s\))? \{(?!node\.kubernetes\.io/)"
        if re.search(for_good, message) and "Insufficient" not in message:
            return not self._autoscaled()
        wanted = _requests(pod)
        nodes = self.items("nodes")
        free = [node.get("status", {}).get("allocatable", {}) for node in nodes]
        if not free or self._autoscaled():
            return False
        return not any(all(_amount(each.get(name, "0")) >= amount for name, amount in wanted.items()) for each in free)

    def _autoscaled(self) -> bool:
        """Whether nodes may come: a cluster of one's own on this machine has one, for good."""
        return not self._command[2].startswith("kind-")

    def log(self, step: str) -> str:
        """The log of a step's pod, and the pod's events where it has none; empty where there is no pod any more."""
        pods = [pod for pod in self._pods() if self._step(pod) == step]
        for pod in sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True):
            name = pod["metadata"]["name"]
            log = own_words(self._ask("logs", name, "--container", "main", "--tail", "1000"))
            if log.strip():
                return f"{log}\n"
            events = self._ask("get", "events", "--field-selector", f"involvedObject.name={name}", "--no-headers")
            return f"\nevents of pod {name}:\n{events}" if events.strip() else ""
        return ""


def _requests(pod: dict[str, Any]) -> dict[str, float]:
    """What a pod asks of a node, in all."""
    found: dict[str, float] = {}
    for container in pod.get("spec", {}).get("containers", []):
        for name, amount in (container.get("resources", {}).get("requests") or {}).items():
            found[name] = found.get(name, 0) + _amount(amount)
    return found


def _amount(text: Any) -> float:
    """A quantity as a number; 0 where it is none."""
    with contextlib.suppress(ValueError):
        return quantity(text)
    return 0
