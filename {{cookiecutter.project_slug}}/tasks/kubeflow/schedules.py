"""The schedules of `invoke.yaml`, checked."""

import re
from dataclasses import dataclass
from typing import Any

from ..project.parameters import check_whole, default_values, typed, with_credentials
from ..project.pipelines import FIRST, Compiled, check_name
from ..project.places import check_seen
from ..project.settings import NAME, Settings
from ..project.task_settings import seconds
from ..terminal import fail
from .limits import TEXT, check_length


@dataclass(frozen=True)
class Schedule:
    """A recurring run as invoke.yaml wants it. `cron` has six fields, seconds first; `every` is in seconds."""

    name: str
    cron: str
    every: int
    parameters: dict[str, Any]
    enabled: bool
    pipeline: str = FIRST

    def when(self) -> str:
        return f"cron {self.cron}" if self.cron else f"every {self.every} s"


def schedules(config: Settings, pipelines: list[Compiled]) -> list[Schedule]:
    """The checked schedules of invoke.yaml. Raises `Exit` for a slip in one."""
    types = {each.name: each.types for each in pipelines}
    specs = {each.name: each.spec for each in pipelines}
    hidden = {each.name: with_credentials(each.spec) for each in pipelines}  # which the version on the server has not
    defaults = {each.name: default_values(each.spec) for each in pipelines}
    found = []
    for name, values in config.schedules.items():
        where = f"invoke.yaml: schedules: {name}"
        if not NAME.fullmatch(str(name)):
            raise fail(f"{where}: name it with lower-case letters, digits and dashes.")
        if not isinstance(values, dict) or set(values) - {"cron", "every", "parameters", "enabled", "pipeline"}:
            raise fail(f"{where} takes cron or every, and parameters and enabled, and pipeline.")
        if ("cron" in values) == ("every" in values):
            raise fail(f"{where} takes either cron or every.")
        cron = " ".join(str(values.get("cron", "")).split())
        fields = len(cron.split())
        if cron and (fields not in (5, 6) or not re.fullmatch(r"[\d*/,\-?A-Za-z# ]+", cron)):
            raise fail(f"{where}: cron takes 5 fields, or 6 with seconds first, as in '0 6 * * 1-5', not '{cron}'.")
        try:
            every = seconds(str(values["every"])) if "every" in values else 0
        except ValueError:
            raise fail(f"{where}: every takes a time, as in 90s, 30m, 6h or 1d, not '{values['every']}'.") from None
        given = values.get("parameters") or {}
        if not isinstance(given, dict):
            raise fail(f"{where}: parameters must be lines of 'name: value'.")
        if not isinstance(values.get("enabled", True), bool):
            raise fail(f"{where}: enabled takes true or false.")
        pipeline = str(values.get("pipeline", FIRST))
        check_name(pipeline, list(types), f"{where}: pipeline.py")
        known = types[pipeline]
        parameters = {key: typed(key, value, known, where) for key, value in given.items()}
        # A schedule is there to see what is new: KFP puts the time here, so that no source is served from the cache.
        stamps = {key: "[[CurrentTime]]" for key in known if key.removesuffix("_fingerprint") in known.keys() - {key}}
        check_whole(defaults[pipeline] | parameters)
        how = "parameters: {{{name}: s3://...}}"
        check_seen(specs[pipeline], defaults[pipeline] | parameters, config, how, f"{where}: ")
        cron = f"0 {cron}" if fields == 5 else cron
        check_length(f"{where}: cron", cron, TEXT)
        filled = stamps | hidden[pipeline] | parameters
        found.append(Schedule(name, cron, every, filled, values.get("enabled", True), pipeline))
    return found
