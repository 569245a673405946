"""What the images and runs take, and what is freed of it."""

import re
import uuid

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
