"""The registry: what it holds, and what its words mean."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..terminal import fail

if TYPE_CHECKING:
    from docker import DockerClient


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
