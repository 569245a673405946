"""What a pipeline asks for that only a cluster has: found before the first step, and named."""

from typing import TYPE_CHECKING

from .attempts import kubernetes_of

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PlatformSpec

ON_A_CLUSTER = {
    "pvcMount": "mounts a volume claim",
    "secretAsVolume": "mounts a secret as a volume",
    "configMapAsVolume": "mounts a config map as a volume",
    "genericEphemeralVolume": "mounts a volume",
    "emptyDirMounts": "mounts a volume",
    "fieldPathAsEnv": "asks for what its pod is called",
}
DUMMIES = ("argostub/createpvc", "argostub/deletepvc")  # images that stand for an act of Kubernetes


def unsupported(compiled: "PipelineSpec", platform: "PlatformSpec") -> list[str]:
    """Why a pipeline cannot run on this machine: a sentence for each reason."""
    from google.protobuf.json_format import MessageToDict

    found = []
    spec, kubernetes = MessageToDict(compiled), kubernetes_of(MessageToDict(platform))
    for label, executor in spec.get("deploymentSpec", {}).get("executors", {}).items():
        name = label.removeprefix("exec-")
        image = executor.get("container", {}).get("image", "")
        if image.startswith(DUMMIES):
            found.append(f"{name} makes or deletes a volume claim, which only a cluster has")
        elif not executor.keys() & {"container", "importer"}:
            found.append(f"{name} is a {next(iter(executor), 'thing')}, which only Google Cloud runs")
        for key, words in ON_A_CLUSTER.items():
            wanted = [each for each in _listed(kubernetes.get(label, {}).get(key)) if not each.get("optional")]
            if wanted:
                found.append(f"{name} {words}, which only a cluster has")
    for name, component in spec.get("components", {}).items():
        types = [
            each.get("parameterType") for each in component.get("inputDefinitions", {}).get("parameters", {}).values()
        ]
        if "TASK_CONFIG" in types:
            found.append(
                f"{name.removeprefix('comp-')} asks for its task's Kubernetes settings, which only a cluster has"
            )
    return list(dict.fromkeys(found))


def _listed(value: object) -> list[dict[str, object]]:
    return value if isinstance(value, list) else [value] if isinstance(value, dict) else []
