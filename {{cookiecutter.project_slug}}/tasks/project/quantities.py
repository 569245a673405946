"""Amounts as Kubernetes and `pipeline.py` write them."""

import re
from typing import Any

UNITS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
UNITS |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def quantity(text: Any) -> float:
    """A quantity as a number: 500m, 2Gi, 4. Raises `ValueError` where it is none."""
    match = re.fullmatch(r"([\d.]+)([a-zA-Z]*)", str(text))
    if match is None:
        raise ValueError(f"{text!r} is no quantity, such as 500m, 2Gi or 4")
    number, unit = float(match[1]), match[2]
    return number / 1000 if unit == "m" else number * UNITS.get(unit, 1)
