"""What runs made, in `inv shell` and from `tasks.shell`, as in a notebook."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from helpers.flow import Project

LATEST = "runs.latest['adding']"


def typed(project: Path, *lines: str, **variables: str) -> tuple[list[str], str]:
    """What `inv shell` answers to lines on standard input: on standard output, and on standard error."""
    result = subprocess.run(
        [sys.executable, "-m", "invoke", "shell"],
        cwd=project,
        env={**os.environ, **variables},
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    answers = [line.replace(">>> ", "") for line in result.stdout.splitlines()]
    return [line for line in answers if line], result.stderr


def with_outputs(flow: Project, **outputs: Any) -> Path:
    """A run whose first step made these, by its record."""
    flow.inv("run")
    path = next(flow.root.glob("runs/*/run.json"))
    record = json.loads(path.read_text(encoding="utf-8"))
    for name, value in outputs.items():
        record["steps"][0]["outputs"][name] = value
    path.write_text(json.dumps(record), encoding="utf-8")
    return path.parent


def artifact(kind: str, uri: str, **metadata: Any) -> dict[str, Any]:
    return {"type": f"system.{kind}", "name": "x", "uri": uri, "metadata": metadata}


def test_tables_models_metrics_and_texts_are_there_as_what_they_are(penguins: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in penguins.glob("runs/**/*")}
    said, errors = typed(
        penguins,
        "import sys; {'pandas', 'sklearn', 'kfp'} & sys.modules.keys()",
        "run = runs.latest",
        "train = run['preprocessing'].train",
        "type(train).__name__, len(train), 'sex' in train",
        "train['sex'] = None",
        "int(run['preprocessing'].train['sex'].isna().sum())",
        "model = run['training'].model",
        "type(model).__name__, model.classes_.tolist()",
        "run['training'].metrics['cv_accuracy'] == run.metrics['cv_accuracy']",
        "run['training'].model_card[:12], run['validation'].report[:15]",
        "run['evaluation'].decision, run['training'].path('model').name",
        "'cross-validation' in run['training'].log or run['training'].log",
        "run['training']",
    )
    assert said[:2] == ["set()", "('DataFrame', 266, True)"], errors
    assert said[2:6] == ["0", "('Pipeline', ['female', 'male'])", "True", "('# Model card', '<!doctype html>')"]
    assert said[6] == "('promote', 'model')"
    assert said[-4].startswith("step training of run ") and said[-3:] == [
        *("  metrics: Metrics", "  model: Model", "  model_card: Markdown")
    ]
    assert before == {path: path.stat().st_mtime_ns for path in penguins.glob("runs/**/*")}, "nothing is written"


def test_a_model_of_other_types_is_not_loaded(penguins: Path) -> None:
    said, errors = typed(
        penguins,
        "path = runs.latest['training'].path('model')",
        "import skops.io, collections; _ = skops.io.dump(collections.Counter(), path)",
        "runs.latest['training'].model",
    )
    assert "\nerror: model of step training in run " in errors and not said
    assert "types that are not trusted: collections.Counter" in errors and "Traceback" not in errors


def test_a_slip_is_one_sentence_with_the_nearest_name(flow: Project) -> None:
    assert "there is no run yet" in typed(flow.root, "runs.latest")[1]
    flow.inv("run")
    lines = ("runs.latest['addin']", f"{LATEST}.nota", "runs['nope']", "runs[0]", f"{LATEST}.path('sum')")
    said, errors = typed(flow.root, *lines, f"hasattr({LATEST}, 'nota')", f"{LATEST}.sum, {LATEST}['note'].read_text()")
    assert "Traceback" not in errors
    endings = ("Did you mean 'adding'?", "Did you mean 'note'?", ".", "not by 0.", "so it has no path.")
    sentences = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert [line.endswith(end) for line, end in zip(sentences, endings, strict=True)] == [True] * 5, errors
    assert said[-2:] == ["False", "(4, '3+1')"]
    run = flow.runs()[0]["id"]
    asked = (f"runs[{run[:8]!r}].id", "runs['pipeline'].id", "[run.id for run in runs], len(runs)", "runs")
    said, _ = typed(flow.root, *asked)
    assert said[:3] == [f"'{run}'", f"'{run}'", f"(['{run}'], 1)"] and said[4] == f"  {run}  pipeline  succeeded"


def test_what_is_not_here_is_said_where_it_is_and_nothing_outside_runs_is_opened(flow: Project) -> None:
    folder = with_outputs(
        flow,
        far=artifact("Dataset", "s3://mlpipeline/v2/table"),
        gone=artifact("Dataset", "runs/gone/table"),
        outside=artifact("HTML", "/etc/passwd"),
        climbing=artifact("HTML", "runs/../invoke.yaml"),
        linked=artifact("HTML", "runs/link"),
    )
    (folder.parent / "link").symlink_to(flow.root / "invoke.yaml")
    names = ("far", "gone", "outside", "climbing", "linked")
    said, errors = typed(flow.root, *(f"{LATEST}.{name}" for name in names))
    sentences = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert "it is at s3://mlpipeline/v2/table" in sentences[0] and "Run it again" in sentences[1]
    assert all("is not in runs/" in line for line in sentences[2:]) and len(sentences) == 5
    assert not said and "Traceback" not in errors


def test_other_files_tables_and_lists(flow: Project) -> None:
    folder = with_outputs(
        flow,
        **{"a-b": artifact("Dataset", "runs/table"), "bad": artifact("Dataset", "runs/bad")},
        several=[artifact("Metrics", "x", n=1), artifact("Metrics", "x", n=2)],
        page=artifact("Markdown", "runs/page"),
    )
    (folder.parent / "table").write_text("n,m\n1,2\n", encoding="utf-8")
    (folder.parent / "bad").write_bytes(b"PAR1, and no more")
    (folder.parent / "page").write_text("# é", encoding="utf-8")
    lines = (f"{LATEST}['a-b'].to_dict('list')", f"{LATEST}.several", f"{LATEST}.page", f"{LATEST}.bad")
    said, errors = typed(flow.root, *lines)
    assert said[:3] == ["{'n': [1], 'm': [2]}", "[{'n': 1}, {'n': 2}]", "'# é'"]
    assert "bad of step adding" in errors and "is no Parquet or CSV that can be read" in errors


IN_A_NOTEBOOK = """
from tasks.shell import runs
print(runs.latest['adding'].sum, 'sum' in dir(runs.latest['adding']), runs._ipython_key_completions_())
try:
    runs['nope']
