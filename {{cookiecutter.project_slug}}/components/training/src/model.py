"""The model: one scikit-learn pipeline from raw columns to predictions, and what it is compared with."""

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

COLUMNS = 20  # that a column of categories becomes, at most; the rarer ones are one together


def make_model(x: Any, problem_type: str, early_stopping: int, **options: Any) -> Pipeline:
    """Boosted trees on prepared features.

    With early stopping, a tenth of the rows says when that many rounds brought nothing; 0 is without.
    """
    trees = HistGradientBoostingClassifier if problem_type == "classification" else HistGradientBoostingRegressor
    stopping = {"early_stopping": early_stopping > 0, "n_iter_no_change": max(early_stopping, 1)}
    # The trees could take missing numbers as they are, but not a column that has no number in some fold.
    preparation = prepare(x, filled(), sparse=False)
    return Pipeline([("preparation", preparation), ("estimator", trees(**stopping, **options))])


def baselines(x: Any, problem_type: str) -> dict[str, Pipeline]:
    """What the model must beat: the most common class or the mean for every row, and a linear model."""
    classes = problem_type == "classification"
    preparation = prepare(x, make_pipeline(filled(), StandardScaler()), sparse=True)
    linear = LogisticRegression(max_iter=200) if classes else Ridge()
    guess = DummyClassifier() if classes else DummyRegressor()
    return {"guess": make_pipeline(guess), "linear": make_pipeline(preparation, linear)}


def prepare(x: Any, numbers: Any, sparse: bool) -> ColumnTransformer:
    """Each feature of `x` by its kind, which is its dtype: numbers by `numbers`, each category as a column."""
    categories = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=COLUMNS, sparse_output=sparse)
    by_kind = {kind: [name for name in x if x[name].dtype == kind] for kind in (float, object)}
    return ColumnTransformer([("numbers", numbers, by_kind[float]), ("text", categories, by_kind[object])])


def filled() -> SimpleImputer:
    """Missing numbers are filled in, and marked in a column of their own."""
    return SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
