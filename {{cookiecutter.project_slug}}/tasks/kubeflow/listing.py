"""Listings of a KFP API: all of their pages, and those of one name."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from .answers import NotWhole

MOST = 200  # pages of a hundred


def named(name: str) -> str:
    """KFP's filter for things with this name."""
    return json.dumps({"predicates": [{"operation": 1, "key": "display_name", "stringValue": name}]})


def pages(ask: Callable[..., Any], field: str, **query: Any) -> Iterator[Any]:
    """The items of all pages of a listing. Raises `NotWhole` where it does not end."""
    token, seen = "", set[str]()
    while len(seen) < MOST:
        page = ask(page_token=token, page_size=100, **query)
        yield from getattr(page, field) or []
        token = page.next_page_token or ""
        if not token:
            return
        if token in seen:
            break
        seen.add(token)
    raise NotWhole(f"a listing that does not end: {len(seen)} pages of {field.replace('_', ' ')}")
