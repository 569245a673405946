"""What a KFP API answers, refused where it is not whole: half a JSON, a page, or without what it must have.

The SDK reads a text that is no JSON as a thing with nothing in it, which is a list without items.
"""

import json
from typing import Any


class NotWhole(Exception):
    """What an answer is instead of a whole one: the end of a sentence."""


def insist(client: Any) -> None:
    """Let a client of the SDK raise `NotWhole` for an answer that is no object of JSON."""
    read = client.deserialize

    def deserialize(response: Any, kind: Any) -> Any:
        document(response.data)
        return read(response, kind)

    client.deserialize = deserialize


def document(answer: str | bytes) -> dict[str, Any]:
    """The object of JSON that an answer is. Raises `NotWhole` for another."""
    try:
        found = json.loads(answer)
    except ValueError as error:
        text = answer.decode("utf-8", errors="replace") if isinstance(answer, bytes) else answer
        if text.lstrip().startswith("<"):
            raise NotWhole("a page instead of an answer; it may want a login (KFP_TOKEN)") from None
        raise NotWhole(f"half an answer: {len(text)} characters that are no whole JSON ({error})") from None
    if not isinstance(found, dict):
        raise NotWhole(f"an answer that is none of KFP's: {str(found)[:50]!r}")
    return found


def told(thing: Any, *fields: str) -> Any:
    """A thing of the SDK that has these fields. Raises `NotWhole` where the server left one out."""
    for name in fields:
        if getattr(thing, name) in (None, ""):
            kind = type(thing).__name__.removeprefix("V2beta1")
            raise NotWhole(f"half an answer: a {kind} without its {name}")
    return thing
