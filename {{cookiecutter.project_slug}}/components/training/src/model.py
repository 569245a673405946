"""The model: one scikit-learn pipeline from raw columns to predictions, and what it is compared with."""

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

COLUMNS = 20  # that a column of categories becomes, at most; the rarer ones are one more together
ROWS = 5  # of a category, on average: with fewer, its mean target says more of chance than of the category


def make_model(x: Any, y: Any, problem_type: str, early_stopping: int, random_state: int, **options: Any) -> Pipeline:
    """Boosted trees on prepared features. Of a column of many categories they also see the mean target of each.

    With early stopping, a tenth of the rows says when that many rounds brought nothing; 0 is without.
    """
    classes = problem_type == "classification"
    trees = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    stopping = {"early_stopping": early_stopping > 0, "n_iter_no_change": max(early_stopping, 1)}
    # The trees could take missing numbers as they are, but not a column that has no number in some fold.
    preparation = prepare(x, filled(), sparse=False)
    if not classes or len(np.unique(y)) <= COLUMNS:  # there is a mean for each class
        # What a row is given is a mean of other rows: its own target is not in it.
        means = TargetEncoder(target_type="auto" if classes else "continuous", random_state=random_state)
        preparation.transformers.append(("means", means, many_categories(x)))
    estimator = trees(random_state=random_state, **stopping, **options)
    return Pipeline([("preparation", preparation), ("estimator", estimator)])


def many_categories(x: Any) -> list[str]:
    """The features of text with more categories than COLUMNS, and at least ROWS rows of each on average."""
    counts = {name: x[name].nunique() for name in x if x[name].dtype == object}
    return [name for name, count in counts.items() if COLUMNS < count <= len(x) / ROWS]


def baselines(x: Any, problem_type: str) -> dict[str, Pipeline]:
    """What the model must beat: the most common class or the mean for every row, and a linear model."""
    classes = problem_type == "classification"
    preparation = prepare(x, make_pipeline(filled(), StandardScaler()), sparse=True)
    linear = LogisticRegression(max_iter=200) if classes else Ridge()
    guess = DummyClassifier() if classes else DummyRegressor()
    return {"guess": make_pipeline(guess), "linear": make_pipeline(preparation, linear)}


def prepare(x: Any, numbers: Any, sparse: bool) -> ColumnTransformer:
    """Each feature of `x` by its kind, which is its dtype: numbers by `numbers`, each category as a column."""
    categories = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=COLUMNS + 1, sparse_output=sparse)
    by_kind = {kind: [name for name in x if x[name].dtype == kind] for kind in (float, object)}
    return ColumnTransformer([("numbers", numbers, by_kind[float]), ("text", categories, by_kind[object])])


def filled() -> SimpleImputer:
    """Missing numbers are filled in, and marked in a column of their own."""
    return SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
