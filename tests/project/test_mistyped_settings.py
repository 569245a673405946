"""Settings that cannot be mistyped: in `invoke.yaml`, in a file of `inv -f`, in variables; and the editors' schema."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.inv import inv
from helpers.template import PROJECT, Bake


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    return bake(cloud="azure")


SLIPS = {
    "a name": (
        "kfp_hots: http://kubeflow.example.com",
        "there is no setting 'kfp_hots'; there are: project, registry,",
        "Did you mean 'kfp_host'?",
    ),
    "a name of a step": ("steps: {training: {memmory: 1Gi}}", "'training' has no setting 'memmory'", "mean 'memory'?"),
    "a name of Azure": ("aks: {node_cuont: 2}", "aks has no setting 'node_cuont'", "Did you mean 'node_count'?"),
    "a name of a schedule": ("schedules: {nightly: {corn: x}}", "schedules: nightly has no setting 'corn'", "'cron'?"),
    "a list": ("registry: [a, b]", "registry takes a text, not ['a', 'b'].", ""),
    "a half": ("steps: {all: {retries: 1.7}}", "steps: retries of 'all' takes a number of times, not 1.7.", ""),
    "a flag for a number": ("steps: {all: {gpu: true}}", "steps: gpu of 'all' takes a number of GPUs, not True.", ""),
    "a number of bytes": ("steps: {all: {memory: 5}}", "memory of 'all' takes bytes, as in 512Mi or 2Gi, not 5.", ""),
    "a version that is a number": (
        "python_version: 3.10",
        'python_version takes a text in quotes, as in "3.13"',
        "3.1.",
    ),
    "a number for a text": ("experiment: 2024", "experiment takes a text, not 2024.", ""),
    "a number of nodes": ("aks: {node_count: '3'}", "aks: node_count takes a number from 1 on, not '3'.", ""),
    "a cloud": ("cloud: gcp", "cloud takes none or azure, not 'gcp'.", ""),
    "a section": ("steps: [1]", "steps must be lines of 'name: value'", ""),
    "no YAML": ("registry: [a", "is not valid YAML", ""),
    "no lines": ("- a", "must be lines of 'name: value'.", ""),
    "a name that YAML reads": ("parameters: {on: 1}", "YAML reads a name in it as True", "put it in quotes"),
    "bytes": ("registry: \udcff", "is not valid YAML", ""),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_a_file_for_one_call_is_refused_as_in_invoke_yaml(project: Path, tmp_path: Path, slip: str) -> None:
    text, *words = SLIPS[slip]
    other = tmp_path / "production.yaml"
    other.write_bytes(text.encode("utf-8", "surrogateescape"))
    said = inv(project, "-f", str(other), "compile", code=1)
    assert f"error: {other}" in said and all(word in said for word in words), said
    assert "Traceback" not in said
    settings = project / "invoke.yaml"
    kept = settings.read_bytes()
    name = text.split(":")[0]
    lines = kept.decode().splitlines(keepends=True)
    rest = [line for line in lines if not line.startswith((f"{name}:", "steps:", "schedules:", "  ", "aks:"))]
    settings.write_bytes("".join(rest).encode() + other.read_bytes())
    try:
        said = inv(project, "compile", code=1)
    finally:
        settings.write_bytes(kept)
    assert "error: invoke.yaml" in said and "Traceback" not in said
    assert slip == "no lines" or all(word in said for word in words), said


OTHER_FILES = {
    "Python that fails": (
        "x.py",
        "ask = True\n\ndef f():\n    return 1 / 0\nf()",
        "line 4 of {} fails with ZeroDivisionError: ",
    ),
    "Python that ends": ("x.py", "raise SystemExit(3)", "line 1 of {} fails with SystemExit: 3"),
    "no Python": ("x.py", "ask = True\nkfp_host =", "line 2 of {} fails with SyntaxError: "),
    "a module": ("x.py", "import os\nkfp_host = os.sep", "{} imports os, and invoke takes no module for a setting."),
    "a name in Python": ("x.py", "kfp_hots = 'x'", "{}: there is no setting 'kfp_hots'"),
    "a type in Python": ("x.py", "kfp_host = 5", "{}: kfp_host takes an address, not 5."),
    "no JSON": ("x.json", "ask: true", "{} is not valid JSON: Expecting value"),
    "cut JSON": ("x.json", '{"ask": tr', "{} is not valid JSON: "),
    "a list of JSON": ("x.json", "[1]", "{} must be lines of 'name: value'."),
    "no date": ("x.yaml", "kfp_host: 2024-13-45", "{} is not valid YAML: month must be in 1..12"),
    "what holds itself": ("x.yaml", "parameters: &p {x: *p}", "{} is not valid YAML: "),
    "a number without end": ("x.yaml", f"jobs: {'9' * 5000}", "{} is not valid YAML: Exceeds the limit"),
}


@pytest.mark.parametrize("slip", OTHER_FILES)
def test_a_file_of_any_kind_that_cannot_be_read_is_said_in_a_sentence(project: Path, tmp_path: Path, slip: str) -> None:
    name, text, words = OTHER_FILES[slip]
    other = tmp_path / name
    other.write_text(text, encoding="utf-8")
    said = inv(project, "-f", str(other), "compile", code=1)
    assert words.format(other) in said and len(said.splitlines()) == 1, said


def test_files_of_python_and_json_are_taken(project: Path, tmp_path: Path) -> None:
    for name, text in {
        "x.py": "def _of(team):\n    return f'ghcr.io/{team}'\nregistry = _of('team')\ndel _of\n",
        "x.json": '{\n\t"registry": "ghcr.io/team"\n}',
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        inv(project, "-f", str(tmp_path / name), "compile")
        assert "image: ghcr.io/team/my-kfp-project/" in (project / "build/pipeline.yaml").read_text(encoding="utf-8")


VARIABLES = {
    "a name": (
        {"INVOKE_KFP_HOTS": "x"},
        "the variable INVOKE_KFP_HOTS names no setting",
        "Did you mean INVOKE_KFP_HOST?",
    ),
    "a step that is not there": ({"INVOKE_STEPS_TRAINING_MEMORY": "1Gi"}, "names no setting that invoke.yaml has", ""),
    "a number": ({"INVOKE_AKS_NODE_COUNT": "x"}, "the variable INVOKE_AKS_NODE_COUNT takes a number, not 'x'", ""),
    "a flag": ({"INVOKE_RUN_ECHO": "false"}, "INVOKE_RUN_ECHO takes 1 for true or 0 for false, not 'false'", ""),
    "a list": ({"INVOKE_RUN_WATCHERS": "x"}, "stands for a list, which no variable can hold", "inv -f FILE"),
    "a value": ({"INVOKE_CLOUD": "gcp"}, "INVOKE_CLOUD: cloud takes none or azure", ""),
    "an address": ({"INVOKE_REGISTRY": "https://ghcr.io"}, "must be a host with an optional port", ""),
}


@pytest.mark.parametrize("slip", VARIABLES)
def test_a_variable_that_names_nothing_or_cannot_be_is_refused(project: Path, slip: str) -> None:
    variables, *words = VARIABLES[slip]
    said = inv(project, "compile", code=1, **variables)
    assert "Traceback" not in said and all(word in said for word in words), said


def test_what_is_right_is_taken(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "staging.json"
    other.write_text(json.dumps({"steps": {"all": {"cpu": 0.5, "memory": "1Gi"}}, "run": {"echo": True}}), "utf-8")
    inv(
        project, "-f", str(other), "compile", INVOKE_REGISTRY="ghcr.io/team", INVOKE_AKS_NODE_COUNT="2", INVOKE_DEBUG=""
    )
    text = (project / "build/pipeline.yaml").read_text(encoding="utf-8")
    assert "resourceCpuLimit: '0.5'" in text and "image: ghcr.io/team/my-kfp-project/training:" in text
    wrong = tmp_path / "staging.toml"
    wrong.write_text("", encoding="utf-8")
    assert "is of a kind that invoke does not read; it reads .yaml" in inv(project, "-f", str(wrong), "compile", code=1)
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    assert "cannot be read: Is a directory." in inv(project, "-f", str(folder), "compile", code=1)
    assert "inv -f takes the name of a file" in inv(project, "-f", "", "compile", code=1)
    said = inv(project, "-f", "~nobody-here/staging.yaml", "compile", code=1)
    assert "~nobody-here/staging.yaml begins with a home that is not known here: give the whole path." in said


def test_pydantic_is_loaded_only_when_settings_are_read(project: Path) -> None:
    probe = "import sys; sys.path.insert(0, '.'); import tasks; print('pydantic' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", probe], cwd=project, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_the_schema_for_editors_is_made_from_the_checks(project: Path) -> None:
    command = [sys.executable, "-m", "tasks.project.settings_model"]
    made = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout
    assert made == (PROJECT / "invoke.schema.json").read_text(encoding="utf-8"), "renew it: make schema"
    assert (
        (project / "invoke.yaml")
        .read_text(encoding="utf-8")
        .startswith("# yaml-language-server: $schema=invoke.schema.json\n")
    )


@pytest.mark.parametrize("slip", SLIPS)
def test_an_editor_underlines_what_is_refused(project: Path, tmp_path: Path, slip: str) -> None:
    checker = [
        str(Path(sys.executable).with_name("check-jsonschema")),
        "--schemafile",
        str(project / "invoke.schema.json"),
    ]
    good = subprocess.run([*checker, project / "invoke.yaml"], capture_output=True, text=True)
    assert good.returncode == 0, good.stdout
    other = tmp_path / "other.yaml"
    other.write_bytes(SLIPS[slip][0].encode("utf-8", "surrogateescape"))
    assert subprocess.run([*checker, other], capture_output=True).returncode == 1 or slip == "a name that YAML reads"
