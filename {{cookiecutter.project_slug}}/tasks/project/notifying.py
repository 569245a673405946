"""Who is told when it matters: `notify` in invoke.yaml, put on the steps that know of something, and on each pipeline
as an exit handler. Where it is empty, nothing of it is in a pipeline.
"""

import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..terminal import fail, say
from .components import COMPONENTS, component_of
from .pipelines import Broken
from .replacing import replaced
from .settings import Settings
from .tasks_made import Listener

TELLING = ("drift.drift", "registration.register", "registration.notify")  # components' programs that tell of something
NOTIFY = "KF_NOTIFY"  # the variable that tells them whom
COMPONENT = COMPONENTS / "registration" / "component.notify.yaml"


def check_notify(config: Settings) -> None:
    """Raises `Exit` where whom to tell is not wholly said."""
    for name in ("kind", "variable"):
        if config.notify and not config.notify.get(name):
            raise fail(f"invoke.yaml: notify has no {name}; give kind and variable, and for runs on a cluster secret.")
    if config.notify and not COMPONENT.is_file():
        raise fail(f"invoke.yaml: notify needs {COMPONENT.relative_to(COMPONENTS.parent)}, which is not there.")


def telling(config: Settings) -> Listener:
    """A listener that says to the tasks of components that tell of something whom they tell."""

    def configure(component: Any, task: Any) -> None:
        container = component.component_spec.implementation.container
        if not config.notify or not container or not container.command:
            return
        if f"{component_of(container.image)}.{container.command[-1]}" not in TELLING:
            return
        from kfp import kubernetes

        task.set_env_variable(NOTIFY, whom(config))
        if place := config.notify.get("secret"):
            secret, _, key = place.partition("/")
            # A secret that is not there would keep the step's pod from starting; the step says that it has none.
            kubernetes.use_secret_as_env(task, secret, {key: config.notify["variable"]}, optional=True)

    return configure


def whom(config: Settings) -> str:
    """What a step is told of whom to tell, without the address."""
    about = {name: config.notify[name] for name in ("kind", "variable")}
    return json.dumps({"project": config.project, **about})


@contextlib.contextmanager
def ends_told(config: Settings, found: dict[Any, Any]) -> Iterator[None]:
    """While it lasts, a pipeline that is made has another one in `found`, by its function, which tells of its failure;
    `Broken` where there can be none. Pipelines in pipelines stay as they are.
    """
    from kfp.dsl import component_factory as factory

    make = factory.create_graph_component_from_func

    def made(func: Callable[..., Any], *others: Any, **named: Any) -> Any:
        plain = make(func, *others, **named)
        if config.notify and not isinstance(plain, Broken):
            found[func] = make(_with_exit_handler(func), *others, **named)
        return plain

    with replaced(factory, create_graph_component_from_func=made):
        yield


def told(name: str, plain: Any, found: dict[Any, Any]) -> Any:
    """A pipeline as it tells of its failure; as it is where it has none, or can have none, which is said."""
    handled = found.get(getattr(plain, "pipeline_func", None), plain)  # a compiled file has no function
    if isinstance(handled, Broken):
        why = " ".join(str(handled.error).split())
        say(f"notify: nobody is told of failed runs of the pipeline '{name}', which takes no exit handler more: {why}")
        return plain
    return handled


def _with_exit_handler(pipeline: Callable[..., Any]) -> Callable[..., Any]:
    """A pipeline's function with all of its tasks before one more, which tells where they have failed."""

    @functools.wraps(pipeline)
    def handled(*values: Any, **named: Any) -> Any:
        from kfp import dsl
        from kfp.components import load_component_from_file

        last = load_component_from_file(str(COMPONENT))()
        last.set_caching_options(False)
        with dsl.ExitHandler(last):
            return pipeline(*values, **named)

    return handled


def variable_of(environment: Mapping[str, str]) -> list[str]:
    """The variable that a step with this environment needs to tell somebody, where it does."""
    return [json.loads(environment[NOTIFY])["variable"]] if NOTIFY in environment else []
