"""Kubeflow Pipelines on a cluster: the release's manifests with an overlay of `deploy/`, staged and applied."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import yaml

from ..files import ROOT, write
from ..project.settings import Settings
from ..terminal import fail
from . import passwords
from .tools import apply, github_hint, kubectl, last_line, run

Say = Callable[[str], None]

NAMESPACE = "kubeflow"
NOTE = "kf-template"  # the ConfigMap in which what was applied is noted
OVERLAY = ROOT / "deploy" / "kind"
DATABASE = Path(__file__).with_name("database.yaml")  # what may reach it
STAGE = ROOT / "build" / "cluster"
RELEASE = "https://github.com/kubeflow/pipelines/manifests/kustomize"


def install(config: Settings, where: str, overlay: Path, say: Say, extra: str = "") -> str:
    """Apply Kubeflow Pipelines with an overlay and `extra` patches, unless the very same has been, and all is there.

    What was applied is noted in a ConfigMap, with the name of each of the objects. Returns the manifests that were
    applied now, which is nothing where all is there.
    """
    stamp, about = _stamp(config, overlay, extra), applied(where)
    gone = _missing(where, about.get("objects", "").split())
    if about.get("applied") == stamp and not gone:
        return ""
    for name in gone:
        say(f"  kubectl   {name} is missing")
    say(f"  kubectl   applying Kubeflow Pipelines {config.kfp_version}")
    apply(where, "-k", str(stage(config, "cluster-scoped-resources")))
    definitions = ("crd", "--all", "--for", "condition=established", "--timeout", "120s")
    waited = kubectl(where, "wait", *definitions)
    if waited.returncode:
        raise fail(f"the cluster does not take Kubeflow's definitions: {last_line(waited)}")
    passwords.ensure(where, NAMESPACE)
    folder = stage(config, "platform", overlay, extra)
    manifests = _rendered(folder, config)
    objects = _names(manifests) + [f"secret/{name}" for name in passwords.SECRETS]
    apply(where, "-k", str(folder))
    note = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NOTE, "namespace": NAMESPACE},
        "data": {"applied": stamp, "objects": "\n".join(objects)},
    }
    apply(where, "-f", "-", input=json.dumps(note))
    return manifests


def applied(where: str) -> dict[str, str]:
    """What `install` noted: a stamp of what it applied, and the `objects`, a line each; empty where it did not."""
    noted = kubectl(where, "-n", NAMESPACE, "get", "configmap", NOTE, "-o", "json", "--request-timeout", "20s")
    try:
        found: dict[str, str] = json.loads(noted.stdout)["data"]
    except (ValueError, KeyError):
        return {}
    return found


def _missing(where: str, objects: list[str]) -> list[str]:
    """Those of the objects that the cluster does not have any more."""
    if not objects:
        return []
    listed = kubectl(where, "-n", NAMESPACE, "get", *objects, "--ignore-not-found", "-o", "name")
    if listed.returncode:
        return []
    there = {_short(line) for line in listed.stdout.split()}
    return [name for name in objects if _short(name) not in there]


def _short(name: str) -> str:
    """An object's name without the group of its kind: deployment.apps/mysql is deployment/mysql."""
    return re.sub(r"^([^./]+)\.[^/]*/", r"\1/", name)


def _names(manifests: str) -> list[str]:
    """The objects in manifests as kubectl names them, as in deployment.apps/mysql."""
    found = []
    for each in yaml.load_all(manifests, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if each:
            group = each["apiVersion"].partition("/")[0] if "/" in each["apiVersion"] else ""
            kind = each["kind"].lower() + (f".{group}" if group else "")
            found.append(f"{kind}/{each['metadata']['name']}")
    return sorted(found)


def _rendered(folder: Path, config: Settings) -> str:
    """The manifests of a staged folder, which has them itself afterwards, so that what is noted is what is applied."""
    rendered = run("kubectl", "kustomize", str(folder), timeout=900)
    if rendered.returncode:
        hint = github_hint(rendered.stderr)
        raise fail(f"the manifests cannot be rendered: {last_line(rendered)}{hint}")
    text = mirrored(rendered.stdout, config.image_mirror.rstrip("/")) if config.image_mirror else rendered.stdout
    write(folder / "rendered.yaml", text)
    write(folder / "kustomization.yaml", "resources:\n  - rendered.yaml\n")
    return text


def _stamp(config: Settings, overlay: Path, extra: str) -> str:
    text = (overlay / "kustomization.yaml").read_text(encoding="utf-8") + extra + DATABASE.read_text(encoding="utf-8")
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
        both = f"  - {base}\n  - {DATABASE.name}"
        text = re.sub(rf"(?m)^  - {RELEASE}/env/platform-agnostic\?ref=\S+$", lambda _: both, text)
        write(folder / DATABASE.name, DATABASE.read_text(encoding="utf-8"))
    else:
        text = f"resources:\n  - {base}\n"
    write(folder / "kustomization.yaml", text)
    if config.image_mirror and part == "platform":
        _rendered(folder, config)
    return folder


def mirrored(manifests: str, mirror: str) -> str:
    """The manifests with every image behind the mirror: those of Docker Hub by their name, others with their host."""
    hosts = r"(?:ghcr\.io|gcr\.io|quay\.io|docker\.io|registry\.k8s\.io)/"
    text = re.sub(
        rf"(?<![\w./-])({hosts}[\w./-]+:[\w.-]+)", lambda m: f"{mirror}/{m[1].removeprefix('docker.io/')}", manifests
    )
    return re.sub(r"(?m)^(\s*(?:- )?image: )(?!\S*/)(\S+)$", rf"\g<1>{mirror}/\g<2>", text)
