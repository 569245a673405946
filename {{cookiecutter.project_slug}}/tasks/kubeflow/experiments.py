"""The experiments that runs belong to."""

from .answers import told
from .connect import Api
from .limits import EXPERIMENT, check_length, check_text
from .listing import named


def experiment(api: Api, name: str) -> str:
    """The id of an experiment, which is made where there is none of that name."""
    from kfp_server_api import ApiException, V2beta1Experiment

    check_length(f"the experiment's name '{name}'", name, EXPERIMENT)
    check_text(f"the experiment's name '{name}'", name)
    experiments = api.client.experiments

    def find() -> str | None:
        listed = experiments.experiment_service_list_experiments(
            namespace=api.namespace, filter=named(name), page_size=100
        )
        return next((str(told(each, "experiment_id").experiment_id) for each in listed.experiments or []), None)

    if found := find():
        return found
    try:
        made = V2beta1Experiment(display_name=name, namespace=api.namespace)
        answer = experiments.experiment_service_create_experiment(made)
        return str(told(answer, "experiment_id").experiment_id)
    except ApiException as error:
        if error.status == 409 and (found := find()):
            return found
        raise
