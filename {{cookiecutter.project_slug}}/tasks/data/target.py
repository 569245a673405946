"""What predicting a column is: telling classes apart, or a quantity, and why."""

from ..terminal import fail, near
from .understanding import Column


def known(name: str, names: list[str]) -> None:
    """Raise `Exit` if a column is not one of those that there are."""
    if name in names:
        return
    listed = ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")
    raise fail(f"the table has no column '{name}'.{near(name, names)} Its columns: {listed}.")


def problem_of(target: Column, told: str) -> tuple[str, str]:
    """`classification` or `regression`, and the reason. `told` is what a person says it is, or empty."""
    if target.rows == target.missing:
        raise fail(f"'{target.name}' has no value in any row. Choose another target.")
    if told == "regression" and target.kind in ("category", "text"):
        words = ", ".join(map(repr, target.examples))
        raise fail(f"'{target.name}' has words for values ({words}), which are no quantity. Leave out --regression.")
    if told:
        return told, f"as you say; it has {target.distinct:,} values"
    if target.kind in ("category", "text"):
        return (
            "classification",
            f"{target.distinct:,} different value{'s' * (target.distinct > 1)}, which are no numbers",
        )
    if target.kind in ("date", "time"):
        raise fail(f"'{target.name}' is a {target.kind}, which nothing here predicts. Choose another target.")
    if target.values is None:
        return "regression", f"{target.distinct:,} different numbers; --classification if they are codes"
    if any(value != int(value) for value in target.values):
        return "regression", "numbers with decimals; --classification if they are codes"
    rare = [value for value, count in target.values.items() if count < 2]
    if rare and len(target.values) > 2:
        return "regression", f"{rare[0]} is there once, so they are no classes; --classification if they are"
    return "classification", f"{len(target.values)} different whole numbers; --regression if they are a quantity"


def obstacle(target: Column, problem_type: str) -> str:
    """What will stop the pipeline from learning this target; empty if nothing is known of."""
    values = target.values or {}
    if len(values) == 1:
        return f"'{target.name}' has the one value {next(iter(values))!r}, and there is nothing to learn"
    rare = [value for value, count in values.items() if count < 2]
    if problem_type == "classification" and rare:
        return f"class {rare[0]!r} of '{target.name}' has a single row, which cannot be both learnt and tested"
    return ""
