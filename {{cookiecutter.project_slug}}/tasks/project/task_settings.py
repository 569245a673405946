"""How the steps run on a cluster: `steps` in invoke.yaml, put on each of KFP's tasks as `pipeline.py` makes it."""

import re
from typing import Any

from ..terminal import fail
from .components import component_names, component_of
from .settings import Settings
from .tasks_made import Listener

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def configuring(config: Settings) -> Listener:
    """A listener that gives every task of a component its settings; what `pipeline.py` sets itself goes above.

    Raises `Exit` for a component that is none, with those there are.
    """
    wanted = config.steps
    known = component_names()
    for name in wanted:
        if name != "all" and name not in known:
            raise fail(f"invoke.yaml: steps: there is no component '{name}'; there are: all, {', '.join(known)}.")

    def configure(component: Any, task: Any) -> None:
        implementation = component.component_spec.implementation
        name = component_of(implementation.container.image) if implementation.container else None
        for setting, value in {**wanted.get("all", {}), **wanted.get(name or "", {})}.items() if name else ():
            try:
                _put(task, setting, value)
            except (ValueError, TypeError, KeyError) as error:
                raise fail(f"invoke.yaml: steps: {setting} of {name} cannot be {value!r}: {error}") from None

    return configure


def seconds(text: str) -> int:
    """A time such as 90s, 30m, 2h or 1d in seconds. Raises `ValueError` where it is none."""
    match = re.fullmatch(r"(\d+)([smhd]?)", text)
    if not match or not int(match[1]):
        raise ValueError(text)
    return int(match[1]) * UNITS[match[2] or "s"]


def _put(task: Any, setting: str, value: Any) -> None:
    from kfp import kubernetes

    match setting:
        case "cpu":
            task.set_cpu_limit(str(value))  # Kubernetes asks for as much as it limits to, where nothing else is said
        case "memory":
            task.set_memory_limit(value)
        case "gpu":
            task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(value)
        case "retries":
            task.set_retry(value)
        case "timeout":
            kubernetes.set_timeout(task, seconds(value))
        case "image_pull_secret":
            kubernetes.set_image_pull_secrets(task, [value])
        case "env_from_secrets":
            for variable, place in value.items():
                secret, slash, key = place.partition("/")
                if not slash:
                    raise ValueError(f"{variable} takes secret/key")
                kubernetes.use_secret_as_env(task, secret, {key: variable})
        case "node_selector":
            for label, text in value.items():
                kubernetes.add_node_selector(task, label, text)
        case "tolerations":
            for toleration in value:
                kubernetes.add_toleration(task, **toleration)
        case "labels":
            for label, text in value.items():
                kubernetes.add_pod_label(task, label, text)


def secret_variables(config: Settings) -> set[str]:
    """The variables that steps have from secrets; on this machine they have them from its environment."""
    found: set[str] = set()
    for values in config.steps.values():
        found.update((values or {}).get("env_from_secrets") or {})
    return found
