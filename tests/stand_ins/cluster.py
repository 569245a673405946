"""kind, kubectl and docker together, as they make a cluster."""

import json
import shutil
from pathlib import Path
from typing import Any

from stand_ins.docker import DOCKER
from stand_ins.kind import KIND
from stand_ins.kubectl import ON_KIND, READY, deployment
from stand_ins.programs import Programs


class Tools(Programs):
    """Stand-ins for kind, kubectl and docker on PATH, what they were asked, and the state they answer from."""

    def __init__(self, folder: Path, name: str) -> None:
        state: dict[str, Any] = {
            **{"name": name, "clusters": [], "owner": "", "noted": {}, "faults": {}, "slow": 0, "polls": 0},
            **{"gone": [], "unwell": 0, "started": "", "curl": 0, "port": "", "registry": "some-registry\n"},
            **{"secrets": {}, "claims": False},
            **{"ready": json.dumps(deployment("NAME", True))},
            **{"deployments": [READY], "words": "", "minor": "36", "no_owner": "Could not find the file", "label": ""},
        }
        programs = {
            "kind": KIND,
            "kubectl": ON_KIND.format(real=shutil.which("kubectl")),
            "docker": DOCKER.format(real=shutil.which("docker")),
        }
        super().__init__(folder, state, programs)
