"""kubectl, as far as it tells of a run's pods."""

KUBECTL = """\
#!{python}
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
