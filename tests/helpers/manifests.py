"""The release's manifests, where there is a copy of them."""

import shutil

import pytest

from helpers.template import TEMPLATE

MANIFESTS = TEMPLATE.parent / "shared" / "kfp-manifests"


needs_manifests = pytest.mark.skipif(
    not MANIFESTS.is_dir() or not shutil.which("kubectl"), reason="no copy of the release's manifests, or no kubectl"
)