except AttributeError as error:
    print(error._render_traceback_())
from tasks.shell.console import Completer
step = runs.latest['adding']
print(Completer({'step': step}).attr_matches('step.go'), Completer({'step': step}).attr_matches('step.'))
"""


def test_a_notebook_in_a_subfolder_has_it_by_one_import(flow: Project) -> None:
    with_outputs(flow, gone=artifact("Dataset", "runs/gone/table"))
    run = flow.runs()[0]["id"]
    (folder := flow.root / "notebooks").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(flow.root)}
    command = [sys.executable, "-c", IN_A_NOTEBOOK]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    names = ["gone", "log", "name", "note", "outputs", "path", "status", "sum"]
    assert result.stdout.splitlines() == [
        f"4 True ['{run}']",
        f"""["error: no run has an id that starts with 'nope': {run}."]""",
        f"['step.gone'] {[f'step.{name}' for name in names]}",
    ], result.stderr
    assert not result.stderr


def test_ipython_is_taken_where_it_is_installed(flow: Project, tmp_path: Path) -> None:
    stand_in = "def start_ipython(argv, user_ns):\n    print('IPython', argv, *user_ns)\n"
    (tmp_path / "IPython.py").write_text(stand_in, encoding="utf-8")
    said, _ = typed(flow.root, PYTHONPATH=str(tmp_path))
    assert said == ["IPython ['--no-banner'] __name__ runs"]
