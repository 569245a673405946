"""kubectl, as far as it tells of a run's pods."""

KUBECTL = """\
#!{python}
import json, sys
arguments = sys.argv[1:]
if arguments[:2] == ["config", "get-contexts"]:
    print("kind-flow")
elif "pods" in arguments:
    assert arguments[arguments.index("-l") + 1].startswith("pipeline/runid=")
    assert arguments[:4] == ["--context", "kind-flow", "--namespace", "kubeflow"]
    print(open({pods!r}).read())
elif "logs" in arguments:
    print("reading\\nerror: too few rows")
"""
