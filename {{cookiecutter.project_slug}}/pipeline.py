"""The pipeline: which steps there are, how they are wired, and their defaults. Yours to change.

`inv run` runs it; `invoke.yaml` and `inv run -p name=value` set its parameters.
"""

from pathlib import Path
from typing import Any

from kfp import dsl
from kfp.components import load_component_from_file
from kfp.dsl.yaml_component import YamlComponent


def component(name: str, part: str = "") -> YamlComponent:
    """The step in `components/{name}`, or another one that its image has, of `component.{part}.yaml` there.

    The image's registry and tag are filled in when the pipeline is compiled.
    """
    file = f"component.{part}.yaml" if part else "component.yaml"
    return load_component_from_file(str(Path(__file__).parent / "components" / name / file))


gather = component("gathering")
validate = component("validation")
preprocess = component("preprocessing")
train = component("training")
predict = component("prediction")
champion = component("registration", "champion")
evaluate = component("evaluation")
register = component("registration")
deliver = component("registration", "deliver")
compare = component("drift")


@dsl.pipeline(description="Learns to predict one column of a table from the others.")
def pipeline(
    source: str,
    target: str,
    problem_type: str,
    reading: dict[str, Any] = {},  # noqa: B006  how the source is read where it is not plain: `inv data.adopt` sets it
    source_fingerprint: str = "",  # `inv run` fills this in, so that a changed source is never served from the cache
    models: str = "",  # where versions of the model are kept: the setting `models`
    models_fingerprint: str = "",  # filled in likewise: it changes when another version becomes the champion
    promotion: dict[str, Any] = {},  # noqa: B006  when a new model becomes the champion: the setting `promotion`
    code: dict[str, Any] = {},  # noqa: B006  filled in: the commit and the images
    test_size: float = 0.2,
    seed: int = 0,
    learning_rate: float = 0.1,
    max_iter: int = 100,
    max_leaf_nodes: int = 31,
    early_stopping: int = 0,
    folds: int = 0,
    learning_rates: list[float] = [],  # noqa: B006  others to try, side by side: inv run -p learning_rates=[0.03,0.3]
) -> None:
    kind = {"target": target, "problem_type": problem_type}
    gathered = gather(source=source, reading=reading, source_fingerprint=source_fingerprint)
    validated = validate(table=gathered.outputs["table"], **kind)
    split = preprocess(table=validated.outputs["validated"], test_size=test_size, seed=seed, **kind)
    trees = {"max_iter": max_iter, "max_leaf_nodes": max_leaf_nodes, "early_stopping": early_stopping}
    learning = {"train": split.outputs["train"], "folds": folds, "seed": seed, **trees}
    trained = train(learning_rate=learning_rate, **learning, **kind)
    predicted = predict(model=trained.outputs["model"], table=split.outputs["test"], **kind)
    store = {"models": models, "models_fingerprint": models_fingerprint}
    rival = champion(candidate=trained.outputs["model"], **store)
    judged = evaluate(
        predictions=predicted.outputs["predictions"],
        champion=rival.outputs["model"],
        champion_version=rival.outputs["version"],
        champion_target=rival.outputs["target"],
        champion_problem_type=rival.outputs["problem_type"],
        promotion=promotion,
        **kind,
    )
    register(
        model=trained.outputs["model"],
        model_card=trained.outputs["model_card"],
        schema=validated.outputs["held"],
        train=split.outputs["train"],
        predictions=predicted.outputs["predictions"],
        metrics=predicted.outputs["metrics"],
        decision=judged.outputs["decision"],
        reason=judged.outputs["reason"],
        champion_version=rival.outputs["version"],
        data=source_fingerprint,
        code=code,
        **store,
        **kind,
    )
    with dsl.ParallelFor(learning_rates) as rate:
        train(learning_rate=rate, **learning, **kind)


@dsl.pipeline(description="Predicts the rows of a new table with the champion.")
def scoring(
    source: str,
    destination: str = "",  # a path or URI of a .parquet or .csv file
    overwrite: bool = False,
    reading: dict[str, Any] = {},  # noqa: B006
    source_fingerprint: str = "",
    models: str = "",
    models_fingerprint: str = "",
    drift: dict[str, Any] = {},  # noqa: B006  what is drift, and whether it ends the run: the setting `drift`
) -> None:
    used = champion(models=models, models_fingerprint=models_fingerprint, required=True)
    kind = {"target": used.outputs["target"], "problem_type": used.outputs["problem_type"]}
    gathered = gather(source=source, reading=reading, source_fingerprint=source_fingerprint)
    validated = validate(table=gathered.outputs["table"], schema=used.outputs["schema"], **kind)
    model = {"model": used.outputs["model"], "version": used.outputs["version"]}
    predicted = predict(table=validated.outputs["validated"], **model, **kind)
    predictions = predicted.outputs["predictions"]
    compared = compare(table=predictions, profile=used.outputs["profile"], thresholds=drift, **kind)
    delivered = deliver(predictions=predictions, destination=destination, overwrite=overwrite)
    delivered.after(compared)
    delivered.set_caching_options(False)  # what it writes may be gone since
