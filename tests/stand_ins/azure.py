"""az, and kubectl on AKS: programs that keep a state."""

import json
import re
import stat
from pathlib import Path
from typing import Any

from stand_ins.kubectl import READY, deployment
from stand_ins.programs import START

TOOL = """\
{start}
import json, pathlib, sys
tool, arguments = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
folder = pathlib.Path({folder!r})
line = " ".join([tool, *arguments])
with open(folder / "log", "a") as log:
    log.write(line + "\\n")
path = folder / "state.json"
state = json.loads(path.read_text())
for words, err in state["faults"].items():
    if words in line:
        sys.exit("ERROR: " + err)
if tool == "kubectl":
    assert arguments[:2] == ["--context", "own-cloud-aks"] or arguments[0] in ("config", "kustomize"), arguments
    if "apply" in arguments and arguments[-1] == "-":
        state["noted"] = json.loads(sys.stdin.read())["data"]
    elif "configmap" in arguments:
        if not state["noted"]:
            sys.exit(1)
        print(json.dumps(dict(data=state["noted"])))
    elif arguments[2:] == ["create", "-f", "-"]:
        document = json.loads(sys.stdin.read())
        state["secrets"][document["metadata"]["name"]] = document["stringData"]
    elif "--ignore-not-found" in arguments:
        absent = [] if state["noted"] else ["persistentvolumeclaim"]
        absent += [] if state["secrets"] else ["secret"]
        print("\\n".join(each for each in arguments if "/" in each and each.split("/")[0] not in absent))
    elif "deployments,pods,pvc" in arguments:
        noted = [each.partition("/")[2] for each in state["noted"].get("objects", "").split() if "deployment" in each]
        known = [each["metadata"]["name"] for each in state["deployments"]]
        more = [json.loads(state["ready"].replace("NAME", name)) for name in noted if name not in known]
        print(json.dumps(dict(items=state["deployments"] + more)))
    path.write_text(json.dumps(state))
    sys.exit()
def option(name):
    return arguments[arguments.index(name) + 1]
kind = " ".join(arguments[: next(i for i, part in enumerate(arguments) if part.startswith("-"))])
thing, verb = kind.rsplit(" ", 1)
things = state["things"]
if kind == "account show":
    print(json.dumps(dict(name="Team")))
elif kind == "resource list":
    print(json.dumps(state["resources"]))
elif kind == "group delete":
    things.clear()
elif verb in ("create", "add"):
    tags = dict([option("--tags").split("=")]) if "--tags" in arguments else dict()
    things[thing] = dict(provisioningState="Succeeded", tags=tags)
    if thing == "aks":
        things[thing]["powerState"] = dict(code="Running")
elif verb in ("wait", "update"):
    things[thing]["provisioningState"] = "Succeeded"
elif verb == "show":
    if "--query" in arguments:
        print("value-of-" + option("--query"))
    elif thing not in things:
        sys.exit("ERROR: (ResourceNotFound) The Resource was not found.")
    else:
        print(json.dumps(things[thing]))
path.write_text(json.dumps(state))
"""


class Azure:
    """Stand-ins for az and kubectl on PATH, and the state they answer from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir(parents=True)
        state = {
            "faults": {},
            "things": {},
            "resources": [],
            "noted": {},
            "secrets": {},
            "ready": json.dumps(deployment("NAME", True)),
            "deployments": READY,
        }
        self._write(state)
        for tool in ("az", "kubectl"):
            program = folder / "bin" / tool
            program.write_text(TOOL.format(start=START, folder=str(folder)), encoding="utf-8")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def _write(self, state: dict[str, Any]) -> None:
        (self.folder / "state.json").write_text(json.dumps(state), encoding="utf-8")

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        return found

    def keep(self, **changes: Any) -> None:
        self._write({**self.state, **changes})

    def made(self) -> list[str]:
        """What was made, mended or deleted since the last time, as `aks create`."""
        path = self.folder / "log"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        found = [re.match(r"az ([a-z -]+?) --", line) for line in lines]
        kinds = [match[1] for match in found if match]
        return [kind for kind in kinds if kind.split()[-1] not in ("show", "list")]
