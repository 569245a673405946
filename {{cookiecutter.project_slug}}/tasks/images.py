"""Images: built where they are missing, pushed where the registry does not hold them yet.

Docker's command line builds, pushes and pulls, because logins, builders and BuildKit are its own; its API answers what
is there.
"""

import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit

from . import containers
from .containers import LABEL
from .files import ROOT, write
from .project.components import component_names, component_of, image_content, image_reference
from .project.settings import Settings
from .terminal import Row, fail, live, plain

if TYPE_CHECKING:
    from docker import DockerClient

Say = Callable[[str], None]

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
PIP_SETTINGS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST")
LOG = ROOT / "build" / "images.log"


@dataclass
class Building:
    """An image that is being built: its target's name, its reference, and what it is made of."""

    name: str
    reference: str
    content: dict[str, bytes]


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


# Building


def build(names: list[str], config: Settings, say: Say, platform: str = "") -> list[str]:
    """Build the images of these components that the engine does not have; return the references of all.

    Raises `Exit` with the line of the Dockerfile where a build failed. What was built by then stays.
    """
    client = containers.connect()
    contents = {name: image_content(name) for name in names}
    wanted = [Building(name, image_reference(name, config, contents[name]), contents[name]) for name in names]
    missing = []
    for image in wanted:
        if here(client, image.reference, platform):
            say(f"  {image.name:<16}  up to date")
        else:
            missing.append(image)
    if missing:
        with _context(missing) as folder:
            (_bake if has_buildx() else _build_plainly)(missing, folder, config, platform, say)
        for image in missing:
            if not here(client, image.reference, platform):
                raise fail(f"the image of {image.name} was built, but the engine does not have it: {image.reference}")
    return [image.reference for image in wanted]


def has_buildx() -> bool:
    return containers.docker("buildx", "version").returncode == 0


@contextlib.contextmanager
def _context(images: list[Building]) -> Iterator[Path]:
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


def _arguments(config: Settings) -> dict[str, str]:
    """The build arguments. The proxies are BuildKit's own and end up neither in a layer nor in the history."""
    mirror = config.image_mirror.rstrip("/")
    found = {"PYTHON_VERSION": config.python_version, "IMAGE_MIRROR": f"{mirror}/" if mirror else ""}
    for name in PROXIES:
        if value := os.environ.get(name) or os.environ.get(name.lower()):
            found[name] = value
    return found | origin()


def origin() -> dict[str, str]:
    """What the OCI labels say of where an image comes from: the repository without credentials, version and commit."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file).get("project", {}).get("version", "")
    try:
        remote = subprocess.run(["git", "remote", "get-url", "origin"], cwd=ROOT, capture_output=True, text=True).stdout
    except OSError:
        remote = ""
    from .runs.record import code_version

    code = code_version()
    revision = code["commit"] + ("-dirty" if code["changed"] else "") if code else ""
    return {"SOURCE": re.sub(r"//[^/@]*@", "//", remote.strip()), "VERSION": version, "REVISION": revision}


def _labels(image: Building, config: Settings) -> dict[str, str]:
    return {f"{LABEL}.project": config.project, f"{LABEL}.content": image.reference.rsplit(":", 1)[1]}


def _pip_configuration() -> str:
    """The corporate index that this environment's PIP_* variables name, as a pip.conf; empty where they name none."""
    lines = [
        f"{name.removeprefix('PIP_').lower().replace('_', '-')} = {value}"
        for name in PIP_SETTINGS
        if (value := os.environ.get(name))
    ]
    return "\n".join(["[global]", *lines, ""]) if lines else ""


def _certificates() -> Path | None:
    """The certificate authorities that this environment trusts, where a variable names them."""
    path = os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    return Path(path) if path and Path(path).is_file() else None


