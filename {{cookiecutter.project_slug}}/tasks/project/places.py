"""Parameters that name a place: of data, of the model store, of a destination; and whether a cluster can see it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import ROOT
from ..terminal import fail, say
from .parameters import default_values
from .pipelines import Compiled
from .settings import Settings

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

STORE = "set it to an address of s3, gs or abfs in invoke.yaml"


def at_home(place: str, what: str) -> str:
    """A place with its home written out, where it begins with one. Raises `Exit` for a home that is not known."""
    if not place.startswith("~"):
        return place
    try:
        return str(Path(place).expanduser())
    except RuntimeError:
        raise fail(f"{what} is '{place}', and such a home is not known here: give the whole path.") from None


def without_tilde(parameters: dict[str, Any]) -> None:
    """Write out the home in paths of data and of the model store: in a container, `~` is another one."""
    for name, value in parameters.items():
        if isinstance(value, str) and _is_place(name, parameters):
            parameters[name] = at_home(value, name)


def free_destination(parameters: dict[str, Any]) -> None:
    """Raises `Exit` for a file of this machine that delivery would refuse to replace, at the end of the run."""
    place, overwrite = parameters.get("destination"), parameters.get("overwrite", True)
    if isinstance(place, str) and "://" not in place and not overwrite and (ROOT / place).is_file():
        raise fail(f"destination '{place}' exists. Name another one, or give overwrite=true: -p overwrite=true")


def only_here(parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The places that only this machine sees: the name of each, and a sentence that lacks how another one is given."""
    for name in [key for key, value in parameters.items() if value is not None and _is_place(key, parameters)]:
        place = str(parameters[name])
        if _anywhere(place) or (name in ("destination", "models") and not place):
            continue
        what = "a folder" if name == "models" else "a file"
        ways = {"destination": "it can write (s3, gs, abfs)", "models": "both can reach it (s3, gs, abfs)"}
        where = ways.get(name, "both can read it (http, s3, gs, abfs)")
        yield (
            name,
            f"{name} is '{place}', {what} of this machine, which a cluster does not see: "
            f"put it where {where}, and give that",
        )


def without_store(spec: "PipelineSpec", parameters: dict[str, Any], config: Settings) -> tuple[str, bool]:
    """A sentence on a pipeline that finds no model store on a cluster, and whether its run would fail for that."""
    if parameters.get("models") != "":
        return "", False
    what = f"models is '{config.models}', a folder of this machine" if config.models else "models is not set"
    if _needs_champion(spec):
        return f"{what}, and the champion has to come from where a cluster sees it: {STORE}", True
    return f"{what}, so a run on a cluster keeps no version of its model: {STORE}" if config.models else "", False


def check_seen(spec: "PipelineSpec", parameters: dict[str, Any], config: Settings, how: str, where: str = "") -> None:
    """Raises `Exit` for a place that only this machine sees; says so of a model store that runs can do without.

    `how` is how another place is given, with {name} for its name, and `where` what each sentence begins with.
    """
    for name, why in only_here(parameters):
        raise fail(f"{where}{why}: {how.format(name=name)}")
    said, ends = without_store(spec, parameters, config)
    if ends:
        raise fail(f"{where}{said}")
    if said:
        say(f"{where}{said}")


def at_deployment(pipelines: list[Compiled], config: Settings) -> list[str]:
    """What the defaults of deployed pipelines lack, which a run that somebody starts on the server gets."""
    found = []
    for each in pipelines:
        values = default_values(each.spec)
        found += [f"{each.title}: {why} there" for name, why in only_here(values) if values[name]]
        said, ends = without_store(each.spec, values, config)
        found += [f"{each.title}: {said}"] if ends else []
    return found


def _is_place(name: str, parameters: dict[str, Any]) -> bool:
    return f"{name}_fingerprint" in parameters or name == "destination"


def _anywhere(place: str) -> bool:
    return "://" in place and not place.startswith(("file://", "local://"))


def _needs_champion(spec: "PipelineSpec") -> bool:
    """Whether a step takes the model store, and fails where that has no champion."""
    given = [task.inputs.parameters for task in spec.root.dag.tasks.values()]
    takers = [each for each in given if "models" in each and "required" in each]
    return any(each["required"].runtime_value.constant.bool_value for each in takers)
