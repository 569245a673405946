"""Building the images that the engine does not have, with Docker's command line: builders and logins are its own."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import ROOT
from ..project.components import component_names, image_content, image_reference
from ..project.settings import Settings
from ..terminal import fail, live
from .build_inputs import Building, arguments, certificates, labels, pip_configuration
from .build_problems import build_problem
from .engine import LABEL, connect, docker
from .progress import Progress, watched

if TYPE_CHECKING:
    from docker import DockerClient

Say = Callable[[str], None]


def chosen(names: list[str]) -> list[str]:
    """The components that were named, or all. Raises `Exit` for a name that is none."""
    known = component_names()
    for name in names:
        if name not in known:
            raise fail(f"there is no component '{name}'; there are: {', '.join(known)}.")
    return [name for name in known if name in names or not names]


def check_platform(platform: str) -> str:
    if platform and not re.fullmatch(r"linux/[a-z0-9]+(/v[0-9]+)?", platform):
        raise fail(f"--platform {platform}: name one platform, as in linux/amd64 or linux/arm64.")
    return platform


def here(client: "DockerClient", reference: str, platform: str) -> bool:
    """Whether the engine has the image, with this content and for this platform (empty: the engine's own)."""
    from docker.errors import ImageNotFound

    try:
        found = client.images.get(reference)
    except ImageNotFound:
        return False
    wanted = platform.split("/") if platform else ["linux", client.version()["Arch"]]
    labels = found.labels or {}
    ours = labels.get(f"{LABEL}.content") == reference.rsplit(":", 1)[1]
    return ours and [found.attrs["Os"], found.attrs["Architecture"]] == wanted[:2]


def build(names: list[str], config: Settings, say: Say, platform: str = "") -> list[str]:
    """Build the images of these components that the engine does not have; return the references of all.

    Raises `Exit` with the line of the Dockerfile where a build failed. What was built by then stays.
    """
    client = connect()
    contents = {name: image_content(name) for name in names}
    wanted = [Building(name, image_reference(name, config, contents[name]), contents[name]) for name in names]
    missing = []
    for image in wanted:
        if here(client, image.reference, platform):
            say(f"  {image.name:<16}  up to date")
        else:
            missing.append(image)
    if missing:
        with staged(missing) as folder:
            (bake if has_buildx() else _build_plainly)(missing, folder, config, platform, say)
        for image in missing:
            if not here(client, image.reference, platform):
                raise fail(f"the image of {image.name} was built, but the engine does not have it: {image.reference}")
    return [image.reference for image in wanted]


def has_buildx() -> bool:
    return docker("buildx", "version").returncode == 0


@contextlib.contextmanager
def staged(images: list[Building]) -> Iterator[Path]:
    """A folder that holds, for each image, a folder of the very files its tag was computed from, and no other.

    So a tag cannot lie: a Dockerfile that copies anything else fails, and a file that changes meanwhile is not seen.
    A file's time comes from its content. So the same content gives the same layers; and BuildKit, which takes a file of
    the same size and time as in an earlier build for unchanged, never does so wrongly.
    """
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix=".images-") as temporary:
        for image in images:
            for name, content in image.content.items():
                path = Path(temporary, image.name, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                path.chmod(0o755)
                time_ns = 10**18 + int.from_bytes(hashlib.sha256(content).digest()[:8]) % 10**17
                os.utime(path, ns=(time_ns, time_ns))
            for folder in [path for path in Path(temporary, image.name).rglob("*") if path.is_dir()]:
                folder.chmod(0o755)
                os.utime(folder, (10**9, 10**9))
        yield Path(temporary)


def bake(images: list[Building], folder: Path, config: Settings, platform: str, say: Say, attest: bool = False) -> None:
    """Build all at once with `docker buildx bake`: what they have in common is built once."""
    environment = dict(os.environ)
    secrets = []
    if configuration := pip_configuration():
        environment["KF_TEMPLATE_PIP_CONF"] = configuration
        secrets.append("id=pip.conf,env=KF_TEMPLATE_PIP_CONF")
    if authorities := certificates():
        shutil.copyfile(authorities, folder / "ca.pem")
        secrets.append("id=ca.pem,src=ca.pem")
    targets = {
        image.name: {
            "context": image.name,
            "dockerfile": f"components/{image.name}/Dockerfile",
            "tags": [image.reference],
            "args": arguments(config),
            "labels": labels(image, config),
            "secret": secrets,
            "output": ["type=registry" if attest else "type=docker"],
            "attest": ["type=sbom", "type=provenance,mode=max"] if attest else ["type=provenance,disabled=true"],
            **({"platforms": [platform]} if platform else {}),
        }
        for image in images
    }
    file = {"group": {"default": {"targets": list(targets)}}, "target": targets}
    (folder / "bake.json").write_text(json.dumps(file), encoding="utf-8")
    command = ["docker", "buildx", "bake", "--file", "bake.json", "--progress", "rawjson"]
    progress = Progress(images, "pushed" if attest else "built")
    with live(progress.rows):
        code = watched(command, folder, environment, progress.line)
    if code:
        raise fail(build_problem(progress, images))


def _build_plainly(images: list[Building], folder: Path, config: Settings, platform: str, say: Say) -> None:
    """Build one after another with Docker's older builder, which knows no mounts: no package cache, and no secrets."""
    say("  buildx is missing: one image after another, without a package cache (inv doctor --for docker)")
    if pip_configuration():
        raise fail(
            "PIP_INDEX_URL cannot reach a build without buildx, except in a layer that everyone can read; "
            "install buildx: https://docs.docker.com/go/buildx/"
        )
    for image in images:
        dockerfile = folder / image.name / "components" / image.name / "Dockerfile"
        dockerfile.write_text(re.sub(r"--(mount|chmod)=\S+(\s*\\\n)?\s*", "", dockerfile.read_text("utf-8")), "utf-8")
        command = ["docker", "build", "--force-rm", "--tag", image.reference, "--file", str(dockerfile)]
        for option, values in {"--build-arg": arguments(config), "--label": labels(image, config)}.items():
            command += [part for name, value in values.items() for part in (option, f"{name}={value}")]
        command += ["--platform", platform] if platform else []
        progress, environment = Progress([image], "built"), {**os.environ, "DOCKER_BUILDKIT": "0"}
        with live(progress.rows):
            code = watched([*command, str(folder / image.name)], folder, environment, progress.line, both=True)
            if not code:
                progress.done(image.name)
        if code:
            raise fail(build_problem(progress, [image]))