def _bake(
    images: list[Building], folder: Path, config: Settings, platform: str, say: Say, attest: bool = False
) -> None:
    """Build all at once with `docker buildx bake`: what they have in common is built once."""
    environment = dict(os.environ)
    secrets = []
    if configuration := _pip_configuration():
        environment["KF_TEMPLATE_PIP_CONF"] = configuration
        secrets.append("id=pip.conf,env=KF_TEMPLATE_PIP_CONF")
    if certificates := _certificates():
        shutil.copyfile(certificates, folder / "ca.pem")
        secrets.append("id=ca.pem,src=ca.pem")
    targets = {
        image.name: {
            "context": image.name,
            "dockerfile": f"components/{image.name}/Dockerfile",
            "tags": [image.reference],
            "args": _arguments(config),
            "labels": _labels(image, config),
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
        code = _watched(command, folder, environment, progress.line)
    if code:
        raise fail(_why(progress, images))


def _build_plainly(images: list[Building], folder: Path, config: Settings, platform: str, say: Say) -> None:
    """Build one after another with Docker's older builder, which knows no mounts: no package cache, and no secrets."""
    say("  buildx is missing: one image after another, without a package cache (inv doctor --for docker)")
    if _pip_configuration():
        raise fail(
            "PIP_INDEX_URL cannot reach a build without buildx, except in a layer that everyone can read; "
            "install buildx: https://docs.docker.com/go/buildx/"
        )
    for image in images:
        dockerfile = folder / image.name / "components" / image.name / "Dockerfile"
        dockerfile.write_text(re.sub(r"--(mount|chmod)=\S+(\s*\\\n)?\s*", "", dockerfile.read_text("utf-8")), "utf-8")
        command = ["docker", "build", "--force-rm", "--tag", image.reference, "--file", str(dockerfile)]
        for option, values in {"--build-arg": _arguments(config), "--label": _labels(image, config)}.items():
            command += [part for name, value in values.items() for part in (option, f"{name}={value}")]
        command += ["--platform", platform] if platform else []
        progress, environment = Progress([image], "built"), {**os.environ, "DOCKER_BUILDKIT": "0"}
        with live(progress.rows):
            code = _watched([*command, str(folder / image.name)], folder, environment, progress.line, both=True)
            if not code:
                progress.done(image.name)
        if code:
            raise fail(_why(progress, [image]))


def _watched(
    command: list[str], cwd: Path, env: dict[str, str], line: Callable[[str], None], both: bool = False
) -> int:
    """Run a command, hand on each line of its standard error (and output), and return its exit code."""
    output = subprocess.STDOUT if both else subprocess.PIPE
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if both else subprocess.DEVNULL,
        stderr=output,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    stream = process.stdout if both else process.stderr
    assert stream is not None
    try:
        for text in stream:
            line(text.rstrip("\n"))
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise Exit("stopped; run it again: what is done stays done.", code=130) from None


class Progress:
    """What a build says of itself, from BuildKit's JSON lines: what each image is at, and for an error what is not
    progress (`rest`) and the log of each step that failed (`failed`)."""

    def __init__(self, images: list[Building], verb: str) -> None:
        self.images, self.verb = images, verb
        self.started = time.monotonic()
        self._at = {image.name: Row(image.name) for image in images}
        self.rest: list[str] = []
        self.failed: dict[str, str] = {}
        self._logs: dict[str, str] = {}
        write(LOG, "")

    def rows(self) -> list[Row]:
        """The images, for a list that changes."""
        for row in self._at.values():
            if row.state == "building":
                row.seconds = time.monotonic() - self.started
        return list(self._at.values())

    def line(self, text: str) -> None:
        try:
            update = json.loads(text)
        except ValueError:
            update = None
        if not isinstance(update, dict):
            self.rest.append(text)
            self._log(text + "\n")
            return
        for entry in update.get("logs", []):
            said = base64.b64decode(entry["data"]).decode("utf-8", "replace")
            self._logs[entry["vertex"]] = self._logs.get(entry["vertex"], "") + said
            self._log(said)
        for vertex in update.get("vertexes", []):
            self._step(vertex)

    def _step(self, step: dict[str, Any]) -> None:
        instruction, ended = _instruction(step["name"]), "completed" in step
        target = re.match(r"\[([a-z0-9-]+)\b", step["name"])
        name = target[1] if target and target[1] in self._at else self.images[0].name
        if step.get("error"):
            self.failed[instruction] = self._logs.get(step["digest"], "")
            if "canceled" not in step["error"]:
                self._at[name].state, self._at[name].note = "failed", instruction
        elif instruction == "exporting to image" and ended:
            self.done(name)
        elif "started" in step and not ended and not step["name"].startswith("[internal]"):
            self._log(f"{step['name']}\n")
            if (target and target[1] in self._at) or len(self._at) == 1:
                self._at[name].state, self._at[name].note = "building", instruction

    def done(self, name: str) -> None:
        row = self._at[name]
        if row.state != self.verb:
            row.state, row.note, row.seconds = self.verb, "", time.monotonic() - self.started
            plain(f"  {name:<16}  {self.verb:<10}  {row.seconds:6.1f} s")

    def _log(self, text: str) -> None:
        with LOG.open("a", encoding="utf-8") as log:
            log.write(text)


def _instruction(vertex: str) -> str:
    """The instruction of a step's name, without its number and mounts."""
    found = re.sub(r"^\[[^]]*\]\s*", "", vertex)
    return " ".join(re.sub(r"--mount=\S+\s*", "", found).split())


def _why(progress: Progress, images: list[Building]) -> str:
    """Why a build failed, as a message: the image, the Dockerfile's line, and the last words of its step."""
    text = "\n".join(progress.rest)
    words = [line.strip() for line in progress.rest if line.strip()] or ["no message"]
    target = re.search(r"target ([a-z0-9-]+): failed", text)
    name = target[1] if target else images[0].name
    reason = next((line for line in reversed(words) if line.startswith("ERROR:")), words[-1])
    reason = re.sub(r"^(ERROR: )?(target \S+: )?(failed to solve: )?", "", reason)
    everything = "\n".join([text, *progress.failed.values()]).lower()
    whole = f"the whole log: {LOG.relative_to(ROOT)}"
    if not _answers():
        return (
            "the Docker engine stopped answering during the build; start it, and run the command again: "
            "what is done stays done."
        )
    if "no space left" in everything:
        return f"the engine's disk is full. See what takes it: inv disk; free some: inv prune\n{whole}"
    if "ttestation" in text and "not supported" in text:
        return (
            "this builder makes no attestations. Turn on Docker's containerd image store, "
            "or make a builder that does: docker buildx create --use --driver docker-container"
        )
    if "failed to resolve source metadata" in reason or "pull access denied" in reason:
        return (
            f"the base image of {name} cannot be had; check python_version in invoke.yaml and the network, "
            f"and where Docker Hub is out of reach, set image_mirror.\n  {reason}"
        )
    if progress.verb == "pushed" and not progress.failed:
        return registry_problem(images[0].reference, reason)
    line = re.search(r"^(?:\S*/)?Dockerfile:(\d+)$|parse error (?:on )?line (\d+)", text, re.MULTILINE)
    where = f"components/{name}/Dockerfile" + (f", line {line[1] or line[2]}" if line else "")
    step, log = next(iter(progress.failed.items()), ("", ""))
    said = [part.strip() for part in log.splitlines() if part.strip()][-6:]
    if not step and not line:  # the older builder says it all in words
        said = words[-6:-1]
    lines = [f"the image of {name} could not be built: {where}", f"  {step}", *(f"    {part}" for part in said)]
    return "\n".join([*(line for line in lines if line.strip()), f"  {reason}", whole])


def _answers() -> bool:
    try:
        return bool(containers.connect().ping())
    except Exception:
        return False


# The registry


def registry_problem(reference: str, said: str) -> str:
    """What a registry's or the engine's words mean, and what to do."""
    host = reference.split("/")[0]
    if "." not in host and ":" not in host and host != "localhost":
        host = "docker.io"
    said = " ".join(said.split())
    low = said.lower()
    if any(word in low for word in ("unauthorized", "no basic auth", "authentication required", "401")):
        return f"the registry {host} wants a login: docker login {host}\n  it said: {said}"
    if any(word in low for word in ("denied", "forbidden", "403")):
        return (
            f"the registry {host} refuses {reference.rsplit(':', 1)[0]}: log in as someone who may push there "
            f"(docker login {host}), or correct 'registry' in invoke.yaml.\n  it said: {said}"
        )
    if any(
        word in low for word in ("no such host", "name resolution", "name or service not known", "server misbehaving")
    ):
        return f"there is no registry at {host}: correct 'registry' in invoke.yaml, or the network.\n  it said: {said}"
    if any(word in low for word in ("refused", "timeout", "unreachable", "eof", "reset by peer", "connection")):
        start = " (inv cluster.up starts it)" if host.startswith("localhost") else ""
        return f"the registry {host} does not answer; is it running{start}?\n  it said: {said}"
    if "http response to https" in low:
        return (
            f"the registry {host} speaks plain HTTP, which Docker trusts on localhost alone: use HTTPS, "
            f"or add it to insecure-registries in the engine's daemon.json.\n  it said: {said}"
        )
    if "certificate" in low or "x509" in low:
        return f"the engine does not trust the certificate of the registry {host}.\n  it said: {said}"
    if "no space" in low or "quota" in low or "507" in low or "500 internal" in low:
        return f"the registry {host} could not store it; it may be out of space.\n  it said: {said}"
    return f"the registry {host} could not be used.\n  it said: {said}"


@dataclass(frozen=True)
class Held:
    """What a registry says of a tag."""

    digest: str
    platforms: frozenset[str]
    attested: bool


def held(client: "DockerClient", reference: str) -> Held | None:
    """What the registry holds under a reference, asked through its API with Docker's own logins; None for nothing.

    Raises `Exit` where the registry cannot be asked.
    """
    from docker.errors import APIError, NotFound

    try:
        found = client.api.inspect_distribution(reference)
    except NotFound:
        return None
    except APIError as error:
        said = str(error.explanation or error)
        if any(word in said.lower() for word in ("name unknown", "repository does not exist", "not found")):
            return None
        raise fail(registry_problem(reference, said)) from None
    platforms = [(entry.get("os", ""), entry.get("architecture", "")) for entry in found.get("Platforms") or []]
    known = frozenset("/".join(entry) for entry in platforms if "unknown" not in entry)
    return Held(found["Descriptor"]["digest"], known, ("unknown", "unknown") in platforms)


def push(names: list[str], config: Settings, say: Say, platform: str = "", sbom: bool = False) -> None:
    """Push the images of these components that the registry does not hold; build those that are missing first.

    A tag that is there is never written again. Raises `Exit` where the registry does not take one.
    """
    client = containers.connect()
    wanted = platform or f"linux/{client.version()['Arch']}"
    missing = []
    for name in names:
        reference = image_reference(name, config)
        there = held(client, reference)
        if there is None:
            missing.append(name)
            continue
        if there.platforms and not any(wanted.startswith(known) for known in there.platforms):
            raise fail(
                f"the registry holds {reference} for {', '.join(sorted(there.platforms))}, and {wanted} is wanted; "
                "a tag is never overwritten: delete it there, or push to another registry (INVOKE_REGISTRY=...)."
            )
        if sbom and not there.attested:
            raise fail(
                f"the registry holds {reference} already, without attestations; a tag is never overwritten: "
                "delete it there, and push with --sbom again."
            )
        say(f"  {name:<16}  already there")
    if sbom and missing:
        contents = {name: image_content(name) for name in missing}
        images = [Building(name, image_reference(name, config, contents[name]), contents[name]) for name in missing]
        if not has_buildx():
            raise fail("attestations are made by buildx, which is missing: https://docs.docker.com/go/buildx/")
        with _context(images) as folder:
            _bake(images, folder, config, platform, say, attest=True)
    elif missing:
        for reference in build(missing, config, lambda text: None if "up to date" in text else say(text), platform):
            _push_one(reference)
    for name in missing:
        reference = image_reference(name, config)
        if held(client, reference) is None:
            raise fail(f"{reference} was pushed, but the registry does not hold it; push again.")


def _push_one(reference: str) -> None:
    start, words = time.monotonic(), []
    layers: dict[str, str] = {}
    name = reference.rsplit("/", 1)[1].split(":")[0]
    state = "pushing"

    def heard(text: str) -> None:
        layer, _, said = text.partition(": ")
        if re.fullmatch(r"[0-9a-f]{12}", layer):
            layers[layer] = said
        elif text.strip():
            words.append(text.strip())

    def rows() -> list[Row]:
        said = list(layers.values())
        there = sum(each in ("Pushed", "Layer already exists") or "Mounted" in each for each in said)
        note = sent(said) if state == "pushed" else f"{there} of {len(said)} layers are there"
        return [Row(name, state, time.monotonic() - start, note)]

    def sent(said: list[str]) -> str:
        return f"{said.count('Pushed')} of {len(said)} layers"

    with live(rows):
        code = _watched(["docker", "push", reference], ROOT, dict(os.environ), heard, both=True)
        state = "failed" if code else "pushed"
    if code:
        raise fail(registry_problem(reference, words[-1] if words else "no message"))
    plain(f"  {name:<16}  pushed      {time.monotonic() - start:6.1f} s  {sent(list(layers.values()))}")


def ensure(references: list[str], config: Settings, say: Say) -> None:
    """See to it that the engine has the images of a pipeline: pulled where the registry has them, else built."""
    from docker.errors import ImageNotFound

    client = containers.connect()
    to_build = []
    for reference in references:
        if name := component_of(reference):
            if not here(client, reference, "") and not _pulled(client, reference, say):
                to_build.append(name)
            continue
        try:
            client.images.get(reference)
        except ImageNotFound:
            if containers.docker("pull", "--quiet", reference).returncode:
                raise fail(f"the image {reference} is not here and cannot be pulled: docker pull {reference}") from None
    if to_build:
        build(to_build, config, say)


def _pulled(client: "DockerClient", reference: str, say: Say) -> bool:
    """Whether the image could be pulled; a registry that cannot be asked has nothing."""
    start = time.monotonic()
    try:
        there = held(client, reference)
    except Exit:
        return False
    if there is None or containers.docker("pull", "--quiet", reference).returncode:
        return False
    name = reference.rsplit("/", 1)[1].split(":")[0]
    if not here(client, reference, ""):
        return False
    say(f"  {name:<16}  pulled      {time.monotonic() - start:6.1f} s")
    return True
