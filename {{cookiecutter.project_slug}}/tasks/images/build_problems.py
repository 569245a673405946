"""Why a build failed, and what to do."""

import re

from ..files import ROOT
from .build_inputs import Building
from .engine import answers
from .progress import LOG, Progress
from .registry import registry_problem


def build_problem(progress: Progress, images: list[Building]) -> str:
    """Why a build failed, as a message: the image, the Dockerfile's line, and the last words of its step."""
    text = "\n".join(progress.rest)
    words = [line.strip() for line in progress.rest if line.strip()] or ["no message"]
    target = re.search(r"target ([a-z0-9-]+): failed", text)
    name = target[1] if target else images[0].name
    reason = next((line for line in reversed(words) if line.startswith("ERROR:")), words[-1])
    reason = re.sub(r"^(ERROR: )?(target \S+: )?(failed to solve: )?", "", reason)
    everything = "\n".join([text, *progress.failed.values()]).lower()
    whole = f"the whole log: {LOG.relative_to(ROOT)}"
    if not answers():
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
