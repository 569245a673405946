"""A recorded step that is to run again: whether it still can."""

from typing import TYPE_CHECKING, Any

from ..files import ROOT
from ..masking import MASK, masked_values
from ..runs.record import Step, is_artifact
from ..terminal import fail

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec


def image_of(spec: "PipelineSpec", component: str) -> str:
    """The image of a component of the compiled pipeline. Raises `Exit` where the pipeline has it no more."""
    if component not in spec.components:
        raise fail(f"pipeline.py has no step of '{component}' any more; run the pipeline first: inv run")
    executor = spec.deployment_spec["executors"][spec.components[component].executor_label]
    if "container" not in executor:
        raise fail(f"'{component}' imports an artifact and runs nothing; run the pipeline again: inv run")
    return str(executor["container"]["image"])


def inputs_there(step: Step) -> None:
    """Raises `Exit` where an artifact that the step had as an input is gone."""
    for name, value in step.inputs.items():
        for each in value if isinstance(value, list) else [value]:
            if is_artifact(each) and "://" not in each["uri"] and not (ROOT / each["uri"]).exists():
                raise fail(
                    f"the input '{name}' of step '{step.name}' is gone ({each['uri']}); run the pipeline again: inv run"
                )


def credentials_back(step: Step, given: dict[str, Any], parameters: dict[str, Any]) -> None:
    """Put back what the record masks in a step's inputs: from what is `given` now, or the pipeline's `parameters`.

    An input is taken from a parameter of its name, or from one that looks the same once it is masked. Raises `Exit`
    where there is none.
    """
    for name, value in step.inputs.items():
        if is_artifact(value) or MASK not in str(value):
            continue
        alike = [each for key, each in (parameters | given).items() if masked_values(each, key) == value != each]
        if name not in given and not alike:
            raise fail(
                f"the input '{name}' of step '{step.name}' had credentials, which no record keeps ({value}); "
                f"give them again: inv step {step.name} -p {name}=..."
            )
        step.inputs = step.inputs | {name: given.get(name, alike[0] if alike else None)}
