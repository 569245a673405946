"""Credentials in texts, and what stands in for them wherever a text is shown or kept.

`tasks/masking.py` and `components/shared/masking.py` are the same file, so that commands and steps mask alike.
"""

import functools
import re
from typing import Any
from urllib.parse import quote, unquote

MASK = "***"
SHORT = 200  # letters of a text whose masks are remembered
LEAST = 5  # letters of a secret that is looked for anywhere; a shorter one is found by its place alone

# What has such a name is a credential: in a query, in a connection string, or as a parameter.
NAME = (
    r"(?:[\w.-]{0,60}?(?:password|passwd|passphrase|secret|token|credentials?|api[-_]?key|access[-_]?key(?:[-_]?id)?"
    r"|account[-_]?key|private[-_]?key|secret[-_]?key|signature|accessid)|(?:[\w.-]{0,60}[-_.])?(?:pwd|sig|sas))"
)
START = r"(?:(?<![\w.-])|(?<=%26)|(?<=%3F))"  # of a name; it may be in an address that is in another one
NAMED = re.compile(NAME, re.IGNORECASE)
PAIR = re.compile(rf"({START}{NAME}(?:=|%3D))([^\s&;\"'<>]+)", re.IGNORECASE)
ENTRY = re.compile(rf"(([\"']){NAME}\2\s*:\s*([\"']))(.{{1,2000}}?)(?=\3)", re.IGNORECASE)
QUERY = re.compile(r"([?&;](?:se|key|code|auth|authorization|policy|key-pair-id)=)([^\s&;\"'<>]+)", re.IGNORECASE)
BEARER = re.compile(r"\b(authorization\W{1,4}(?:bearer|basic)\s+|bearer\s+(?=\S*\d))([\w.~+/=-]{8,})", re.IGNORECASE)
# scheme://user:password@; a number after the colon is a port, and a password may hold what it should not.
ADDRESS = re.compile(
    r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,30}://)([^\s/?#:@\"'<>\[\]]{0,300})"
    r"(?::(?!\d{1,5}(?:[/?#]|$))([^\s/?#\"'<>]{0,300}|[^\s\"'<>]{0,300}?))?@",
    re.IGNORECASE,
)
NO_SECRET = ("abfs", "abfss", "wasb", "wasbs", "ssh", "sftp", "git", "gs", "hdfs")  # whose user says where, or who
TOKEN = re.compile(
    r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}\b|gh[pousr]_\w{30,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}"
    r"|AIza[\w-]{35}|hf_[A-Za-z0-9]{30,}|sk-[\w-]{20,}|eyJ[\w-]{5,}\.eyJ[\w-]{5,}\.[\w-]{10,})"
)
AWS_SECRET = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9/+]{40}")  # a value that is nothing else
SUSPECT = re.compile(rf"://|=|%3D|[\"']\s*:|\bbearer\s|\bauthorization|{TOKEN.pattern}", re.IGNORECASE)

known: set[str] = set()  # secrets that were given to this process, in each way that they may be written


def masked(text: str) -> str:
    """A text without its credentials, and without those that were learnt."""
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return _short(text) if len(text) < SHORT else _shown(text)


def masked_values(value: Any, name: str = "") -> Any:
    """The same of all texts in lists and dictionaries; what is called like a credential is one."""
    if isinstance(value, dict):
        return {key: masked_values(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked_values(item, name) for item in value]
    if not isinstance(value, str):
        return value
    return MASK if value and _named(name) else masked(value)


def learn(value: Any, name: str = "") -> None:
    """Take note of the credentials in a value that this process was given, to know them wherever they turn up."""
    if isinstance(value, dict):
        for key, item in value.items():
            learn(item, str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            learn(item, name)
    elif isinstance(value, str):
        found: set[str] = set()
        if NAMED.fullmatch(name) or AWS_SECRET.fullmatch(value):
            found.add(value)
        _replaced(value, found)
        for secret in found:
            written = {secret, unquote(secret), quote(secret, safe="")}
            known.update(each for each in written if len(each) >= LEAST and MASK not in each)


def _shown(text: str) -> str:
    return _replaced(text, set()) if SUSPECT.search(text) else text


_short = functools.lru_cache(20_000)(_shown)  # a record's texts are asked for again at each time that it is written


@functools.lru_cache(1000)
def _named(name: str) -> bool:
    return bool(NAMED.fullmatch(name))


def _replaced(text: str, found: set[str]) -> str:
    """The text with masks; what they stand for is added to `found`."""

    def pair(match: re.Match[str]) -> str:
        found.add(match[match.lastindex or 0])
        return f"{match[1]}{MASK}"

    def address(match: re.Match[str]) -> str:
        scheme, user, password = match.groups()
        if password is None and (not user or scheme[:-3].lower() in NO_SECRET):
            return match[0]
        found.add(user if password is None else password)
        return f"{scheme}{MASK}@"

    def token(match: re.Match[str]) -> str:
        found.add(match[0])
        return MASK

    text = ADDRESS.sub(address, text)
    for pattern in (PAIR, ENTRY, QUERY, BEARER):
        text = pattern.sub(pair, text)
    return TOKEN.sub(token, text)
