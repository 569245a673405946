"""ScheduledWorkflows that run on time and are in no list: the server made them, and then refused to write them down."""

from collections.abc import Callable

from ..project.settings import Settings
from .answers import told
from .connect import Api
from .listing import pages
from .pods import Kubectl
from .refusals import spoken

Say = Callable[[str], None]

KIND = "scheduledworkflows.kubeflow.org"


def remove_orphans(api: Api, pipeline_id: str, config: Settings, say: Say) -> int:
    """Delete the ScheduledWorkflows of this pipeline that the server does not list; how many there were.

    Only where kubectl reaches the cluster: the API knows nothing of them.
    """
    kubectl = Kubectl.at(config, api.host, "")
    if kubectl is None:
        return 0
    with spoken(api.host, api.namespace):
        ask = api.client.recurring_runs.recurring_run_service_list_recurring_runs
        found = pages(ask, "recurring_runs", namespace=api.namespace)
        listed = {told(each, "recurring_run_id").recurring_run_id for each in found}
    orphans = [
        each["metadata"]["name"]
        for each in kubectl.items(KIND)
        if each.get("spec", {}).get("pipelineId") == pipeline_id and each["metadata"].get("uid") not in listed
    ]
    for name in orphans:
        say(f"  {name:<16}  delete: it runs in the cluster, and the server does not list it")
        kubectl.delete(KIND, name)
    return len(orphans)
