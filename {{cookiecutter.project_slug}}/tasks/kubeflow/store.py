"""The cluster's store of artifacts, which may lose what its cache still serves."""

from ..runs.record import newest_first
from .connect import Api
from .contents import artifact


def lost(api: Api) -> str:
    """The newest run of which an artifact was read from the store before, and is not there any more; empty for none."""
    kept = newest_kept(api.host)
    if kept is None:
        return ""
    run_id, uri = kept
    try:
        artifact(api, uri, 1)
    except OSError as error:
        return run_id if "answers 404" in str(error) else ""
    return ""


def newest_kept(host: str) -> tuple[str, str] | None:
    """The newest run on a host with an artifact that was read, and that one's URI."""
    for run in newest_first():
        if run.remote.get("host") == host:
            for step in run.steps:
                for output in step.outputs.values():
                    if isinstance(output, dict) and "path" in output and "://" in str(output.get("uri")):
                        return run.id, str(output["uri"])
    return None


def said(run_id: str) -> str:
    """What to do where artifacts are gone."""
    return (
        f"the cluster's store does not hold any more what run {run_id} left in it, though the cache still serves it: "
        "run once without the cache (inv run --on cluster --no-cache), or start over (inv cluster.reset)"
    )
