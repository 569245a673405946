"""Types of settings are checked, not converted: every setting with a value of every kind, and commands with some."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from helpers.flow import SETTINGS, Project
from helpers.template import PROJECT

VALUES = {
    **{"nothing": "", "a list": "[a]", "lines": "{a: b}", "a number": "5", "a half": "1.5", "a flag": "true"},
    **{"a text": "abc", "an empty text": "''", "a huge number": f"{10**30}", "no number": ".nan"},
    **{"infinity": "-.inf", "a date": "2024-01-01", "bytes": "!!binary YQ==", "a number in quotes": "'5'"},
}
TEXT = {"a text", "an empty text", "a number in quotes"}
FULL = TEXT - {"an empty text"}
NUMBER = {"a number", "a half"}
COUNT, FLAG, LINES = {"a number"}, {"a flag"}, {"lines"}
ANY = {"nothing", "a list", "lines", "a number", "a half", "a flag", *TEXT}
NONE: set[str] = set()
EMPTY = {"nothing"}

# What each setting takes of these.
TAKES: dict[str, dict[str, set[str]]] = {
    "SettingsFile": {
        **dict.fromkeys(("project", "registry", "python_version", "image_mirror", "experiment", "page_metric"), TEXT),
        **dict.fromkeys(("kfp_namespace", "kfp_manifests", "kind_image", "service_account", "models"), TEXT),
        **{
            "template_version": TEXT,
            "kfp_host": FULL,
            "kfp_version": FULL,
            "runs_limit": {"an empty text"},
            "mlflow": {"an empty text"},
        },
        **{"kfp_token_over_http": FLAG, "ask": FLAG, "jobs": COUNT, "cloud": NONE, "parameters": {"nothing", "lines"}},
        **dict.fromkeys(("promotion", "drift", "notify", "aks", "schedules", "steps", "pipelines"), EMPTY),
    },
    "Step": {
        **{"cpu": NUMBER | TEXT, "memory": TEXT, "gpu": COUNT, "retries": COUNT, "timeout": {"a number in quotes"}},
        **{"image_pull_secret": TEXT, "env_from_secrets": LINES, "node_selector": LINES, "labels": LINES},
        "tolerations": NONE,
    },
    "Toleration": {
        "key": TEXT,
        "value": TEXT,
        "operator": NONE,
        "effect": {"an empty text"},
        "toleration_seconds": COUNT,
    },
    "Schedule": {"cron": TEXT, "every": TEXT, "parameters": LINES, "enabled": FLAG, "pipeline": TEXT},
    "Promotion": {"metric": TEXT, **dict.fromkeys(("at_least", "at_most", "better_by"), NUMBER), "manual": FLAG},
    "Drift": {**dict.fromkeys(("psi", "p_value", "missing", "unseen", "worse"), NUMBER), "action": NONE},
    "Notify": {"kind": NONE, "variable": {"a text"}, "secret": NONE},
    "Aks": {
        **dict.fromkeys(("artifacts_size", "database_size", "kubernetes_version", "location", "node_size"), TEXT),
        **dict.fromkeys(("registry_name", "resource_group", "storage_account", "training_size"), TEXT),
        **{"node_count": COUNT, "training_count": COUNT},
    },
}
PLACES = {
    **{"SettingsFile": "{}", "Step": "steps: {{all: {{{}}}}}", "Schedule": "schedules: {{nightly: {{{}}}}}"},
    **{"Toleration": "steps: {{all: {{tolerations: [{{{}}}]}}}}", "Promotion": "promotion: {{{}}}"},
    **{"Drift": "drift: {{{}}}", "Notify": "notify: {{{}}}", "Aks": "aks: {{{}}}"},
}
PARAMETERS = {
    "parameters: {{n: {}}}": "parameters: n",
    "parameters: {{n: [1, {{m: {}}}]}}": "parameters: n: m",
    "pipelines: {{pipeline: {{n: {}}}}}": "pipelines: pipeline: n",
    "schedules: {{a: {{cron: x, parameters: {{n: {}}}}}}}": "schedules: a: parameters: n",
}
SETTINGS_OF_ALL = [(section, name) for section, names in TAKES.items() for name in names]


EACH = """\
import json, sys
from invoke.exceptions import Exit
from tasks.files import ROOT
from tasks.project.settings import environment_slips

