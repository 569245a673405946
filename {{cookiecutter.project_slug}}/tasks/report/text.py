"""Text as a page shows it: not too long, nothing in it unseen, and none of it HTML."""

import re

from markupsafe import Markup, escape

from ..masking import masked
from ..terminal import cut

UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")  # and what else a terminal would obey


def shown(value: object, most: int = 1000) -> Markup:
    """A value as HTML: cut to `most` characters; characters that are not seen, or turn others round, are written out.

    Credentials are masked. What is HTML already stays as it is. This is Jinja's `finalize`: nothing comes into a page
    without it.
    """
    if isinstance(value, Markup):
        return value
    text = COLOURS.sub("", masked(str(value))).replace("\r\n", "\n")
    text = UNSEEN.sub(lambda found: f"\\x{ord(found[0]):02x}", cut(text, most))
    return escape(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def size(text: str) -> int:
    """Bytes that a text takes in a page, whole."""
    return len(shown(text, len(text)).encode())


def last(text: str, room: int) -> str:
    """The end of a text, whole lines where that is possible, that is at most `room` bytes of HTML."""
    end = text
    while (taken := size(end)) > room:
        end = end[-int(len(end) * room / taken * 0.9) or len(end) :]
    return end if len(end) == len(text) else end.partition("\n")[2] or end
