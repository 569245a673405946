"""Where the project's code is from."""

import re
import subprocess
import tomllib

from ..files import ROOT
from ..runs.record import code_version


def project_version() -> str:
    """The project's version in pyproject.toml; empty where it has none."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file).get("project", {}).get("version", ""))


def origin() -> dict[str, str]:
    """What the OCI labels say of where an image comes from: the repository without credentials, version and commit."""
    try:
        remote = subprocess.run(["git", "remote", "get-url", "origin"], cwd=ROOT, capture_output=True, text=True).stdout
    except OSError:
        remote = ""
    code = code_version()
    revision = code["commit"] + ("-dirty" if code["changed"] else "") if code else ""
    return {"SOURCE": re.sub(r"//[^/@]*@", "//", remote.strip()), "VERSION": project_version(), "REVISION": revision}
