"""Runs, a run and a step as a person at a prompt has them. They are read from the records when they are asked for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit

from ..runs.record import Run, Step, find, is_artifact, newest_first, state
from ..terminal import harmless, message_of, near
from .loading import kind, loaded, place
from .trouble import NoSuch, Trouble


class StepView:
    """A step of a run: an output as an attribute, or by its name in brackets."""

    def __init__(self, run: Run, step: Step) -> None:
        self._run, self._step = run, step

    @property
    def name(self) -> str:
        return self._step.name

    @property
    def status(self) -> str:
        return state(self._step)

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs' names in order, and what each is."""
        return {name: kind(value) for name, value in sorted(self._step.outputs.items())}

    @property
    def log(self) -> str:
        """What it said."""
        path = self._run.log(self.name)
        if path.is_file():
            return "\n".join(map(harmless, path.read_text(encoding="utf-8", errors="replace").splitlines()))
        why = "it was served from the cache" if self._step.cached else "inv runs.logs says why, or reads it"
        raise Trouble(f"step {self.name} of run {self._run.id} has no log here: {why}.")

    def path(self, output: str) -> Path:
        """Where an artifact lies: its file or its folder."""
        value = self._value(output)
        if not is_artifact(value):
            raise Trouble(f"{self._called(output)} is {kind(value)}, no single artifact, so it has no path.")
        return place(self._run, self._called(output), value)

    def __getitem__(self, output: str) -> Any:
        return loaded(self._run, self._called(output), self._value(output))

    def __getattr__(self, output: str) -> Any:
        if output.startswith("_"):  # IPython, copy and others ask for what they may find
            raise AttributeError(output)
        return self[output]

    def __dir__(self) -> list[str]:
        names = [name for name in self._step.outputs if name.isidentifier()]
        return sorted({"name", "status", "outputs", "log", "path", *names})

    def __repr__(self) -> str:
        lines = [f"  {name}: {what}" for name, what in self.outputs.items()] or ["  no outputs"]
        return "\n".join([f"step {self.name} of run {self._run.id}: {self.status}", *map(harmless, lines)])

    def _called(self, output: str) -> str:
        return f"{output} of step {self.name} in run {self._run.id}"

    def _value(self, output: str) -> Any:
        known = self._step.outputs
        if output not in known:
            there = f"it has {', '.join(known)}" if known else f"it has none, and is {self.status}"
            raise NoSuch(
                f"step {self.name} of run {self._run.id} has no output {output!r}; {there}.{near(str(output), known)}"
            )
        return known[output]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._step.outputs)


class RunView:
    """A run: a step by its name in brackets."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.id, self.pipeline, self.status = run.id, run.function, run.status
        self.engine, self.started, self.folder = run.engine, run.started, run.folder
        self.parameters, self.metrics = dict(run.shown), dict(run.metrics)

    @property
    def steps(self) -> list[str]:
        return [step.name for step in self._run.steps]

    def __getitem__(self, step: str) -> StepView:
        for each in self._run.steps:
            if each.name == step:
                return StepView(self._run, each)
        there = f"its steps are {', '.join(self.steps)}" if self.steps else f"it has none, and is {self.status}"
        raise NoSuch(f"run {self.id} has no step {step!r}; {there}.{near(str(step), self.steps)}")

    def __iter__(self) -> Iterator[StepView]:
        return (StepView(self._run, each) for each in self._run.steps)

    def __len__(self) -> int:
        return len(self._run.steps)

    def __repr__(self) -> str:
        numbers = [f"  {name}: {value:.4g}" for name, value in self.metrics.items()]
        steps = f"  steps: {', '.join(self.steps) or 'none'}"
        head = f"run {self.id} of {self.pipeline} on {self.engine}: {self.status}"
        return "\n".join(map(harmless, [head, steps, *numbers[:5], *(["  ..."] if numbers[5:] else [])]))

    def _ipython_key_completions_(self) -> list[str]:
        return self.steps


class Runs:
    """The project's runs, the newest first."""

    @property
    def latest(self) -> RunView:
        return self._found(None)

    def __getitem__(self, wanted: str) -> RunView:
        if not isinstance(wanted, str):
            raise NoSuch(f"a run is asked for by its id or its pipeline's name, as a text, and not by {wanted!r}.")
        return self.latest if wanted == "latest" else self._found(wanted)

    def __iter__(self) -> Iterator[RunView]:
        return map(RunView, newest_first())

    def __len__(self) -> int:
        return len(newest_first())

    def __repr__(self) -> str:
        found = newest_first()
        lines = [f"  {run.id}  {run.function}  {run.status}" for run in found[:10]]
        more = [f"  ... and {len(found) - 10} more"] if found[10:] else []
        return "\n".join(["the runs, the newest first:", *map(harmless, lines), *more] if found else ["no runs yet"])

    def _ipython_key_completions_(self) -> list[str]:
        return [run.id for run in newest_first()]

    def _found(self, wanted: str | None) -> RunView:
        try:
            return RunView(find(wanted))
        except Exit as error:
            raise NoSuch(message_of(error)) from None


runs = Runs()
