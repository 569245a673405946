"""schema.yaml: read as pandera's schema, and refused where pandera would pass over something in it without a word."""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandera.pandas as pandera
import yaml
from pandera.io.pandas_io import from_yaml

from shared.step import StepError

# What pandera reads. Without drop_invalid_rows: no row goes without a word.
TABLE = {
    *("schema_type", "version", "api", "dataframe_library", "title", "description", "name", "metadata"),
    *("columns", "checks", "index", "multiindex", "dtype", "coerce", "strict", "ordered", "unique"),
    *("report_duplicates", "unique_column_names", "add_missing_columns"),
}
COLUMN = {
    *("title", "description", "name", "dtype", "nullable", "checks", "unique", "coerce", "required", "regex"),
    *("default", "report_duplicates"),
}
CHECKS = {*pandera.Check.CHECK_FUNCTION_REGISTRY, "eq", "ne", "gt", "ge", "lt", "le", "between"}
OPTIONS = {"check_name", "ignore_na", "raise_warning", "n_failure_cases", "groupby", "groups", "error", "name"}
Place = tuple[str, object, Collection[str]]  # where a key is, the key, and the keys that may be there


def load_schema(path: Path) -> pandera.DataFrameSchema:
    """The schema in the YAML file `path`. Raises StepError where it is none, or holds a key that means nothing."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for where, key, known in keys(document):
            if key not in known:
                close = get_close_matches(str(key), known, n=1)
                hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(sorted(known))}."
                raise StepError(f"{path}: {where} cannot have {key!r}. {hint} Correct it.")
        schema: pandera.DataFrameSchema = from_yaml(path)  # type: ignore[no-untyped-call]
    except StepError:
        raise
    except Exception as problem:  # whatever YAML and pandera make of a wrong file
        raise StepError(f"{path} is not a schema: {type(problem).__name__}: {problem}. Correct it.") from problem
    for column in schema.columns.values():
        if str(column.dtype) == "bool":
            column.dtype = "boolean"  # numpy's bool takes any text for True
    schema.coerce = True  # what comes from CSV has the types that were guessed
    return schema


def keys(document: Any) -> Iterator[Place]:
    """Every key of the schema that pandera may pass over."""
    yield from (("the schema", key, TABLE) for key in mapping(document))
    yield from check_keys("checks of the schema", mapping(document).get("checks"))
    columns, index = mapping(document).get("columns"), mapping(document).get("index")
    parts = {f"column {name!r}": column for name, column in mapping(columns).items()}
    for listed in (columns, index):
        parts |= {f"{part.get('name')!r}": part for part in listed or [] if isinstance(part, dict)}
    for where, column in parts.items():
        given = mapping(column).get("checks")
        # Beside `checks` pandera takes no check; without it, a check is a key of the column.
        known = COLUMN if given is not None else COLUMN | CHECKS
        yield from ((where, key, known) for key in mapping(column))
        flat = {key: value for key, value in mapping(column).items() if key in CHECKS}
        yield from check_keys(f"checks of {where}", flat if given is None else given)


def check_keys(where: str, checks: Any) -> Iterator[Place]:
    yield from ((where, name, CHECKS) for name in mapping(checks))
    for name, check in mapping(checks).items():
        yield from ((f"options of {name}", key, OPTIONS) for key in mapping(mapping(check).get("options")))


def mapping(part: Any) -> Mapping[Any, Any]:
    """A part of the document as a mapping: empty if it is none."""
    return part if isinstance(part, Mapping) else {}
