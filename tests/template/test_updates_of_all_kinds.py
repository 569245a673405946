"""Each kind of edit, with and without a conflict, from each of three versions: nothing is lost, and all is told."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from helpers.git import commit, edit, git
from helpers.updating import updated

pytestmark = pytest.mark.usefixtures("identity")
LINES = "".join(f"line {number}\n" for number in range(1, 13))
NEW = "".join(f"this is new {number}\n" for number in range(1, 9))  # nothing that git takes for a file that moved
VERSIONS = ["1", "2", "3"]  # and 4 is the newest
Words = dict[str, str | None]  # by a file's path, what has to be in it after an update; None: it is not there


def versions(number: int) -> dict[str, str]:
    """The files of a version of the template."""
    files = {
        "README.md": f"# Of version {number}\n{LINES}",
        "invoke.yaml": f"project: one\nregistry: there\n{LINES}template_version: {number}\n",
        "pipeline.py": LINES if number < 3 else LINES + "more\n",
        "components/one/one.py": LINES.replace("line 2\n", f"line 2 of {number}\n"),
        "components/one/two.py": LINES,
        "tasks/one.py": LINES.replace("line 2\n", f"line 2 of {number}\n"),
        "tasks/moved.py" if number < 4 else "tasks/AU moved.py": LINES.replace("line", "moved line"),
    }
    return files | ({"tasks/old.py": LINES} if number < 4 else {"tasks/new.py": NEW})


def fill(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    for number in (1, 2, 3, 4):
        shutil.rmtree(folder / "project", ignore_errors=True)
        fill(folder / "project", versions(number))
        notes = [f"## [{each}]\n\n### Upgrade notes\nNote of {each}.\n" for each in range(number, 0, -1)]
        fill(folder, {"version": str(number), "CHANGELOG.md": "\n".join(notes)})
        commit(folder, f"v{number}")
    return folder


def make(template: Path, top: Path, version: str, below: str = "") -> Path:
    """A project of a version, in git; `below` a folder of its repository, where that is said."""
    project = top / below
    fill(project, versions(int(version)))
    state = {"template": str(template), "commit": git(template, "rev-parse", f"v{version}^{{commit}}")}
    context = {"cookiecutter": {"_template_version": version}}
    fill(project, {".cruft.json": json.dumps(state | {"context": context})})
    if below:
        fill(top, {"theirs.txt": "theirs\n", "README.md": "theirs\n"})
    git(top, "init", "--quiet", "--initial-branch", "main")
    commit(top)
    return project


def one_of_yours(project: Path) -> Words:
    edit(project / "components/one/one.py", "line 9", "ours 9")
    return {"components/one/one.py": "ours 9"}


def settings(project: Path) -> Words:
    edit(project / "invoke.yaml", "registry: there", "registry: ours")
    return {"invoke.yaml": "registry: ours"}


def one_of_the_templates(project: Path) -> Words:
    edit(project / "tasks/one.py", "line 12", "ours 12")
    return {"tasks/one.py": "ours 12"}


def added(project: Path) -> Words:
    fill(project, {"components/two/two.py": "ours\n"})
    return {"components/two/two.py": "ours"}


def deleted(project: Path) -> Words:
    (project / "components/one/one.py").unlink()
    return {"components/one/one.py": None}


def renamed(project: Path) -> Words:
    (project / "components/one/one.py").rename(project / "components/one/uno.py")
    return {"components/one/one.py": None, "components/one/uno.py": "line 9"}


def crlf(project: Path) -> Words:
    for name in ("components/one/one.py", "tasks/one.py"):
        (project / name).write_bytes((project / name).read_bytes().replace(b"\n", b"\r\n"))
    return {
        "components/one/one.py": "line 9\r\n",
        "tasks/one.py": "line 9",
    }  # a file of the template's has its line ends


def own_file(project: Path) -> Words:
    fill(project, {"tasks/ours.py": "ours\n"})
    return {"tasks/ours.py": "ours"}


KINDS: list[Callable[[Path], Words]] = [
    *(lambda project: {}, one_of_yours, settings, one_of_the_templates),
    *(added, deleted, renamed, crlf, own_file),
]


def no_conflict(project: Path) -> list[str]:
    return []


def same_line(project: Path) -> list[str]:
    edit(project / "README.md", "# Of version", "# Ours, of version")
    return ["README.md: both changed it"]


def gone_there(project: Path) -> list[str]:
    edit(project / "tasks/old.py", "line 3", "ours 3")
    return ["tasks/old.py: the template deleted it, and you changed it"]


def gone_here(project: Path) -> list[str]:
    (project / "README.md").unlink()
    return ["README.md: you deleted it, and the template changed it"]


CONFLICTS = [no_conflict, same_line, gone_there, gone_here]


def read(path: Path) -> str | None:
    return path.read_bytes().decode() if path.exists() else None


def looked_at(project: Path, words: Words, listed: list[str], code: int, said: str) -> None:
    """All that has to hold after an update to the newest version, and after the way back from it."""
    assert code == bool(listed), said
    if listed:
        assert re.findall(r"^  (\S+: .+)", said, re.MULTILINE)[-len(listed) :] == listed, said
    for name, word in words.items():
        text = read(project / name)
        assert text is None if word is None else word in (text or ""), (name, said)
    conflicting = {line.split(":")[0] for line in listed}
    assert read(project / "tasks/new.py") == NEW
    assert "line 2 of 4" in (read(project / "tasks/one.py") or "")
    assert read(project / "tasks/moved.py") is None and read(project / "tasks/AU moved.py")
    assert "tasks/old.py" in conflicting or read(project / "tasks/old.py") is None
    assert "template_version: 4" in (read(project / "invoke.yaml") or "")
    assert git(project, "rev-parse", "--abbrev-ref", "HEAD") == "template-update"
    assert bool(git(project, "status", "--porcelain")) == bool(listed)
    (back,) = re.findall(r"to give it up: (.+)", said)
    subprocess.run(back, shell=True, cwd=project, check=True, capture_output=True)
    assert git(project, "branch", "--list") == "* main" and git(project, "status", "--porcelain") == ""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.strip("<>"))
def test_an_update_loses_nothing_says_all_and_is_given_up_by_one_command(
    template: Path, default_project: Path, tmp_path: Path, kind: Callable[[Path], Words]
) -> None:
    cases = []
    for conflict, version in product(CONFLICTS, VERSIONS):
        project = make(template, tmp_path / f"{version}-{conflict.__name__}", version)
        words, listed = kind(project), conflict(project)
        commit(project)
        cases.append((project, words, listed, git(project, "rev-parse", "HEAD")))
    for (project, words, listed, head), (code, said) in zip(
        cases, updated(default_project, [c[0] for c in cases]), strict=True
    ):
        looked_at(project, words, listed, code, said)
        assert git(project, "rev-parse", "HEAD") == head


@pytest.mark.parametrize("conflict", CONFLICTS)
def test_a_project_below_the_top_of_its_repository_is_updated_alone(
    template: Path, default_project: Path, tmp_path: Path, conflict: Callable[[Path], list[str]]
) -> None:
    project = make(template, tmp_path / "many", "1", below="teams/one")
    words = own_file(project) | one_of_yours(project) | one_of_the_templates(project)
    listed = conflict(project)
    commit(tmp_path / "many")
    ((code, said),) = updated(default_project, [project])
    assert git(tmp_path / "many", "diff", "--name-only", "main", "--", "theirs.txt", "README.md", "tasks") == ""
    looked_at(project, words, listed, code, said)


def test_an_older_version_is_brought_back_without_notes(template: Path, default_project: Path, tmp_path: Path) -> None:
    project = make(template, tmp_path / "one", "3")
    words = own_file(project) | one_of_yours(project) | settings(project)
    commit(project)
    ((code, said),) = updated(default_project, [project], "v1")
    assert code == 0 and "Note of" not in said, said
    assert all(word in (read(project / name) or "") for name, word in words.items() if word)
    assert "template_version: 1" in (read(project / "invoke.yaml") or "")
    assert "line 2 of 1" in (read(project / "tasks/one.py") or "")
    git(project, "switch", "--quiet", "main")
    git(project, "merge", "--quiet", "template-update-v1")
    ((code, said),) = updated(default_project, [project])
    assert code == 0 and all(f"Note of {number}." in said for number in (2, 3, 4)), said


def test_a_template_that_holds_another_history_is_told(template: Path, default_project: Path, tmp_path: Path) -> None:
    project = make(template, tmp_path / "one", "1")
    other = shutil.copytree(template, tmp_path / "other")
    shutil.rmtree(other / ".git")
    git(other, "init", "--quiet", "--initial-branch", "main")
    commit(other)
    edit(project / ".cruft.json", str(template), str(other))
    commit(project)
    ((code, said),) = updated(default_project, [project])
    assert code == 1 and "does not hold the version that this project is from" in said
    moved = template.rename(tmp_path / "moved")
    try:
        edit(project / ".cruft.json", str(other), str(moved))
        commit(project)
        assert updated(default_project, [project])[0][0] == 0, "corrected, as it was said"
    finally:
        moved.rename(template)


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template of two versions, the second of which asks otherwise."""
    folder = tmp_path_factory.mktemp("asking")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    for number, questions in enumerate(QUESTIONS, 1):
        fill(
            folder,
            {
                "cookiecutter.json": json.dumps({"project_slug": "one", "_template_version": str(number), **questions}),
                "{{cookiecutter.project_slug}}/said.txt": "".join(
                    f"{{{{cookiecutter.{name}}}}}\n" for name in questions
                ),
            },
        )
        commit(folder, f"v{number}")
    return folder


