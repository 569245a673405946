"""Where the time of a recorded run on a cluster went, and what the docs say of it: computed, not measured."""

from datetime import datetime
from pathlib import Path

from stand_ins.recordings import recorded

ROOT = Path(__file__).parents[2]
REQUEUE = 2  # seconds, as the overlays set it


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_the_docs_say_where_the_time_went() -> None:
    recording = recorded("ok")
    status = recording["v1beta1"]["pipeline_runtime"]["workflow_manifest"]["status"]
    whole = moment(status["finishedAt"]) - moment(status["startedAt"])
    pods = [node for node in status["nodes"].values() if node["type"] == "Pod"]
    spans = sorted((moment(node["startedAt"]), moment(node["finishedAt"])) for node in pods)
    idle, gaps, until = 0.0, 0, moment(status["startedAt"])
    for start, end in [*spans, (moment(status["finishedAt"]),) * 2]:
        if start > until:
            idle, gaps = idle + start - until, gaps + 1
        until = max(until, end)
    tasks = recording["v2beta1"]["run_details"]["task_details"]
    steps = sum(moment(t["end_time"]) - moment(t["start_time"]) for t in tasks if t.get("execution_id"))
    after = whole - idle + gaps * REQUEUE
    assert (whole, idle, gaps, steps) == (210, 78, 11, 64)
    text = " ".join((ROOT / "docs" / "cluster.md").read_text(encoding="utf-8").split())
    assert (
        f"Of the {whole:.0f} s that five steps took on two busy cores, {steps:.0f} s were the steps' own work, "
        f"{whole - idle - steps:.0f} s the start and end of {len(pods) - 1} pods one after another, and {idle:.0f} s "
        f"{gaps} gaps with no pod at all"
    ) in text
    assert f"about {gaps * REQUEUE} s: {after:.0f} s in all, {after / whole:.2f} of before" in text
