"""What would be applied on kind, with the release's real manifests."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.manifests import MANIFESTS, needs_manifests
from helpers.template import Bake

FILES = {"left out": 5, "deployments": 9}


@pytest.fixture(scope="module")
def rendered(bake: Bake) -> Iterator[dict[tuple[str, str], dict[str, Any]]]:
    yield render(bake(), {})


def render(project: Path, settings: dict[str, str], overlay: str = "kind") -> dict[tuple[str, str], dict[str, Any]]:
    """The objects of the staged overlay, by kind and name."""
    script = (
        "from tasks.clusters import install, kind\nfrom tasks.project.settings import Settings\n"
        f"settings = {settings | {'kfp_manifests': str(MANIFESTS)}!r}\n"
        "print(install.stage(Settings('p', 'r', '3.13', 'e', '0', {}, **settings), 'platform', "
        f"install.ROOT / 'deploy' / {overlay!r}))"
    )
    staged = subprocess.run([sys.executable, "-c", script], cwd=project, check=True, capture_output=True, text=True)
    text = subprocess.run(
        ["kubectl", "kustomize", staged.stdout.strip()], check=True, capture_output=True, text=True
    ).stdout
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(text) if each}


def pods_of(objects: dict[tuple[str, str], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: each["spec"]["template"]["spec"] for (kind, name), each in objects.items() if kind == "Deployment"}


def images_of(objects: dict[tuple[str, str], dict[str, Any]]) -> set[str]:
    containers = [c for spec in pods_of(objects).values() for c in spec.get("initContainers", []) + spec["containers"]]
    named = {container["image"] for container in containers}
    variables = {e["value"] for c in containers for e in c.get("env", []) if e["name"].endswith("_IMAGE")}
    arguments = {a for c in containers for a in c.get("args", []) if re.match(r"[\w.]+/[\w./-]+:", str(a))}
    return named | variables | arguments


def mebibytes(text: str) -> float:
    number, unit = re.match(r"([\d.]+)(\w*)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"Mi": 1, "Gi": 1024}[unit]


def cpus(text: str) -> float:
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


@needs_manifests
def test_every_image_is_pinned(rendered: dict[tuple[str, str], dict[str, Any]]) -> None:
    images = images_of(rendered)
    assert len(images) == 13  # ten, and the driver, the launcher and Argo's executor, which runs need
    for image in images:
        assert re.search(r":v?\d[\w.]*$", image), image
    assert not re.search(r":(latest|master|main|dummy)\b", yaml.safe_dump_all(rendered.values()))
    ours = {image for image in images if "ghcr.io/kubeflow" in image}
    assert len(ours) == 7 and all(image.endswith(":2.17.0") for image in ours)


@needs_manifests
def test_it_is_of_a_size_for_a_laptop(rendered: dict[tuple[str, str], dict[str, Any]]) -> None:
    requests = [
        container.get("resources", {}).get("requests", {})
        for spec in pods_of(rendered).values()
        for container in spec["containers"]
    ]
    assert sum(cpus(each.get("cpu", "0")) for each in requests) <= 1
    assert sum(mebibytes(each.get("memory", "0Mi")) for each in requests) <= 2.5 * 1024
    claims = [each for (kind, _), each in rendered.items() if kind == "PersistentVolumeClaim"]
    assert sum(mebibytes(each["spec"]["resources"]["requests"]["storage"]) for each in claims) == 10 * 1024


@needs_manifests
def test_what_is_left_out_leaves_nothing_that_names_it(rendered: dict[tuple[str, str], dict[str, Any]]) -> None:
    plain = subprocess.run(
        ["kubectl", "kustomize", str(MANIFESTS / "env/platform-agnostic")], check=True, capture_output=True, text=True
    ).stdout
    before = {(each["kind"], each["metadata"]["name"]) for each in yaml.safe_load_all(plain) if each}
    assert set(rendered) - before == {("NetworkPolicy", "mysql")}
    gone = before - set(rendered)
    assert len([kind for kind, _ in gone if kind == "Deployment"]) == FILES["left out"]
    assert len(pods_of(rendered)) == FILES["deployments"]
    for spec in pods_of(rendered).values():
        account = spec.get("serviceAccountName")
        assert not account or ("ServiceAccount", account) in rendered
    for (kind, _), each in rendered.items():
        if kind == "RoleBinding":
            assert (each["roleRef"]["kind"], each["roleRef"]["name"]) in rendered
            subjects = [subject["name"] for subject in each["subjects"] if subject["kind"] == "ServiceAccount"]
            assert all(("ServiceAccount", subject) in rendered for subject in subjects)
    # The API server does not start without the address of this one.
    assert ("Service", "ml-pipeline-visualizationserver") in rendered


@needs_manifests
def test_the_ui_and_the_api_are_on_ports_that_kind_maps(
    rendered: dict[tuple[str, str], dict[str, Any]], project: Path
) -> None:
    ports = {
        each["spec"]["ports"][0]["nodePort"]
        for (kind, _), each in rendered.items()
        if kind == "Service" and each["spec"].get("type") == "NodePort"
    }
    script = (
        "from tasks.clusters import install, kind\nfrom tasks.project.settings import Settings\n"
        "print(kind.kind_config(Settings('p', 'r', '3.13', 'e', '0', {}), 8080))"
    )
    text = subprocess.run([sys.executable, "-c", script], cwd=project, check=True, capture_output=True, text=True)
    (node,) = yaml.safe_load(text.stdout)["nodes"]
    mapped = {each["containerPort"]: (each["hostPort"], each["listenAddress"]) for each in node["extraPortMappings"]}
    assert mapped == {30080: (8080, "127.0.0.1"), 30888: (8888, "127.0.0.1")}
    assert set(mapped) == ports


@needs_manifests
@pytest.mark.parametrize("overlay", ["kind", "aks"])
def test_no_password_is_the_releases_own(bake: Bake, overlay: str) -> None:
    objects = render(bake(cloud="azure"), {}, overlay)
    assert not any(kind == "Secret" for kind, _ in objects), "cluster.up makes them"
    assert "minio123" not in yaml.safe_dump_all(objects.values())
    (database,) = pods_of(objects)["mysql"]["containers"]
    assert {
        "name": "MYSQL_ROOT_PASSWORD",
        "valueFrom": {"secretKeyRef": {"name": "mysql-secret", "key": "password"}},
    } in (database["env"])
    script = (
        "import json; from tasks.clusters.passwords import SECRETS\n"
        "print(json.dumps({name: [*known, *made] for name, (_, known, made) in SECRETS.items()}))"
    )
    said = subprocess.run([sys.executable, "-c", script], cwd=bake(), check=True, capture_output=True, text=True).stdout
    made = json.loads(said)
    read = set(re.findall(r"secretKeyRef: *\{?\s*key: (\w+),?\s+name: ([\w-]+)", yaml.safe_dump_all(objects.values())))
    assert {name for _, name in read} == set(made) and all(key in made[name] for key, name in read)
    release = subprocess.run(
        ["kubectl", "kustomize", str(MANIFESTS / "env/platform-agnostic")], check=True, capture_output=True, text=True
    ).stdout
    theirs = {e["metadata"]["name"]: e for e in yaml.safe_load_all(release) if e and e["kind"] == "Secret"}
    assert {name: sorted(each["stringData"]) for name, each in theirs.items()} == {
        n: sorted(k) for n, k in made.items()
    }


@needs_manifests
def test_the_database_answers_those_that_use_it_and_no_step(rendered: dict[tuple[str, str], dict[str, Any]]) -> None:
    policy = rendered["NetworkPolicy", "mysql"]["spec"]
    labels = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for (kind, _), each in rendered.items()
        if kind == "Deployment"
    }

    def matches(selector: dict[str, Any]) -> set[str]:
        return {name for name, have in labels.items() if selector["matchLabels"].items() <= have.items()}

    assert matches(policy["podSelector"]) == {"mysql"}
    ((rule),) = policy["ingress"]
    allowed = set().union(*(matches(each["podSelector"]) for each in rule["from"]))
    users = {name for name, spec in pods_of(rendered).items() if "mysql-secret" in str(spec)} - {"mysql"}
    assert allowed == users == {"ml-pipeline", "metadata-grpc-deployment"}


@needs_manifests
def test_argo_looks_at_a_workflow_more_often_than_by_itself(rendered: dict[tuple[str, str], dict[str, Any]]) -> None:
    (controller,) = pods_of(rendered)["workflow-controller"]["containers"]
    variables = {each["name"]: each.get("value") for each in controller["env"]}
    assert variables["DEFAULT_REQUEUE_TIME"] == "2s" and "LEADER_ELECTION_IDENTITY" in variables


@needs_manifests
def test_behind_a_mirror_every_image_is(bake: Bake) -> None:
    images = images_of(render(bake(), {"image_mirror": "mirror.example.com/hub"}))
    assert len(images) == 13
    assert all(image.startswith("mirror.example.com/hub/") for image in images)
    assert {"mirror.example.com/hub/mysql:8.4", "mirror.example.com/hub/alpine:3.23"} < images
    assert "mirror.example.com/hub/ghcr.io/kubeflow/kfp-driver:2.17.0" in images


def test_the_overlay_names_the_release_that_the_settings_do(default_project: Path) -> None:
    text = (default_project / "deploy/kind/kustomization.yaml").read_text(encoding="utf-8")
    settings = yaml.safe_load((default_project / "invoke.yaml").read_text(encoding="utf-8"))
    assert f"env/platform-agnostic?ref={settings['kfp_version']}" in text


def test_a_copy_of_the_manifests_that_is_none(bake: Bake) -> None:
    project = bake()
    script = (
        "from tasks.clusters import install, kind\nfrom tasks.project.settings import Settings\n"
        "install.stage(Settings('p', 'r', '3.13', 'e', '0', {}, kfp_manifests='nowhere'), 'platform')"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=project, capture_output=True, text=True)
    assert "kfp_manifests in invoke.yaml is nowhere, and there is no" in result.stderr
