"""What only Kubernetes knows of a run's pods: why one does not start, and its log."""

import json
import os
import re
import subprocess
from typing import Any

from ..clusters import kind
from ..project.settings import Settings
from ..runs.record import Run

STUCK = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"}


class Kubectl:
    """What only Kubernetes knows of a run's pods, where kubectl reaches the cluster that it is on."""

    def __init__(self, context: str, namespace: str, run_id: str) -> None:
        self._command = ["kubectl", "--context", context, "--namespace", namespace]
        self._run_id = run_id

    @classmethod
    def of(cls, config: Settings, run: Run) -> "Kubectl | None":
        """For this project's cluster on kind or AKS, or what KFP_KUBE_CONTEXT names: no other may be the run's."""
        own = [kind.context(config), f"{config.project}-aks"]
        local = re.match(r"https?://(localhost|127\.0\.0\.1)\b", run.remote.get("host", ""))
        wanted = [os.environ["KFP_KUBE_CONTEXT"]] if os.environ.get("KFP_KUBE_CONTEXT") else own if local else []
        try:
            known = subprocess.run(["kubectl", "config", "get-contexts", "-o", "name"], capture_output=True, text=True)
        except OSError:
            return None
        context = next((each for each in wanted if each in known.stdout.split()), None)
        if context is None:
            return None
        return cls(context, config.kfp_namespace or "kubeflow", run.remote["run_id"])

    def _ask(self, *arguments: str) -> str:
        command = [*self._command, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=30)
        return result.stdout if result.returncode == 0 else ""

    def _pods(self) -> list[dict[str, Any]]:
        try:
            found = json.loads(self._ask("get", "pods", "-l", f"pipeline/runid={self._run_id}", "-o", "json") or "{}")
        except (ValueError, subprocess.TimeoutExpired):
            return []
        items: list[dict[str, Any]] = found.get("items", [])
        return items

    @staticmethod
    def _step(pod: dict[str, Any]) -> str:
        """The task that a pod belongs to, as in my-run.root.training.executor."""
        annotations: dict[str, str] = pod["metadata"].get("annotations", {})
        path = annotations.get("workflows.argoproj.io/node-name", "").split(".")
        return path[-2] if len(path) > 2 and path[-1].startswith("executor") else path[-1]

    def stuck(self) -> str | None:
        """The step whose pod cannot start, and why."""
        for pod in self._pods():
            status = pod.get("status", {})
            for container in status.get("containerStatuses", []) + status.get("initContainerStatuses", []):
                waiting = container.get("state", {}).get("waiting") or {}
                if waiting.get("reason") in STUCK:
                    why = waiting.get("message") or container.get("image", "")
                    return f"{self._step(pod)} cannot start: {waiting['reason']}: {why}"
            for condition in status.get("conditions", []):
                if condition.get("reason") == "Unschedulable":
                    return f"{self._step(pod)} cannot start: no node takes it: {condition.get('message', '')}"
        return None

    def log(self, step: str) -> str:
        """The log of a step's pod, and the pod's events; empty where there is none any more."""
        for pod in self._pods():
            if self._step(pod) == step:
                name = pod["metadata"]["name"]
                try:
                    log = self._ask("logs", name, "--container", "main", "--tail", "1000")
                    events = self._ask(
                        "get", "events", "--field-selector", f"involvedObject.name={name}", "--no-headers"
                    )
                except subprocess.TimeoutExpired:
                    return ""
                return log + (f"\nevents of pod {name}:\n{events}" if events.strip() and not log.strip() else "")
        return ""
