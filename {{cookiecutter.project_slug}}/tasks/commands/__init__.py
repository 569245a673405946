"""One file for each family of commands: what is given, one call, what is printed, and the exit code."""

from . import changes, checks, cluster, deploy, images, models, overview, positional, run, runs, shell, template

__all__ = [
    "changes",
    "checks",
    "cluster",
    "deploy",
    "images",
    "models",
    "overview",
    "positional",
    "run",
    "runs",
    "shell",
    "template",
]
