"""What the deployments of Kubeflow Pipelines are at, and waiting until all are ready."""

import json
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from ..terminal import Row, fail, live, plain
from .install import NAMESPACE, applied
from .tools import kubectl

Say = Callable[[str], None]

TIMEOUT = 20 * 60
API = "ml-pipeline"
# Lines of a crash that say nothing: frames of a stack, and what Node.js puts around its error.
NOISE = re.compile(r"\s*(at |File \"|\^+\s*$|node:|triggerUncaught|Node\.js v|[{}()\[\]]+;?\s*$|goroutine )")


def deployments(where: str, expected: Iterable[str] = (), since: str = "") -> dict[str, str]:
    """What each deployment of Kubeflow Pipelines is at: ready, starting, pulling, missing, or failing with the reason.

    `expected` are those that were applied. What is said of pods that started before `since`, an ISO 8601 time, is old.
    """
    listed = kubectl(where, "-n", NAMESPACE, "get", "deployments,pods,pvc", "-o", "json", "--request-timeout", "20s")
    try:
        items = json.loads(listed.stdout)["items"]
    except (ValueError, KeyError):
        return {}
    pods = [item for item in items if item["kind"] == "Pod"]
    found = {name: "missing" for name in expected}
    for item in items:
        if item["kind"] != "Deployment":
            continue
        status = item.get("status", {})
        wanted = item["spec"].get("replicas", 1)
        current = status.get("observedGeneration", 0) >= item["metadata"].get("generation", 0)
        labels = item["spec"]["selector"]["matchLabels"].items()
        own = [pod for pod in pods if labels <= pod["metadata"].get("labels", {}).items()]
        own.sort(key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)
        if current and status.get("readyReplicas", 0) >= wanted and status.get("updatedReplicas", 0) >= wanted:
            found[item["metadata"]["name"]] = "starting" if own and _is_old(own[0], since) else "ready"
            continue
        found[item["metadata"]["name"]] = _pod_state(where, own[0]) if own else "starting"
    return found


def _is_old(pod: dict[str, Any], since: str) -> bool:
    """Whether a pod's containers started before a time: after a restart of the node, statuses are those from before."""
    states = [each.get("state", {}) for each in pod.get("status", {}).get("containerStatuses", [])]
    started = [str((state.get("running") or {}).get("startedAt") or "") for state in states]
    return bool(since) and any(each and each[:19] < since[:19] for each in started)


def _pod_state(where: str, pod: dict[str, Any]) -> str:
    status = pod.get("status", {})
    for condition in status.get("conditions", []):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"failing: no place for it: {' '.join(condition.get('message', '').split())}"
    states = status.get("initContainerStatuses", []) + status.get("containerStatuses", [])
    for container in states:
        waiting = container.get("state", {}).get("waiting") or {}
        reason, message = waiting.get("reason", ""), " ".join(waiting.get("message", "").split())
        if reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName"):
            if "toomanyrequests" in message.lower() or "429" in message:
                message = "Docker Hub's limit is reached: docker login, or image_mirror in invoke.yaml. " + message
            return f"failing: {reason}: {message or container.get('image', '')}"
        if reason == "CrashLoopBackOff" or container.get("restartCount", 0) > 3:
            return f"failing: it crashes: {_last_words(where, pod, container['name'])}"
        if reason and reason not in ("ContainerCreating", "PodInitializing"):
            return f"failing: {reason}: {message}"
    if not states or any(
        (c.get("state", {}).get("waiting") or {}).get("reason") == "ContainerCreating" for c in states
    ):
        return "pulling"
    return "starting"


def _last_words(where: str, pod: dict[str, Any], container: str) -> str:
    arguments = ("logs", pod["metadata"]["name"], "-c", container, "--previous", "--tail", "50")
    words = [
        line for line in kubectl(where, "-n", NAMESPACE, *arguments, timeout=20).stdout.splitlines() if line.strip()
    ]
    if any("MLMDEnv table exists" in line for line in words):
        return "its database is half-written ('MLMDEnv table exists'): inv cluster.reset"
    telling = [line.strip() for line in words if not NOISE.match(line)]
    errors = [line for line in telling if re.search(r"error|fatal|panic|exception|cannot|refused", line, re.IGNORECASE)]
    return (errors or telling or ["without a word"])[-1][:300]


def wait(where: str, again: str, since: str = "") -> None:
    """Wait until every deployment is ready and the API answers, and show what each is at and why it is not."""
    start, now, shown = time.monotonic(), dict[str, str](), dict[str, str]()
    expected = applied_deployments(where)

    def rows() -> list[Row]:
        parts = {deployment: state.partition(": ") for deployment, state in sorted(now.items())}
        return [Row(deployment, state, None, why) for deployment, (state, _, why) in parts.items()]

    with live(rows):
        while True:
            now = deployments(where, expected, since)
            for deployment, state in sorted(now.items()):
                if _kind(shown.get(deployment, "")) != _kind(state) and (state != "starting" or deployment in shown):
                    plain(f"  {deployment:<30}  {state}")
                shown[deployment] = state
            if now and all(state == "ready" for state in now.values()):
                if _api_answers(where):
                    return
                now = {**now, API: "starting: its API does not answer yet"}
            if time.monotonic() - start > TIMEOUT:
                break
            time.sleep(3)
    late = "; ".join(f"{deployment}: {state}" for deployment, state in now.items() if state != "ready")
    raise fail(
        f"not ready after {TIMEOUT // 60} minutes: {late or 'the cluster does not answer'}. "
        f"Mend that, and run {again} again: it goes on."
    )


def _kind(state: str) -> str:
    """What a state comes to: while an image cannot be pulled, Kubernetes says so in turns."""
    return re.sub(r"(?<=^failing: )(ErrImagePull|ImagePullBackOff): .*", "image", state)


def _api_answers(where: str) -> bool:
    """Whether KFP's API says that it is well, asked through Kubernetes, whatever the way from here is."""
    path = f"/api/v1/namespaces/{NAMESPACE}/services/{API}:8888/proxy/apis/v2beta1/healthz"
    return kubectl(where, "get", "--raw", path, "--request-timeout", "5s").returncode == 0


def applied_deployments(where: str) -> list[str]:
    """The deployments that were applied, by what was rendered then."""
    objects = applied(where).get("objects", "").split()
    return [name.partition("/")[2] for name in objects if name.startswith("deployment.")]


def show_deployments(where: str, say: Say, again: str) -> bool:
    """Print what each deployment is at; whether all are ready."""
    found = deployments(where, applied_deployments(where))
    for deployment, state in sorted(found.items()):
        say(f"  {deployment:<30}  {state}")
    if not found:
        say(f"there is no Kubeflow Pipelines in {where}, or it does not answer: {again}")
        return False
    ready = all(state == "ready" for state in found.values())
    if not ready:
        say(f"not all of it is ready; to wait for it, or to mend it: {again}")
    return ready
