"""The experiments that runs belong to."""

from .answers import told
from .connect import Api
from .limits import EXPERIMENT, check_length, check_text
from .listing import named


def find(api: Api, name: str) -> str | None:
    """The id of an experiment; None where there is none of that name."""
    listed = api.client.experiments.experiment_service_list_experiments(
        namespace=api.namespace, filter=named(name), page_size=100
    )
    return next((str(told(each, "experiment_id").experiment_id) for each in listed.experiments or []), None)


def find_or_make(api: Api, name: str) -> str:
    """The id of an experiment, which is made where there is none of that name."""
    from kfp_server_api import ApiException, V2beta1Experiment

    check_length(f"the experiment's name '{name}'", name, EXPERIMENT)
    check_text(f"the experiment's name '{name}'", name)
    if found := find(api, name):
        return found
    try:
        made = V2beta1Experiment(display_name=name, namespace=api.namespace)
        answer = api.client.experiments.experiment_service_create_experiment(made)
        return str(told(answer, "experiment_id").experiment_id)
    except ApiException as error:
        if error.status == 409 and (found := find(api, name)):
            return found
        raise
