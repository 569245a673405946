"""Whose a pipeline on a server is: each version says in its description which repository it came from.

That is the first word of it, the address of the git remote, or `folder:` and a hash where there is none; the commit
comes after it. Each upload says it anew, so that what an early template made is marked by its next version.
"""

import re
from collections.abc import Iterable

from ..clusters.kind import folder_label
from ..images.origin import origin
from ..terminal import cut, fail, sure


def description() -> str:
    """What a version says of where it came from."""
    where = origin()
    return f"{_repository(where['SOURCE'])} {where['REVISION']}".strip()


def check_own(host: str, title: str, descriptions: Iterable[str], yes: bool, take_over: bool) -> bool:
    """Whether the versions of a pipeline are this repository's. Raises `Exit` where they are not to be added to.

    Those that say nothing, as ones uploaded by hand or by an early template, are asked about once; then a version that
    says more is to follow, even where nothing else changed.
    """
    marks = {mark for each in descriptions if (mark := _mark(each))}
    known = {_same(_repository(origin()["SOURCE"])), _same(f"folder:{folder_label()}")}
    if take_over or any(_same(mark) in known for mark in marks):
        return bool(marks) and not take_over
    if marks:
        raise fail(
            f"the pipeline {title} on {host} was made by {sorted(marks)[0]}, not by this repository: give "
            "this project another name in invoke.yaml (project). Where it is this one, moved: inv deploy --take-over"
        )
    sure(f"The pipeline {title} on {host} does not say which repository made it. Take it over?", yes)
    return False


def _repository(source: str) -> str:
    return cut(source, 200) if source else f"folder:{folder_label()}"


def _mark(words: str) -> str:
    """The repository in a version's description; empty where it names none."""
    first = words.partition(" ")[0]
    return first if "/" in first or first.startswith("folder:") else ""


def _same(address: str) -> str:
    """An address of a repository without what differs between ways to reach it: scheme, user, colon, `.git`."""
    bare = re.sub(r"^\w+://", "", address)
    return re.sub(r"^[^/@]*@", "", bare).removesuffix("/").removesuffix(".git").replace(":", "/").lower()
