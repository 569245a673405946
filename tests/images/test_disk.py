"""What the images and runs take, and what is freed of it."""

import json
import os
import re
import uuid
from pathlib import Path

import pytest

from helpers.docker_flow import DockerProject
from helpers.engine import docker, needs_engine
from helpers.images import BASE
from helpers.inv import inv


@needs_engine
def test_prune_frees_what_is_not_todays_and_nothing_of_others(small: DockerProject) -> None:
    stranger = f"stranger-{uuid.uuid4().hex[:8]}"
    docker("tag", BASE, f"{stranger}:1")
    docker("create", "--name", stranger, BASE)
    try:
        for number in range(3):
            small.adding_does(f"pass  # {number}")
            inv(small.root, "build")
            inv(small.root, "run")
        shown = inv(small.root, "disk")
        assert re.search(r"^  images +1 +\d", shown, re.MULTILINE)
        assert re.search(r"^  old images +2 +\d", shown, re.MULTILINE)
        assert re.search(r"^  runs +3 ", shown, re.MULTILINE)
        assert "free, of" in shown
        asked = inv(small.root, "prune", "--runs", "1", code=1)
        assert "2 images of content that is not today's" in asked and "say it with --yes" in asked
        assert len(small.images()) == 3, "nothing is freed unasked"
        inv(small.root, "prune", "--runs", "1", "--yes")
        assert len(small.images()) == 1
        assert len(small.runs()) == 1
        assert "up to date" in inv(small.root, "build")
        inv(small.root, "prune", "--all", "--yes")
        assert small.images() == []
        assert docker("images", "--quiet", f"{stranger}:1")
        assert docker("ps", "--all", "--quiet", "--filter", f"name={stranger}")
        again = inv(small.root, "prune", "--yes")
        assert not re.search(r"images|containers|runs", again), "the build cache is shared with other projects' builds"
    finally:
        docker("rm", "--force", stranger)
        docker("rmi", f"{stranger}:1")


def test_prune_keeps_the_runs_whose_artifacts_a_kept_one_uses(small: DockerProject) -> None:
    if engine := needs_engine.args[0]:
        pytest.skip(str(engine))
    for _ in range(3):
        small.inv("run")
    oldest, middle, newest = sorted(run["id"] for run in small.runs())
    inv(small.root, "prune", "--runs", "1", "--yes")
    assert {run["id"] for run in small.runs()} == {oldest, newest}, f"{oldest} made what {newest} was served"
    assert not (small.root / "runs" / middle).exists()
    assert "takes the number of runs to keep" in inv(small.root, "prune", "--runs", "some", code=1)


def layers() -> float:
    """The megabytes of all images, as the engine's own `docker system df` has them."""
    rows = [json.loads(line) for line in docker("system", "df", "--format", "json").splitlines()]
    return megabytes(next(row["Size"] for row in rows if row["Type"] == "Images"))


def megabytes(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+) ?([kKMG]?)i?B", text).groups()  # type: ignore[union-attr]
    return float(number) * {"": 1e-6, "k": 1e-3, "K": 1e-3, "M": 1, "G": 1e3}[unit]


@needs_engine
def test_what_is_said_to_be_freed_is_what_the_engine_has_more_of(small: DockerProject) -> None:
    seen = []
    for _ in range(3):  # others use the engine too: what they make meanwhile is in one of the two and not in the other
        (small.root / "components/adding/large.bin").write_bytes(os.urandom(60_000_000))
        inv(small.root, "build")
        before = layers()
        said = inv(small.root, "prune", "--all", "--yes")
        freed = re.search(r"^ *([\d.]+ \w+) +freed of 1 images$", said, re.MULTILINE)
        assert freed, said
        seen.append((megabytes(freed[1]), before - layers()))
        if all(54 < each < 66 for each in seen[-1]):
            return
    raise AssertionError(seen)


def records() -> dict[str, float]:
    """The megabytes of each record of the build cache, as the engine's own `docker system df` has them."""
    found = json.loads(docker("system", "df", "--verbose", "--format", "json"))["BuildCache"]
    return {entry["ID"]: megabytes(entry["Size"]) for entry in found}


@needs_engine
def test_the_build_cache_that_no_image_needs_is_freed_to_its_last_record(small: DockerProject) -> None:
    freed = []
    for _ in range(3):  # others free too: what they free meanwhile is not freed here
        before = records().keys()
        (small.root / "components/adding/large.bin").write_bytes(os.urandom(70_000_000))
        inv(small.root, "build")
        small.remove()
        large = {name for name, size in records().items() if name not in before and 69 < size < 71}
        said = inv(small.root, "prune", "--yes")
        assert not large & records().keys(), said
        freed.append(re.search(r"^freed ([\d.]+ \w+)$", said, re.MULTILINE))
        if large and freed[-1] and megabytes(freed[-1][1]) > 69:
            assert re.search(r"^ *\d+ records of the build cache that no image needs, ", said, re.MULTILINE), said
            return
    raise AssertionError(freed)


@needs_engine
def test_a_project_whose_name_begins_like_anothers_touches_nothing_of_it(small: DockerProject, tmp_path: Path) -> None:
    other = DockerProject(tmp_path / "other")
    longer = f"{small.name}-b"
    other.write("invoke.yaml", (small.root / "invoke.yaml").read_text(encoding="utf-8").replace(small.name, longer))
    other.name = longer
    try:
        for each in (small, other):
            inv(each.root, "build")
            inv(each.root, "run", "--on", "docker")
        assert len(small.images()) == len(other.images()) == 1
        assert re.search(r"^  images +1 +\d", inv(small.root, "disk"), re.MULTILINE)
        small.adding_does("pass  # anew")
        inv(small.root, "build")
        assert "up to date" in inv(other.root, "build"), "the other's image is its own"
        inv(small.root, "prune", "--all", "--runs", "0", "--yes")
        assert small.images() == [] and len(other.images()) == 1
        assert small.runs() == [] and len(other.runs()) == 1
        assert "up to date" in inv(other.root, "build")
    finally:
        other.remove()
