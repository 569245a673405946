"""How a cluster run ended: the reasons for a failure, its metrics, and what its steps printed and reported."""

from dataclasses import dataclass, field
from functools import cached_property

from ..files import write
from ..runs.metrics import metrics
from ..runs.record import Run, Step, tail
from .connect import Api
from .contents import (
    LOG,
    METRICS,
    REPORTS,
    archived_log,
    artifact,
    drivers_words,
    keep_artifacts,
    last_words,
    own_words,
)
from .pods import Kubectl
from .values import Reader
from .workflow import Node, Task, Workflow, step_name

FAILED = ("Failed", "Error")


def conclude(api: Api, run: Run, workflow: Workflow | None, kubectl: Kubectl | None, everything: bool = False) -> None:
    """Add to the record of a run that is over: metrics, and the log of each failed step with its last words as reason.

    With `everything`, the logs of all steps and their reports too. What could not be had is noted in `remote`.
    """
    end = _End(api, run, workflow, kubectl)
    end.problems += keep_artifacts(api, run, METRICS | REPORTS if everything else METRICS)
    run.metrics = metrics(run.steps)
    for step in run.steps:
        if step.status == "failed":
            end.keep_log(step)
            end.give_reason(step)
        elif everything and step.status == "succeeded" and not step.cached:
            end.keep_log(step)
    if run.status == "failed" and not run.reason:
        run.reason = end.reason()
    run.remote["kept"] = "all" if everything else "metrics"
    run.remote.pop("note", None)
    notes = (
        []
        if workflow
        else ["the server does not give its workflow, so what its steps were given and gave is not known"]
    )
    if end.problems:
        notes.append(f"not all logs and artifacts could be read: {'; '.join(dict.fromkeys(end.problems))[:300]}")
    if notes:
        run.remote["note"] = "; ".join(notes)


@dataclass
class _End:
    """The end of one run, and what could not be had of it."""

    api: Api
    run: Run
    workflow: Workflow | None
    kubectl: Kubectl | None
    problems: list[str] = field(default_factory=list)

    def keep_log(self, step: Step) -> None:
        """Write what a step printed into its log, unless it is there already."""
        path = self.run.log(step.name)
        if path.exists() and path.stat().st_size:
            return
        log, problem = "", ""
        if (task := self._tasks.get(step.name)) and task.executor and task.executor.pod:
            try:
                log = self._printed(task, task.executor)
            except OSError as error:
                problem = str(error)
        if not log and self.kubectl:
            log = self.kubectl.log(step.name)
        if log:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, log)
        elif problem:
            self.problems.append(problem)

    def give_reason(self, step: Step) -> None:
        """What a failed step said last, or its driver."""
        task = self._tasks.get(step.name)
        if task and task.driver and task.driver.phase in FAILED:
            words = self._drivers_words(task.driver) or task.driver.message or "no reason given"
            step.reason = f"its driver failed, before the step itself: {words}"
        elif words := last_words(tail(self.run.log(step.name), 200)):
            step.reason = words

    def reason(self) -> str:
        """Why the run failed: its first failed step, or else the driver of a group, or what Argo says."""
        if failed := next((step for step in self.run.steps if step.status == "failed"), None):
            return f"{failed.name}: {failed.reason or 'failed'}"
        for scope, driver in self.workflow.drivers.items() if self.workflow else ():
            if driver.phase in FAILED:
                words = self._drivers_words(driver) or driver.message or "no reason given"
                where = f"the driver of {scope[-1]}" if scope else "the pipeline's driver, before the first step,"
                return f"{where} failed: {words}"
        said = self.workflow.message if self.workflow else ""
        return said or f"before its first step, and KFP does not say why; see {self.run.remote['url']}"

    @cached_property
    def _tasks(self) -> dict[str, Task]:
        """The tasks of the workflow by the names of their steps."""
        return {step_name(task.scope, task.name): task for task in self.workflow.tasks} if self.workflow else {}

    @cached_property
    def _reader(self) -> Reader | None:
        return Reader(self.workflow) if self.workflow else None

    def _printed(self, task: Task, executor: Node) -> str:
        """What a step's last try printed: from the launcher's artifact, or else from Argo's archive."""
        uri = self._reader.values(task).logs if self._reader else ""
        if uri:
            try:
                return artifact(self.api, f"{uri}-{executor.attempt}", LOG).decode("utf-8", errors="replace")
            except OSError:
                pass
        return own_words(archived_log(self.api, self.run, str((executor.pod or {})["id"]))) + "\n"

    def _drivers_words(self, driver: Node) -> str:
        try:
            return drivers_words(archived_log(self.api, self.run, str((driver.pod or driver.about)["id"])))
        except OSError:
            return ""
