"""The Docker engine and the registry, and whether they are here."""

import shutil
import subprocess
import urllib.error
import urllib.request

import pytest


def docker(*arguments: str) -> str:
    """What Docker's command line prints."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def engine_is_missing() -> str:
    """Why containers cannot be tested here; empty where they can."""
    if not shutil.which("docker"):
        return "docker is not installed"
    if subprocess.run(["docker", "info"], capture_output=True).returncode:
        return "no Docker engine answers"
    return ""


needs_engine = pytest.mark.skipif(bool(engine_is_missing()), reason=engine_is_missing() or "an engine answers")


REGISTRY = "localhost:5001"


def registry_answers() -> bool:
    try:
        with urllib.request.urlopen(f"http://{REGISTRY}/v2/", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


needs_registry = pytest.mark.skipif(not registry_answers(), reason=f"no registry answers at {REGISTRY}")