QUESTIONS: list[dict[str, str | list[str]]] = [
    {"title": "A {brace}", "owner": "", "colour": ["red", "blue"]},
    {"title": "", "colour": ["blue", "green"], "region": "west"},
]


def asked(asking: Path, project: Path, colour: str) -> Path:
    """A project of the first version, whose title has Jinja's braces in it."""
    answers = {"project_slug": "one", "_template_version": "1", "title": "{{ a }}", "owner": "us", "colour": colour}
    state = {"template": str(asking), "commit": git(asking, "rev-parse", "v1^{commit}")}
    said = "".join(f"{answers[name]}\n" for name in QUESTIONS[0])
    fill(project, {"said.txt": said, ".cruft.json": json.dumps(state | {"context": {"cookiecutter": answers}})})
    git(project, "init", "--quiet", "--initial-branch", "main")
    commit(project)
    return project


def test_questions_that_changed_are_told(asking: Path, default_project: Path, tmp_path: Path) -> None:
    project = asked(asking, tmp_path / "blue", "blue")
    ((code, said),) = updated(default_project, [project], jinja=True)
    assert code == 0, said
    assert "a question that is new: region, answered 'west'; otherwise, once more: --answer region=..." in said
    assert "asked no more: owner (it was 'us')" in said
    assert read(project / "said.txt") == "{{ a }}\nblue\nwest\n"
    git(project, "switch", "--quiet", "main")
    git(project, "branch", "--quiet", "-D", "template-update")
    ((code, said),) = updated(default_project, [project], answers=("region=east",), jinja=True)
    assert code == 0 and "question that is new" not in said, said
    assert read(project / "said.txt") == "{{ a }}\nblue\neast\n"


def test_a_choice_that_is_gone_is_asked_for(asking: Path, default_project: Path, tmp_path: Path) -> None:
    project = asked(asking, tmp_path / "red", "red")
    ((code, said),) = updated(default_project, [project], jinja=True)
    assert code == 1 and "has no choice 'red' for 'colour'; it has: blue, green." in said
    assert "inv template.update --answer colour=CHOICE" in said and git(project, "branch", "--list") == "* main"
    ((code, said),) = updated(default_project, [project], answers=("colour=green",), jinja=True)
    assert code == 0 and read(project / "said.txt") == "{{ a }}\ngreen\nwest\n", said
    git(project, "switch", "--quiet", "main")
    git(project, "branch", "--quiet", "-D", "template-update")
    for answer, words in {"nosuch=1": "has no question 'nosuch'", "colour": "'colour' has no '='"}.items():
        ((code, said),) = updated(default_project, [project], answers=(answer,), jinja=True)
        assert code == 1 and words in said
