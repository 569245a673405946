"""kubectl: on a kind cluster, with what it says of deployments and pods; and as far as it tells of a run's pods."""

from typing import Any

ON_KIND = """\
ours = ["--context", "kind-" + state["name"]]
assert arguments[:2] in (ours, ["version", "--client"]) or arguments[0] == "kustomize", arguments
if arguments[0] == "kustomize":
    keep()
    sys.exit(subprocess.run([{real!r}, *arguments]).returncode)
if "apply" in arguments:
    if arguments[-1] == "-":
        document = json.loads(sys.stdin.read())
        state["noted"] = document["data"] if "applied" in document["data"] else state["noted"]
    else:
        assert (pathlib.Path(arguments[-1]) / "kustomization.yaml").is_file()
        if arguments[-1].endswith("platform"):
            assert len(state["secrets"]) == 2, "what it runs with is there before it"
            state["gone"], state["claims"] = [], True
    end(0)
if arguments[2:] == ["create", "-f", "-"]:
    document = json.loads(sys.stdin.read())
    if document["metadata"]["name"] in state["secrets"]:
        end(1, err="Error from server (AlreadyExists)")
    state["secrets"][document["metadata"]["name"]] = document["stringData"]
    end(0)
if arguments[2:4] == ["delete", "namespace"]:
    state["secrets"], state["claims"], state["noted"] = dict(), False, dict()
    end(0)
if "configmap" in arguments:
    end(0, json.dumps(dict(data=state["noted"]))) if state["noted"] else end(1, err="NotFound")
if "--ignore-not-found" in arguments and "-o" in arguments:
    def there(each):
        thing, name = each.split("/")
        if thing == "secret":
            return name in state["secrets"]
        return each not in state["gone"] and (state["claims"] or thing != "persistentvolumeclaim")
    end(0, "\\n".join(each for each in arguments if "/" in each and there(each)))
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

KUBECTL = """\
{start}
import json, sys
arguments = sys.argv[1:]
if arguments[:2] == ["config", "get-contexts"]:
    print("kind-flow")
elif "scheduledworkflows.kubeflow.org" in arguments and "get" in arguments:
    print(open({folder!r} + "/swf.json").read())
elif "delete" in arguments:
    open({folder!r} + "/deleted", "a").write(arguments[arguments.index("delete") + 2] + "\\n")
elif "nodes" in arguments:
    print(json.dumps(dict(items=[dict(status=dict(allocatable=dict(cpu="2", memory="4Gi")))])))
elif "pods" in arguments:
    assert arguments[arguments.index("-l") + 1].startswith("pipeline/runid=")
    assert arguments[:4] == ["--context", "kind-flow", "--namespace", "kubeflow"]
    print(open({pods!r}).read())
elif "logs" in arguments:
    print("reading\\nerror: too few rows")
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
