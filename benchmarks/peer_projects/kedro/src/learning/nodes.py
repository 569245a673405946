"""The nodes: the five programs' own functions, in this process. What a node does not need is not imported for it."""

from pathlib import Path

DATA = Path("data")
KIND = {"target": "sex", "problem_type": "classification"}


def gathering() -> Path:
    import gather

    gather.main(source="sample://penguins", table=DATA / "table")
    return DATA / "table"


def validation(table: Path) -> Path:
    import validate

    validate.main(table=table, validated=DATA / "validated", report=DATA / "validation.html", **KIND)
    return DATA / "validated"


def preprocessing(table: Path) -> tuple[Path, Path]:
    import preprocess

    preprocess.main(table=table, train=DATA / "train", test=DATA / "test", **KIND)
    return DATA / "train", DATA / "test"


def training(train: Path) -> Path:
    import train as program

    program.main(train=train, model=DATA / "model", metrics=DATA / "cv", model_card=DATA / "card.md", **KIND)
    return DATA / "model"


def prediction(model: Path, test: Path) -> Path:
    import predict

    files = {name: DATA / name for name in ("predictions", "metrics", "evaluation", "report")}
    predict.main(model=model, table=test, **files, **KIND)
    return files["predictions"]


def nothing(parameters: dict[str, object]) -> None:
    pass
