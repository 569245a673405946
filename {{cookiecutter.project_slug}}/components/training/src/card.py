"""The model card: card.md with what is known of the data, the model and how good it is filled in, as Markdown."""

import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

CARD = Path(__file__).parents[1] / "card.md"
PACKAGES = ("scikit-learn", "skops", "numpy", "pandas")


def fill_card(about: Mapping[str, Any], judgement: Any, x: Any, y: Any, left_out: Mapping[str, str]) -> str:
    """The card of a model that learnt `y` from `x`; `about` has target, problem_type, data and parameters."""
    kinds = ((name, "number" if x[name].dtype == float else "category", x[name].isna().sum()) for name in x.columns)
    versions = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)]
    told = [(name, f"left out: {why}", "") for name, why in left_out.items()]
    card = {
        **about,
        "target": markdown_text(about["target"]),
        "parameters": markdown_table(("Parameter", "Value"), about["parameters"].items()),
        "rows": str(len(x)),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "target_values": target_table(y),
        "metrics": markdown_table(("Metric", "Mean", "95 % interval"), judgement.intervals()),
        "baselines": "\n\n".join([markdown_table(*judgement.comparison()), markdown_text(judgement.verdict())]).strip(),
        "features": markdown_table(("Feature", "Kind", "Missing"), [*kinds, *told]),
        "versions": ", ".join(versions),
    }
    return Template(CARD.read_text(encoding="utf-8")).safe_substitute(card)


def target_table(y: Any) -> str:
    if y.dtype == float:
        ends = [("least", f"{y.min():g}"), ("mean", f"{y.mean():.4g}"), ("greatest", f"{y.max():g}")]
        return markdown_table(("Target", "Value"), ends)
    return markdown_table(("Class", "Rows"), zip(*np.unique(y, return_counts=True), strict=True))


def markdown_text(value: object) -> str:
    """A value as text in Markdown, on one line: nothing in it is markup."""
    return re.sub(r"([\\`*\[\]<>|#~&$]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", " ".join(str(value).split()))


def markdown_table(header: Sequence[object], rows: Iterable[Iterable[object]], most: int = 200) -> str:
    """A table in Markdown of text; of more than `most` rows, it says how many are not in it."""
    lines = [f"| {' | '.join(map(markdown_text, row))} |" for row in [header, *rows]]
    lines[most + 1 :] = [f"\nand {len(lines) - most - 1} more"] if len(lines) > most + 1 else []
    return "\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]])
