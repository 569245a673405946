"""The pipelines: the five steps, and 50 nodes that do nothing."""

from kedro.pipeline import Pipeline, node

from .nodes import gathering, nothing, prediction, preprocessing, training, validation


def register_pipelines() -> dict[str, Pipeline]:
    learning = [
        node(gathering, None, "table"),
        node(validation, "table", "validated"),
        node(preprocessing, "validated", ["train", "test"]),
        node(training, "train", "model", name="training"),
        node(prediction, ["model", "test"], "predictions"),
    ]
    trivial = [node(nothing, "parameters", None, name=f"nothing_{number}") for number in range(50)]
    return {"__default__": Pipeline(learning), "trivial": Pipeline(trivial)}
