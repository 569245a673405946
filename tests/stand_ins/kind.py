"""kind, kubectl and docker: programs that keep a state, and what a cluster says of what is in it."""

import json
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

TOOL = """\
#!{python}
import json, pathlib, subprocess, sys, time
tool, arguments = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
folder = pathlib.Path({folder!r})
with open(folder / "log", "a") as log:
    log.write(" ".join([tool, *arguments]) + "\\n")
path = folder / "state.json"
state = json.loads(path.read_text())

def keep():
    path.write_text(json.dumps(state))

def end(code, out="", err=""):
    keep()
    print(out, end="")
    print(err, end="", file=sys.stderr)
    sys.exit(code)

line = " ".join(arguments)
for words, (code, err) in state["faults"].items():
    if words in tool + " " + line:
        end(code, err=err)
if tool == "kind":
    if arguments[:2] == ["get", "clusters"]:
        end(0, "\\n".join(state["clusters"]) + "\\n")
    if arguments[:2] == ["create", "cluster"]:
        time.sleep(state["slow"])
        state["clusters"].append(state["name"])
        end(0)
    if arguments[:2] == ["delete", "cluster"]:
        state["clusters"] = [each for each in state["clusters"] if each != arguments[-1]]
        state.update(noted=dict(), owner="", polls=0)
        end(0)
    end(0, "kind v0.33.0 go1.27.2 linux/amd64")
if tool == "docker":
    if arguments[0] == "cp":
        if arguments[1].endswith(":/kind/kf-template-folder"):
            if not state["owner"]:
                end(1, err="Error response from daemon: " + state["no_owner"])
            end(0, "x" * 512 + state["owner"] + "\\0" * 100)
        state["owner"] = pathlib.Path(arguments[1]).read_text()
        end(0)
    if "curl" in arguments:
        end(state["curl"])
    if arguments[0] in ("exec", "network", "start"):
        end(0, "172.18.0.1 ")
    if arguments[0] == "ps":
        end(0, state["registry"])
    if line.startswith("inspect"):
        end(0, state["started"] if "StartedAt" in line else "true")
    keep()
    sys.exit(subprocess.run([{docker!r}, *arguments]).returncode)
ours = ["--context", "kind-" + state["name"]]
assert arguments[:2] in (ours, ["version", "--client"]) or arguments[0] == "kustomize", arguments
if arguments[0] == "kustomize":
    keep()
    sys.exit(subprocess.run([{kubectl!r}, *arguments]).returncode)
if "apply" in arguments:
    if arguments[-1] == "-":
        document = json.loads(sys.stdin.read())
        state["noted"] = document["data"] if "applied" in document["data"] else state["noted"]
    else:
        assert (pathlib.Path(arguments[-1]) / "kustomization.yaml").is_file()
        if arguments[-1].endswith("platform"):
            state["gone"] = []
    end(0)
if "configmap" in arguments:
    end(0, json.dumps(dict(data=state["noted"]))) if state["noted"] else end(1, err="NotFound")
if "--ignore-not-found" in arguments and "-o" in arguments:
    end(0, "\\n".join(each for each in arguments if "/" in each and each not in state["gone"]))
if "deployments,pods,pvc" in arguments:
    states = state["deployments"]
    now = states[min(state["polls"], len(states) - 1)]
    state["polls"] += 1
    known = [each["metadata"]["name"] for each in now]
    noted = [each.partition("/")[2] for each in state["noted"].get("objects", "").split() if "deployment" in each]
    now += [json.loads(state["ready"].replace("NAME", name)) for name in noted if name not in known]
    gone = [each.partition("/")[2] for each in state["gone"] if "deployment" in each]
    end(0, json.dumps(dict(items=[each for each in now if each["metadata"]["name"] not in gone])))
if line.endswith("healthz --request-timeout 5s"):
    state["unwell"] -= 1
    end(int(state["unwell"] >= 0))
if "logs" in arguments:
    end(0, state["words"])
if "nodes" in arguments:
    end(0, state["label"])
if "version" in arguments:
    end(0, json.dumps(dict(clientVersion=dict(minor="36"), serverVersion=dict(minor=state["minor"]))))
end(0)
"""


def deployment(name: str, ready: bool) -> dict[str, Any]:
    selector = {"matchLabels": {"app": name}}
    status = {"observedGeneration": 1, "readyReplicas": int(ready), "updatedReplicas": int(ready)}
    metadata = {"name": name, "generation": 1}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"replicas": 1, "selector": selector}, "status": status}


def pod(name: str, **status: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": f"{name}-1", "labels": {"app": name}}, "status": status}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"containerStatuses": [{"name": "main", "state": {"waiting": {"reason": reason, "message": message}}}]}


READY = [deployment("mysql", True), deployment("ml-pipeline", True)]


class Tools:
    """Stand-ins for kind, kubectl and docker on PATH, what they were asked, and the state they answer from."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        (folder / "bin").mkdir(parents=True)
        self.state: dict[str, Any] = {
            **{"name": name, "clusters": [], "owner": "", "noted": {}, "faults": {}, "slow": 0, "polls": 0},
            **{"gone": [], "unwell": 0, "started": "", "curl": 0, "registry": "some-registry\n"},
            **{"ready": json.dumps(deployment("NAME", True))},
            **{"deployments": [READY], "words": "", "minor": "36", "no_owner": "Could not find the file", "label": ""},
        }
        self.keep()
        text = TOOL.format(
            python=sys.executable, folder=str(folder), docker=shutil.which("docker"), kubectl=shutil.which("kubectl")
        )
        for tool in ("kind", "kubectl", "docker"):
            program = folder / "bin" / tool
            program.write_text(text, encoding="utf-8")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def keep(self, **changes: Any) -> None:
        path = self.folder / "state.json"
        if path.exists():
            self.state = json.loads(path.read_text(encoding="utf-8"))
        self.state |= changes
        path.write_text(json.dumps(self.state), encoding="utf-8")

    def asked(self) -> list[str]:
        path = self.folder / "log"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines
