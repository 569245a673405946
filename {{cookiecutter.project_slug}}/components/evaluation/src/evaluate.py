"""Evaluation: the new model and the champion on the same test rows, and what the rules make of that."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait sleep: where cores are shared, spinning costs

from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Option

from gate import Decision, decided, rules_of
from scores import METRICS, Comparison, compare, score
from shared.features import target_values
from shared.metadata import write_metadata, write_metrics
from shared.reports import render
from shared.step import StepError, run, write_text
from shared.tables import predicted, read

REPORT = Path(__file__).with_name("evaluation.html.j2")
WORDS = {"promote": "It becomes the champion", "keep": "The champion stays", "wait": "A person decides"}


def main(
    predictions: Annotated[Path, Option(help="Parquet table of the test rows with the new model's predictions.")],
    champion: Annotated[Path, Option(help="Model of the champion; empty if there is none.")],
    target: Annotated[str, Option(help="Column that was predicted.")],
    metrics: Annotated[Path, Option(help="Metrics to write.")],
    report: Annotated[Path, Option(help="HTML report to write.")],
    decision: Annotated[Path, Option(help="Decision to write: promote, keep or wait.")],
    reason: Annotated[Path, Option(help="Why, in words, to write.")],
    problem_type: Annotated[Literal["classification", "regression"], Option(help="What it is.")] = "classification",
    champion_version: Annotated[int, Option(help="The champion's version; 0: none, -1: it cannot be used.")] = 0,
    champion_target: Annotated[str, Option(help="Column that the champion predicts.")] = "",
    champion_problem_type: Annotated[str, Option(help="What that is.")] = "",
    promotion: Annotated[str, Option(help="The rules, as JSON.")] = "{}",
    executor_input: Annotated[str, Option(help="KFP's description of the task.")] = "",
) -> None:
    rules = rules_of(promotion, problem_type)
    table = read(predictions)
    truth = target_values(table.column(target), problem_type)
    said = target_values(table.column(predicted(table.column_names)[0]), problem_type)
    its, why_not = None, ""
    if champion_version:
        if champion_version < 0:
            why_not = "it cannot be used: the log of the step champion says why"
        elif (champion_target, champion_problem_type) != (target, problem_type):
            why_not = f"that predicts {champion_target!r} ({champion_problem_type})"
        else:
            its, why_not = answers(champion, table)
    compared = [] if its is None else [compare(metric, truth, said, its) for metric in METRICS[problem_type]]
    by_rule = next((each for each in compared if each.metric == rules.metric), None)
    values = {metric: score(metric, truth, said) for metric in METRICS[problem_type]}
    made = decided(rules, values[rules.metric], champion_version, by_rule, why_not)
    scores = shown(by_rule) if by_rule else {}
    write_metrics(metrics, scores)
    write_text(report, page(made, values, compared, champion_version, len(table), rules.metric))
    write_text(decision, made.what)
    write_text(reason, made.why)
    write_metadata(executor_input, {"metrics": scores})
    print(f"{made.what}: {made.why}")


def answers(champion: Path, table: Any) -> tuple[Any, str]:
    """What the champion says of the rows, shape (rows,); or None, and why it cannot."""
    from shared.fitted import load_model, model_input  # heavy, and not needed without a champion

    try:
        model = load_model(champion)
        return model.predict(model_input(model, table)), ""
    except StepError as problem:
        return None, str(problem)


def shown(found: Comparison) -> dict[str, float]:
    """The comparison as metrics, under names that no other step has."""
    gain = {"gain": found.gain, "gain_low": found.low, "gain_high": found.high}
    return {f"{found.metric}_champion": found.second} | {
        f"{found.metric}_{name}": value for name, value in gain.items()
    }


def page(
    made: Decision, values: dict[str, float], compared: list[Comparison], champion: int, rows: int, metric: str
) -> str:
    if compared:
        header = ["metric", "new model", f"version {champion}", "gain", "95 % interval of the gain"]
        lines = [
            (each.metric, *(f"{value:.4g}" for value in (each.first, each.second)), f"{each.gain:+.4g}", interval(each))
            for each in compared
        ]
    else:
        header, lines = ["metric", "new model"], [(name, f"{value:.4g}") for name, value in values.items()]
    return render(
        REPORT,
        title=WORDS[made.what],
        why=made.why,
        rows=rows,
        header=header,
        lines=lines,
        metric=metric,
        compared=bool(compared),
    )


def interval(found: Comparison) -> str:
    return f"{found.low:+.4g} to {found.high:+.4g}"


if __name__ == "__main__":
    run(main)
