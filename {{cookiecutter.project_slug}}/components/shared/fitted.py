"""The fitted model: loaded from its file, and given the columns that it learnt from."""

import re
import warnings
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import sklearn
import skops.io
from sklearn.exceptions import InconsistentVersionWarning

from shared.features import column_of, features, is_date
from shared.model_versions import TRUSTED
from shared.step import StepError

MADE_BY = re.compile(r'"_sklearn_version":\s*\{[^{}]*"content":\s*"\\"([^"\\]+)\\""')


def load_model(path: Path) -> Any:
    try:
        if (made := _made_by(path)) not in ("", sklearn.__version__):
            raise _of_another(made)
        unknown = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
        if unknown:
            raise StepError(f"the model holds types that are not trusted: {', '.join(unknown)}. Train it anew.")
        with warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            return skops.io.load(path, trusted=TRUSTED)
    except InconsistentVersionWarning as problem:
        raise _of_another(problem.original_sklearn_version) from problem
    except (ValueError, KeyError, OSError, BadZipFile) as problem:
        raise StepError(f"{path.name!r} is not a readable skops model: {problem}. Train it anew.") from problem


def _made_by(path: Path) -> str:
    """The version of scikit-learn that a skops file names; empty where it names none.

    It is read before anything else, since a type may have another name in another version, which is then not trusted.
    """
    with ZipFile(path) as file:
        found = MADE_BY.search(file.read("schema.json").decode())
    return found[1] if found else ""


def _of_another(made: str) -> StepError:
    here = f"the model was made by scikit-learn {made}, and here is {sklearn.__version__}"
    return StepError(f"{here}. Train it anew: inv run --no-cache")


def model_input(model: Any, table: Any) -> Any:
    """The features that the model learnt from, shape (rows, features), each of the kind that it learnt."""
    names, columns = list(model.feature_names_in_), set(table.column_names)
    if lacking := [name for name in names if not column_of(name, columns)]:
        raise StepError(f"the table lacks columns of the model: {', '.join(lacking)}. Add them, or train anew.")
    for name in names:
        type_ = table.column(column := column_of(name, columns)).type
        if name != column and not is_date(type_):
            raise StepError(f"column {column!r} held dates in training, and here it holds {type_}. Correct the table.")
    x = features(table, names)
    for kind, _, chosen in model.named_steps["preparation"].transformers:
        for name in chosen:
            if x[name].isna().all():  # without a value, a column has no kind of its own
                x[name] = np.full(len(x), np.nan if kind == "numbers" else None)
            if (x[name].dtype == float) != (kind == "numbers"):
                held = "numbers" if kind == "numbers" else "text"
                raise StepError(f"column {name!r} held {held} in training, and does not here. Correct the table.")
    return x
