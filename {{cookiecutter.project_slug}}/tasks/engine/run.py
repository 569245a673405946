"""A run on this machine, from its first step to its end: signals, what is left behind, and how it ended."""

import asyncio
import contextlib
import os
import signal
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterator
from datetime import UTC, datetime
from typing import Any

from ..project.pipelines import Compiled
from ..report.graph import groups_of, nodes_of, order
from ..runs.listing import rows
from ..runs.record import Run, Step, begin, elapsed, moment
from ..terminal import live, say
from .docker import LABEL_OF_RUN, Containers
from .executions import Dag, Spec
from .host import Processes
from .inputs import Names
from .jobs import Launcher
from .keeper import Keeper
from .recording import inputs_of
from .steps import Steps, cores
from .values import value_of
from .walk import Walk
from .warm import Warm

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK", "SIGALRM")
GRACE = 2  # seconds in which a step that is asked to end can tidy up; then it is killed
SILENCE = float(os.environ.get("KF_TEMPLATE_SILENCE_SECONDS", "300"))  # after which a step without output is spoken of


class LocalRun:
    """One run on this machine. `jobs` is how many steps run at a time; 0 stands for as many as there are cores.

    Containers see the `variables` of this environment; processes are forked from `warm`, where there is one. With
    `debug`, a step of the host has the terminal, and stops in pdb where it fails.
    """

    def __init__(
        self,
        run: Run,
        compiled: Compiled,
        variables: Collection[str] = (),
        jobs: int = 0,
        warm: Warm | None = None,
        debug: bool = False,
    ) -> None:
        from google.protobuf.json_format import MessageToDict

        self.run = run
        self._asked_to_stop = False
        self._compiled = compiled.spec
        self._spec: Spec = MessageToDict(compiled.spec)
        docker = run.engine == "docker"
        cookie = warm.cookie if warm else str(run.folder)
        self._keeper = Keeper(cookie, f"{LABEL_OF_RUN}={run.folder}" if docker else "")
        self._debug = debug
        self._launcher: Launcher = (
            Containers(run, self._keeper, variables) if docker else Processes(self._keeper, warm, debug)
        )
        created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        resource = f"{self._spec['pipelineInfo']['name']}-{run.id}"
        names = Names(f"{run.pipeline} {run.id}", resource, str(uuid.uuid4()), created, run.folder / "workspace")
        self._steps = Steps(run, self._spec, MessageToDict(compiled.platform), self._launcher, names, jobs or cores())

    def pipeline(self, cache: bool) -> None:
        """Run the whole pipeline; how it went is in the record."""
        run, spec = self.run, self._compiled
        leaves = {name for name, part in spec.components.items() if part.WhichOneof("implementation") != "dag"}
        tasks = spec.root.dag.tasks
        self._steps.entries.expect([Step(n) for n in order(spec.root.dag) if tasks[n].component_ref.name in leaves])
        run.graph, run.groups = nodes_of(spec), groups_of(spec)
        self._steps.use_cache = cache
        parameters = {name: value_of(value) for name, value in run.parameters.items()}
        self._carry_out(lambda: Walk(self._spec, self._steps).pipeline(parameters))

    def step(self, before: Step) -> None:
        """Run one step again, with the inputs that it had."""
        component = self._spec["components"][before.component]
        task = {"componentRef": {"name": before.component}}
        dag = Dag({}, {}, {}, before.place)
        name = before.name.rpartition("/")[2]
        self._steps.use_cache = False

        async def once() -> bool:
            return (await self._steps.run(name, task, component, inputs_of(before.inputs), dag)).good

        self._carry_out(once)

    def _carry_out(self, work: Callable[[], Awaitable[bool]]) -> None:
        """Do the work, and bring the record to an end whatever happens."""
        run = self.run
        begin(run)
        workspace = "{{$.workspace_path}}" in str(self._spec)
        if workspace:
            (run.folder / "workspace").mkdir()
        good, problem = False, ""
        with self._stoppable():
            try:
                with contextlib.nullcontext() if self._debug else live(lambda: rows(run)):
                    good = asyncio.run(self._watched(work))
            except Exception as error:  # a fault of this program or of the machine: it is told, and nothing goes on
                problem = f"{type(error).__name__}: {error}"
                self._launcher.stop()
            finally:
                self._launcher.close()
                self._steps.close()
            self._end(good, problem)
        self._keeper.dismiss()

    async def _watched(self, work: Callable[[], Awaitable[bool]]) -> bool:
        watch = asyncio.ensure_future(self._speak_of_silence())
        try:
            return await work()
        finally:
            watch.cancel()

    async def _speak_of_silence(self) -> None:
        """Say once of each step that it has been without output for long; a debugger waits for a person."""
        spoken: set[str] = set()
        while not self._debug:
            await asyncio.sleep(min(SILENCE, 15))
            for step in list(self.run.steps):
                if step.status == "running" and step.name not in spoken and self._silent(step) > SILENCE:
                    spoken.add(step.name)
                    log = f"inv runs.logs {self.run.id} {step.name}"
                    say(f"  {step.name}: no output for {SILENCE / 60:.0f} minutes; {log}")

    def _silent(self, step: Step) -> float:
        """Seconds since a step last wrote to its log."""
        started = moment(step.started) or time.time()
        with contextlib.suppress(OSError):
            return time.time() - max(self.run.log(step.name).stat().st_mtime, started)
        return time.time() - started

    @contextlib.contextmanager
    def _stoppable(self) -> Iterator[None]:
        """While it lasts, Ctrl-C and the signals like it end the steps that run, and no others are started.

        The handler only asks for the end; a second signal, or the alarm after GRACE, kills what goes on. After that,
        signals are not heard any more: what is left to do is to write the record and the page, which is short and is
        not to be cut.
        """

        def stop(number: int, frame: Any) -> None:
            if self._debug and number == signal.SIGINT:
                return  # which is for pdb
            if not self._asked_to_stop and hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, GRACE)
            self._asked_to_stop = True
            self._launcher.stop()
            self._steps.stop()

        kept = {}
        if threading.current_thread() is threading.main_thread():
            numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
            kept = {number: signal.signal(number, stop) for number in numbers}
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, signal.SIG_IGN if self._asked_to_stop else handler)

    def _end(self, good: bool, problem: str) -> None:
        """The end of the record: how the run ended, and why. An exit handler that fails does not fail a run."""
        run = self.run
        failed = [f"{step.name}: {step.reason}" for step in run.steps if step.status == "failed"]
        run.end_steps()
        if self._asked_to_stop:
            run.status, run.reason = "stopped", "stopped before it was done"
        elif good:
            run.status, run.reason = (
                "succeeded",
                f"{failed[0]} (as on a cluster, that fails no run)" if failed else None,
            )
        else:
            run.status, run.reason = "failed", problem or (failed[0] if failed else "failed")
        run.seconds = elapsed(run.started)
        run.pid = None
        run.save()
