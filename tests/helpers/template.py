"""The template, the project in it, and what a function that bakes projects looks like."""

from collections.abc import Callable
from pathlib import Path

TEMPLATE = Path(__file__).parents[2]


PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"


Bake = Callable[..., Path]


CACHES = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
