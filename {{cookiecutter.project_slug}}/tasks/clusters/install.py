"""Kubeflow Pipelines on a cluster: the release's manifests with an overlay of `deploy/`, staged and applied."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from ..files import ROOT, write
from ..project.settings import Settings
from ..terminal import fail
from .tools import apply, kubectl, last_line, run

Say = Callable[[str], None]

NAMESPACE = "kubeflow"
OVERLAY = ROOT / "deploy" / "kind"
STAGE = ROOT / "build" / "cluster"
RELEASE = "https://github.com/kubeflow/pipelines/manifests/kustomize"


def install(config: Settings, where: str, overlay: Path, say: Say, extra: str = "") -> None:
    """Apply Kubeflow Pipelines with an overlay and `extra` patches, unless the very same has been applied."""
    stamp = _stamp(config, overlay, extra)
    there = kubectl(where, "-n", NAMESPACE, "get", "configmap", "kf-template", "-o", "jsonpath={.data.applied}")
    if there.returncode == 0 and there.stdout.strip() == stamp:
        return
    say(f"  kubectl   applying Kubeflow Pipelines {config.kfp_version}")
    apply(where, "-k", str(stage(config, "cluster-scoped-resources")))
    definitions = ("crd", "--all", "--for", "condition=established", "--timeout", "120s")
    waited = kubectl(where, "wait", *definitions)
    if waited.returncode:
        raise fail(f"the cluster does not take Kubeflow's definitions: {last_line(waited)}")
    apply(where, "-k", str(stage(config, "platform", overlay, extra)))
    about = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kf-template", "namespace": NAMESPACE},
        "data": {"applied": stamp},
    }
    apply(where, "-f", "-", input=json.dumps(about))


def _stamp(config: Settings, overlay: Path, extra: str) -> str:
    text = (overlay / "kustomization.yaml").read_text(encoding="utf-8") + extra
    parts = (text, config.kfp_version, config.kfp_manifests, config.image_mirror)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def stage(config: Settings, part: str, overlay: Path = OVERLAY, extra: str = "") -> Path:
    """A folder for `kubectl apply -k`: cluster-scoped-resources, or platform, which is an overlay and `extra` patches;
    with the version, the copy of the manifests and the mirror that invoke.yaml names."""
    folder = STAGE / part
    folder.mkdir(parents=True, exist_ok=True)
    source = config.kfp_manifests.rstrip("/")
    version = (
        f"?timeout=600s&ref={config.kfp_version}"  # kustomize gives git 27 seconds, and this is a large repository
    )
    base = f"{source or RELEASE}/{'cluster-scoped-resources' if part != 'platform' else 'env/platform-agnostic'}"
    if source and "://" not in source and not source.startswith("github.com"):
        path = (ROOT / source).resolve() / base[len(source) + 1 :]
        if not (path / "kustomization.yaml").is_file():
            raise fail(f"kfp_manifests in invoke.yaml is {source}, and there is no {path}/kustomization.yaml")
        base = os.path.relpath(path, folder.resolve())
    elif "ref=" not in base:
        base += version
    if part == "platform":
        text = (overlay / "kustomization.yaml").read_text(encoding="utf-8") + extra
        text = re.sub(rf"(?m)^  - {RELEASE}/env/platform-agnostic\?ref=\S+$", lambda _: f"  - {base}", text)
    else:
        text = f"resources:\n  - {base}\n"
    write(folder / "kustomization.yaml", text)
    if config.image_mirror and part == "platform":
        rendered = run("kubectl", "kustomize", str(folder), timeout=900)
        if rendered.returncode:
            raise fail(f"the manifests cannot be rendered: {last_line(rendered)}")
        write(folder / "rendered.yaml", mirrored(rendered.stdout, config.image_mirror.rstrip("/")))
        write(folder / "kustomization.yaml", "resources:\n  - rendered.yaml\n")
    return folder


def mirrored(manifests: str, mirror: str) -> str:
    """The manifests with every image behind the mirror: those of Docker Hub by their name, others with their host."""
    hosts = r"(?:ghcr\.io|gcr\.io|quay\.io|docker\.io|registry\.k8s\.io)/"
    text = re.sub(
        rf"(?<![\w./-])({hosts}[\w./-]+:[\w.-]+)", lambda m: f"{mirror}/{m[1].removeprefix('docker.io/')}", manifests
    )
    return re.sub(r"(?m)^(\s*(?:- )?image: )(?!\S*/)(\S+)$", rf"\g<1>{mirror}/\g<2>", text)
