"""The steps of a run: served from the cache or run, tried again where they may be, and entered into the record."""

import asyncio
import contextlib
import itertools
import os
from collections.abc import Callable

from ..runs.record import Run, Step
from . import cache
from .attempts import Attempts
from .entries import Entries
from .executions import Dag, Execution, Place, Spec, State
from .inputs import Inputs, Names
from .jobs import RETRY, Launcher
from .threads import Threads


class Steps:
    """Runs the steps of one run, as many at a time as `jobs` says (see `walk.Steps`)."""

    def __init__(self, run: Run, spec: Spec, platform: Spec, launcher: Launcher, names: Names, jobs: int) -> None:
        self.names = names
        self.entries = Entries(run)
        self.use_cache = True
        self._run = run
        self._executors: dict[str, Spec] = spec["deploymentSpec"].get("executors", {})
        self._attempts = Attempts(run, platform, launcher)
        self._jobs = jobs
        self._threads = Threads(jobs)
        self._ready = 0  # steps that run, or wait for their turn
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Let what waits for its next try give up, at once: a signal handler that calls this wakes no event loop."""
        try:
            asyncio.get_running_loop().call_soon_threadsafe(self._stopped.set)
        except RuntimeError:  # nothing waits yet, or any more
            self._stopped.set()

    def close(self) -> None:
        """The run is over."""
        self._threads.close()

    async def run(self, name: str, task: Spec, component: Spec, inputs: Inputs, dag: Dag) -> Execution:
        """Run a container, or import an artifact; the execution says how it went."""
        step = self.entries.entry(name, task["componentRef"]["name"], dag.place)
        self._ready += 1
        try:
            execution = await self._tried(step, name, task, component, inputs)
        finally:
            self._ready -= 1
        self.entries.finished(step, execution, stopped=self._stopped.is_set() and not execution.good)
        return execution

    def not_run(self, name: str, task: Spec, place: Place, state: State, reason: str) -> None:
        """Enter a task that is not run."""
        step = self.entries.entry(name, task["componentRef"]["name"], place)
        self.entries.not_run(step, state in ("failed", "not started"), reason)

    async def _tried(self, step: Step, name: str, task: Spec, component: Spec, inputs: Inputs) -> Execution:
        """One try after the other, until one succeeds or there may be no more."""
        retry = task.get("retryPolicy", {})
        left, pause = int(retry.get("maxRetryCount", 0)), _seconds(retry.get("backoffDuration"))
        for number in itertools.count():
            told = {RETRY: str(number)} if retry else {}
            work = self._work(step, name, task, component, inputs, told)
            execution = await self._threads.run(work)
            if execution.state != "failed" or not left or self._stopped.is_set():
                return execution
            left -= 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), pause)
            pause = min(pause * float(retry.get("backoffFactor", 2)), _seconds(retry.get("backoffMaxDuration"), 3600))
        raise AssertionError("there is always a next number")

    def _work(
        self, step: Step, name: str, task: Spec, component: Spec, inputs: Inputs, told: dict[str, str]
    ) -> Callable[[], Execution]:
        """What a thread does for one try, of which the step is told in variables."""
        executor = self._executors[component["executorLabel"]]
        threads = max(1, cores() // min(self._jobs, self._ready))

        def work() -> Execution:
            self.entries.started(step, inputs, _declared(component))
            if "importer" in executor:
                return self._attempts.of_importer(name, executor["importer"], component, inputs)
            cached = self.use_cache and task.get("cachingOptions", {}).get("enableCache")
            key = cache.key_of(self._run.function, executor["container"], component, inputs) if cached else ""
            if key and (found := cache.kept(self._run.engine, key)):
                return Execution(name, "cached", "", *found)
            execution = self._attempts.of_container(step, component, executor["container"], inputs, threads, told)
            if key and execution.good:
                cache.keep(self._run.engine, key, execution.parameters, execution.artifacts)
            return execution

        return work


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _declared(component: Spec) -> set[str]:
    definitions = component.get("inputDefinitions", {})
    return {*definitions.get("parameters", {}), *definitions.get("artifacts", {})}


def _seconds(duration: str | None, default: float = 0) -> float:
    """A protobuf duration such as `1.5s`, as JSON has it."""
    return float(duration.removesuffix("s")) if duration else default