def said(text):
    (ROOT / "environments/staging.yaml").write_text(text, encoding="utf-8")
    try:
        return "\\n".join(environment_slips())
    except Exit as error:
        return str(error.message).removeprefix("error: ")

json.dump({text: said(text) for text in json.load(sys.stdin)}, sys.stdout)
"""
Said = Callable[[str, str], str]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """What the settings' check says of a place with a value; empty where it finds nothing wrong."""
    project = Project(tmp_path_factory.mktemp("settings") / "flow")
    (project.root / "environments").mkdir()
    places = [PLACES[section].replace("{}", f"{name}: {{}}") for section, name in SETTINGS_OF_ALL] + [*PARAMETERS]
    texts = [place.format(value) for place in places for value in VALUES.values()]
    command = [sys.executable, "-c", EACH]
    done = subprocess.run(command, cwd=project.root, input=json.dumps(texts), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    return lambda place, value: str(answers[place.format(value)])


@pytest.mark.parametrize(("section", "name"), SETTINGS_OF_ALL)
def test_a_setting_takes_its_own_kind_alone(section: str, name: str, said: Said) -> None:
    for kind, value in VALUES.items():
        slip = said(PLACES[section].replace("{}", f"{name}: {{}}"), value)
        if kind in TAKES[section][name]:
            assert slip == "", kind
        else:
            place = "tolerations" if section == "Toleration" else name
            assert slip.startswith("environments/staging.yaml: ") and place in slip and len(slip) < 500, (kind, slip)
            assert (
                any(words in slip for words in (" takes ", " must be ", " is ", "no setting 'a'")) and "\n" not in slip
            ), (kind, slip)


def test_every_setting_is_among_them() -> None:
    schema = json.loads((PROJECT / "invoke.schema.json").read_text(encoding="utf-8"))
    sections = {name: section["properties"] for name, section in schema["$defs"].items()}
    sections["SettingsFile"] = {
        name: has for name, has in schema["properties"].items() if has.get("description") != "Of invoke itself."
    }
    assert {name: set(names) for name, names in TAKES.items()} == {name: set(has) for name, has in sections.items()}


@pytest.mark.parametrize("place", PARAMETERS)
def test_what_no_parameter_can_be_is_refused_by_its_place(place: str, said: Said) -> None:
    for kind, value in VALUES.items():
        slip = said(place, value)
        assert (slip == "") == (kind in ANY), (kind, slip)
        assert not slip or slip.startswith(f"environments/staging.yaml: {PARAMETERS[place]} is "), slip


SLIPS = {
    "no host": ("kfp_host: null", "invoke.yaml: kfp_host takes an address, not None."),
    "an empty host": ("kfp_host: ''", "invoke.yaml: kfp_host takes an address, not ''."),
    "a cron": (
        "schedules: {a: {cron: 5}}",
        "schedules: a: cron takes 5 fields in UTC, or 6 with seconds first, in quotes",
    ),
    "64 bits": (f"jobs: {2**63}", "invoke.yaml: jobs is a whole number of more than 64 bits"),
    "32 bits": ("steps: {all: {retries: 2147483648}}", "retries of 'all' takes a number of times, not 2147483648."),
    "a number that is rounded": (f"parameters: {{n: {2**53 + 1}}}", f"parameter 'n' holds {2**53 + 1}, and KFP keeps"),
    "a date": (
        "parameters: {n: 2024-01-01}",
        "parameters: n is read as a date, and no setting takes one; put it in quotes.",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.parametrize("command", ["compile", "run", "deploy", "schedule"])
def test_commands_refuse_it(flow: Project, command: str, slip: str) -> None:
    text, words = SLIPS[slip]
    rest = "".join(line for line in SETTINGS.splitlines(keepends=True) if not line.startswith(text.partition(":")[0]))
    flow.write("invoke.yaml", f"{rest}{text}\n")
    assert words in flow.inv(command, code=1).stderr


@pytest.mark.parametrize(("value", "right"), [(2**53, True), (2**53 + 1, False), (2**62, True), (2**63, False)])
def test_a_parameter_that_would_be_rounded_is_refused(flow: Project, value: int, right: bool) -> None:
    said = flow.inv("run", "-p", f"n={value}", code=0 if right else 1)
    assert right or f"-p: parameter 'n' holds {value}, and KFP keeps whole numbers as doubles" in said.stderr
    assert not right or flow.record()["steps"][0]["inputs"]["a"] == value
