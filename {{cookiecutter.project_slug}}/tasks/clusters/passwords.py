"""The passwords of a cluster's database and store of artifacts: made once for each cluster, and told nobody."""

import json
import secrets

from ..terminal import fail
from .tools import kubectl, last_line

# Each Secret of the release, the claim on which lies what it opens, and who it is for; the rest is made up.
SECRETS = {
    "mysql-secret": ("mysql-pv-claim", {"username": "root"}, ("password",)),
    "mlpipeline-minio-artifact": ("seaweedfs-pvc", {}, ("accesskey", "secretkey")),
}


def ensure(where: str, namespace: str) -> None:
    """Make the Secrets that are not there, with passwords of their own; those that are there stay.

    Raises `Exit` where one is gone and the data that it opens is not.
    """
    wanted = [f"secret/{name}" for name in SECRETS] + [f"persistentvolumeclaim/{each[0]}" for each in SECRETS.values()]
    listed = kubectl(where, "-n", namespace, "get", *wanted, "--ignore-not-found", "-o", "name")
    if listed.returncode:
        raise fail(f"the cluster does not say which Secrets it has: {last_line(listed)}")
    there = listed.stdout.split()
    for name, (claim, known, made_up) in SECRETS.items():
        if f"secret/{name}" in there:
            continue
        if f"persistentvolumeclaim/{claim}" in there:
            raise fail(
                f"the Secret {name} is gone from the namespace {namespace}, and with it the password of the data on "
                f"{claim}: bring it back, or delete the namespace with its data, and go on from nothing."
            )
        document = {
            **{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}},
            "stringData": known | {key: secrets.token_hex(20) for key in made_up},
        }
        made = kubectl(where, "create", "-f", "-", input=json.dumps(document))  # not in an argument, which `ps` shows
        if made.returncode and "AlreadyExists" not in made.stderr:
            raise fail(f"the Secret {name} cannot be made in the namespace {namespace}: inv doctor --for cluster")


def commands(context: str, namespace: str) -> list[str]:
    """What makes them in a shell."""
    found = []
    for name, (_, known, made_up) in SECRETS.items():
        values = [f"--from-literal={key}={value}" for key, value in known.items()]
        values += [f'--from-literal={key}="$(openssl rand -hex 20)"' for key in made_up]
        found.append(f"kubectl --context {context} -n {namespace} create secret generic {name} {' '.join(values)}")
    return found
