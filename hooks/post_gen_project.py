"""Removes what the answers did not ask for, and says what to do next.

Cookiecutter runs this file in the new project, after Jinja has put the answers into it. `cruft update` runs it too, so
it may only remove files, needs no network, and makes no git repository.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

CI_FILES = {"github": ".github", "gitlab": ".gitlab-ci.yml", "azure-devops": "azure-pipelines.yml"}
AZURE_FILES = ("deploy/aks", "tasks/clusters/aks", "tasks/commands/aks.py")
# What tools leave behind in a working copy of the template; all of it can be made again.
CACHES = ("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache")


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def tidy(project: Path, answers: Mapping[str, str]) -> None:
    for provider, name in CI_FILES.items():
        if provider != answers["ci"]:
            remove(project / name)
    if answers["cloud"] != "azure":
        for name in AZURE_FILES:
            remove(project / name)
    for zone in ("components", "tasks", "tests", "deploy"):
        for cache in CACHES:
            for path in sorted((project / zone).rglob(cache)):
                remove(path)
    for cache in CACHES:
        remove(project / cache)


if __name__ == "__main__":
    given = json.loads(r"""{{ cookiecutter | jsonify }}""")
    tidy(Path.cwd(), given)
    print(f"Next: cd {given['project_slug']}")
    print("      uv run inv run")
