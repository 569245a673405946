"""The five steps as components of kfp.local: each calls its program's own function, in a process of its own.

    python learning.py VERSION

VERSION is a text that only the training is given, so that another one changes it.
"""

import sys

from kfp import dsl, local
from kfp.dsl import Artifact, Dataset, Input, Model, Output

component = dsl.component(install_kfp_package=False)


@component
def gathering(table: Output[Dataset]):
    from pathlib import Path

    import gather

    gather.main(source="sample://penguins", table=Path(table.path))


@component
def validation(table: Input[Dataset], validated: Output[Dataset], report: Output[Artifact]):
    from pathlib import Path

    import validate

    files = {"table": table, "validated": validated, "report": report}
    kind = {"target": "sex", "problem_type": "classification"}
    validate.main(**{name: Path(file.path) for name, file in files.items()}, **kind)


@component
def preprocessing(table: Input[Dataset], train: Output[Dataset], test: Output[Dataset]):
    from pathlib import Path

    import preprocess

    files = {"table": table, "train": train, "test": test}
    kind = {"target": "sex", "problem_type": "classification"}
    preprocess.main(**{name: Path(file.path) for name, file in files.items()}, **kind)


@component
def training(
    version: str, train: Input[Dataset], model: Output[Model], metrics: Output[Artifact], model_card: Output[Artifact]
):
    from pathlib import Path

    import train as program

    files = {"train": train, "model": model, "metrics": metrics, "model_card": model_card}
    kind = {"target": "sex", "problem_type": "classification"}
    program.main(**{name: Path(file.path) for name, file in files.items()}, **kind)


@component
def prediction(
    model: Input[Model],
    table: Input[Dataset],
    predictions: Output[Dataset],
    metrics: Output[Artifact],
    evaluation: Output[Artifact],
    report: Output[Artifact],
):
    from pathlib import Path

    import predict

    files = {"model": model, "table": table, "predictions": predictions, "metrics": metrics}
    files |= {"evaluation": evaluation, "report": report}
    kind = {"target": "sex", "problem_type": "classification"}
    predict.main(**{name: Path(file.path) for name, file in files.items()}, **kind)


@dsl.pipeline
def pipeline(version: str):
    gathered = gathering()
    validated = validation(table=gathered.outputs["table"])
    split = preprocessing(table=validated.outputs["validated"])
    trained = training(version=version, train=split.outputs["train"])
    prediction(model=trained.outputs["model"], table=split.outputs["test"])


if __name__ == "__main__":
    local.init(local.SubprocessRunner(use_venv=False), enable_caching=True)
    pipeline(version=sys.argv[1])
