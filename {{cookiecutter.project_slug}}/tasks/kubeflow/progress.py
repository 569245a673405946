"""What a server says of a run, taken over into its record."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..runs.record import Run, Step, state

Say = Callable[[str], None]

STATES = {
    "PENDING": "pending",
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "SKIPPED": "skipped",
    "FAILED": "failed",
    "CANCELING": "stopped",
    "CANCELED": "stopped",
    "PAUSED": "pending",
}
OVER = ("succeeded", "failed", "stopped")


def update(run: Run, found: Any, say: Say | None = None) -> None:
    """Take over what the server says of a run, and say what changed."""
    details = (found.run_details.task_details if found.run_details else None) or []
    by_name: dict[str, list[Any]] = {}
    for each in details:
        by_name.setdefault(each.display_name or "", []).append(each)
    names = list(dict.fromkeys(re.sub(r" \(\d+\)$", "", step.name) for step in run.steps))
    for name in names:
        tasks = sorted(by_name.get(name, []), key=lambda task: str(task.start_time or ""))
        for number, task in enumerate(tasks, 1):  # a loop has it several times
            _update_step(run, name if number == 1 else f"{name} ({number})", task, details, say)
    state = STATES.get(str(found.state), "running")
    run.status = state if state in OVER else "running"
    if found.error and found.error.message:
        run.reason = " ".join(str(found.error.message).split())[:500]
    if found.finished_at and _year(found.finished_at) > 1971:
        run.seconds = round((found.finished_at - found.created_at).total_seconds(), 1)
    if run.status in OVER:
        for step in run.steps:
            if step.status in ("waiting", "pending", "running"):
                step.status = "skipped" if step.status != "running" else "stopped"


def _year(moment: datetime) -> int:
    return moment.year


def _update_step(run: Run, name: str, task: Any, details: list[Any], say: Say | None) -> None:
    step = next((step for step in run.steps if step.name == name), None)
    if step is None:
        step = Step(name)
        run.steps.append(step)
    before = state(step)
    step.status = STATES.get(str(task.state), "waiting")
    drivers = [each for each in details if each.display_name == f"{task.display_name}-driver"]
    # A condition skips its tasks with all that belongs to them; a task alone is skipped for the cache.
    cached = step.status == "skipped" and all(str(each.state) == "SUCCEEDED" for each in drivers)
    if cached:
        step.status = "succeeded"
    if task.start_time and _year(task.start_time) > 1971:
        step.started = task.start_time.isoformat()
        if task.end_time and task.end_time >= task.start_time:
            step.seconds = round((task.end_time - task.start_time).total_seconds(), 1)
    # A task that is served from the cache starts no pod, and a pod takes longer than that to start.
    pods = [each for each in details if each.parent_task_id and each.parent_task_id == task.task_id]
    skipped = any(str(each.state) == "SKIPPED" for each in pods)
    quick = not pods and bool(task.end_time) and step.seconds <= 1
    step.cached = step.status == "succeeded" and (cached or skipped or quick)
    if task.error and task.error.message:
        step.reason = " ".join(str(task.error.message).split())[:500]
    after = state(step)
    if say and after != before and after != "waiting":
        took = f"{step.seconds:7.1f} s" if after in (*OVER, "cached") else ""
        say(f"  {name:<14}  {after:<9}{took}".rstrip())
