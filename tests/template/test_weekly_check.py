"""The weekly look for a newer template: what runs its code cannot write, and what writes runs none of it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.git import commit, git
from helpers.questions import CI
from helpers.template import PROJECT

BOTS = {
    "github": "github-actions[bot]",
    "gitlab": "template of project",
    "azure-devops": "template of azure-pipelines",
}
FILES = {
    "github": ".github/workflows/template.yml",
    "gitlab": ".gitlab-ci.yml",
    "azure-devops": "azure-pipelines.yml",
}
# Stand-ins: uv makes an update as `inv template.update` does; gh and az note what they were asked.
PROGRAMS = {
    "uv": """\
echo "uv $*" >> "$ASKED"
case "$*" in
  *template.status) exit "$STATUS" ;;
  *template.update) git switch --quiet --create template-update; cp -r "$NEWER/." .; rm -f gone.txt
    git add --all; git commit --quiet --message Updated ;;
esac
""",
    "gh": """\
echo "gh $*" >> "$ASKED"
case "$1 $2" in
  "run download") mkdir -p "$RUNNER_TEMP/update"; cp "$RUNNER_TEMP/template-update.patch" "$RUNNER_TEMP/update/" ;;
  "pr list") echo "$OPEN" ;;
esac
""",
    "az": """\
echo "az $*" >> "$ASKED"
case "$3" in list) echo "$OPEN" ;; esac
""",
}


@dataclass
class Weekly:
    """A provider's two jobs, run one after the other in clones of a repository."""

    provider: str
    folder: Path

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    def scripts(self) -> tuple[str, str]:
        """The scripts of the job that makes the update, without what installs uv, and of the one that writes it."""
        jobs: dict[str, Any] = yaml.safe_load((PROJECT / FILES[self.provider]).read_text(encoding="utf-8"))
        if self.provider == "gitlab":
            return "\n".join(jobs["template"]["script"]), "\n".join(jobs["template-write"]["script"])
        if self.provider == "github":
            made, written = jobs["jobs"]["make"]["steps"], jobs["jobs"]["write"]["steps"]
            key = "run"
        else:
            made, written = (
                next(job for job in jobs["jobs"] if job.get("job") == name)["steps"] for name in MADE_WRITTEN
            )
            key = "script"
        texts = ["\n".join(step[key] for step in steps if key in step) for steps in (made, written)]
        return texts[0].replace("pip install uv==0.13.9", ""), texts[1]

    def run(self, status: int = 1, opened: str = "") -> tuple[int, str, str]:
        """Run both jobs, the second without what could run a template; its exit code and words, and what was asked."""
        temp = self.folder / f"temp{len(list(self.folder.iterdir()))}"
        asked = temp / "asked"
        (temp / "update").mkdir(parents=True)
        asked.touch()
        code, said = 0, ""
        for number, script in enumerate(self.scripts()):
            work = temp / str(number)
            git(self.folder, "clone", "--quiet", str(self.origin), str(work))
            programs = temp / f"bin{number}"
            programs.mkdir()
            for name, text in PROGRAMS.items():
                poison = f'echo "ran {name}" >> "$ASKED"; exit 99\n'
                (programs / name).write_text("#!/bin/sh\n" + (text if (name == "uv") == (number == 0) else poison))
            for name in ("python", "python3", "pip", "inv"):
                (programs / name).write_text(f'#!/bin/sh\necho "ran {name}" >> "$ASKED"; exit 99\n')
            for path in programs.iterdir():
                path.chmod(0o755)
            if number == 1 and self.provider == "gitlab":
                (work / "template-update.patch").write_bytes((temp / "0/template-update.patch").read_bytes())
                url = f"url.{self.origin}.insteadOf"
                git(work, "config", url, "https://oauth2:token@git.example.com/team/project.git")
            if number == 1 and self.provider == "azure-devops":
                (temp / "template-update").mkdir()
                made = temp / "update/template-update.patch"
                (temp / "template-update/template-update.patch").write_bytes(made.read_bytes())
            variables = {
                **{"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "ASKED": str(asked), "STATUS": str(status)},
                **{"NEWER": str(self.folder / "newer"), "OPEN": opened, "RUNNER_TEMP": str(temp)},
                **{"GITHUB_OUTPUT": str(temp / "output"), "GITHUB_RUN_ID": "7", "PIPELINE_WORKSPACE": str(temp)},
                **{"AGENT_TEMPDIRECTORY": str(temp), "CI_PROJECT_NAME": "project", "CI_DEFAULT_BRANCH": "main"},
                **{"CI_SERVER_HOST": "git.example.com", "CI_PROJECT_PATH": "team/project", "TEMPLATE_TOKEN": "token"},
                **dict.fromkeys(("GITHUB_SHA", "CI_COMMIT_SHA", "BUILD_SOURCEVERSION"), git(work, "rev-parse", "HEAD")),
            }
            done = subprocess.run(
                ["bash", "-e", "-c", script], cwd=work, env={**os.environ, **variables}, capture_output=True, text=True
            )
            code, said = done.returncode, done.stdout + done.stderr
            if number == 0:
                assert code == 0, said
                output = temp / "output"
                if self.provider == "github" and not (output.exists() and "newer=true" in output.read_text()):
                    break
        return code, said + self.body(temp), asked.read_text()

    def body(self, temp: Path) -> str:
        path = temp / "body.md"
        return path.read_text() if path.exists() else ""

    def branch(self, name: str = "template-update") -> str:
        return git(self.origin, "rev-parse", "--verify", "--quiet", name)


MADE_WRITTEN = ("template", "write")


@pytest.fixture(params=CI)
def weekly(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weekly:
    """A repository of a project, and a newer template that also changes what its CI runs."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{name}_NAME", raising=False)
        monkeypatch.delenv(f"GIT_{name}_EMAIL", raising=False)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = A person\n\temail = person@example.com\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    made = Weekly(request.param, tmp_path)
    project, newer = tmp_path / "project", tmp_path / "newer"
    for folder, word in ((project, "old"), (newer, "new")):
        for name in (".cruft.json", "tasks/a.py", CI[made.provider]):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{word}\n")
    (project / "gone.txt").write_text("gone\n")
    (newer / "picture.bin").write_bytes(bytes(range(256)))
    (newer / "tasks/program").write_text("#!/bin/sh\n")
    (newer / "tasks/program").chmod(0o755)
    git(project, "init", "--quiet", "--initial-branch", "main")
    commit(project)
    git(tmp_path, "clone", "--quiet", "--bare", str(project), str(made.origin))
    git(made.origin, "config", "receive.advertisePushOptions", "true")
    return made


def test_a_newer_template_comes_as_a_branch_without_what_says_what_ci_runs(weekly: Weekly) -> None:
    code, said, asked = weekly.run()
    assert code == 0 and "ran " not in asked, said + asked
    assert git(weekly.origin, "log", "--format=%an", "main..template-update") == BOTS[weekly.provider]
    changed = git(weekly.origin, "diff", "--name-status", "--no-renames", "main", "template-update").splitlines()
    assert changed == ["M\t.cruft.json", "D\tgone.txt", "A\tpicture.bin", "M\ttasks/a.py", "A\ttasks/program"]
    assert git(weekly.origin, "ls-tree", "template-update", "tasks/program").startswith("100755")
    assert CI[weekly.provider] in said, "what was left out is said, and how it comes in"
    if weekly.provider == "github":
        assert "gh pr create --head template-update" in asked
        assert "gh workflow run ci.yml --ref template-update" in asked
        assert "gh run download 7 --name template-update" in said


def test_next_weeks_run_updates_the_branch_and_leaves_a_persons_commits(weekly: Weekly) -> None:
    weekly.run()
    first = weekly.branch()
    code, said, asked = weekly.run(opened="5")
    assert code == 0 and weekly.branch() == first, said
    assert "pr create" not in asked and "gh workflow run" not in asked
    (weekly.folder / "newer/tasks/a.py").write_text("newer still\n")
    code, said, asked = weekly.run(opened="5")
    assert code == 0 and weekly.branch() != first and "pr create" not in asked, said
    assert git(weekly.origin, "show", "template-update:tasks/a.py") == "newer still"
    assert git(weekly.origin, "rev-list", "--count", "main..template-update") == "1"
    if weekly.provider == "github":
        assert "gh pr edit 5" in asked and "gh workflow run ci.yml" in asked

    person = weekly.folder / "person"
    git(weekly.folder, "clone", "--quiet", "--branch", "template-update", str(weekly.origin), str(person))
    (person / "tasks/a.py").write_text("mended by hand\n")
    commit(person)
    git(person, "push", "--quiet")
    mended = weekly.branch()
    code, said, _ = weekly.run(opened="5")
    assert code == 1 and "the branch template-update has commits of yours: merge it or delete it" in said
    assert weekly.branch() == mended


def test_where_there_is_nothing_newer_nothing_is_written(weekly: Weekly) -> None:
    code, said, asked = weekly.run(status=0)
    assert code == 0, said
    assert asked.splitlines() == ["uv run inv template.status"]
    assert "template-update" not in git(weekly.origin, "branch", "--list")


@pytest.mark.parametrize("name", [".git/hooks/post-commit", "../outside", "link/inside"])
def test_a_patch_reaches_nothing_outside(weekly: Weekly, name: str) -> None:
    mode, text = ("120000", ".git/hooks") if name.startswith("link") else ("", "")
    link = f"diff --git a/link b/link\nnew file mode {mode}\n--- /dev/null\n+++ b/link\n@@ -0,0 +1 @@\n+{text}\n"
    forged = f"diff --git a/{name} b/{name}\nnew file mode 100755\n--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n+x\n"
    work = weekly.folder / "work"
    git(weekly.folder, "clone", "--quiet", str(weekly.origin), str(work))
    done = subprocess.run(
        ["git", "apply", "--index", "-"],
        cwd=work,
        input=(link if mode else "") + forged,
        capture_output=True,
        text=True,
    )
    assert done.returncode and (name in done.stderr), done.stderr
    assert git(work, "status", "--porcelain") == "" and not (work.parent / "outside").exists()


def test_what_runs_new_code_holds_no_token_and_what_writes_runs_none() -> None:
    text = (PROJECT / FILES["github"]).read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    make, write = workflow["jobs"]["make"], workflow["jobs"]["write"]
    assert workflow["permissions"] == {"contents": "read"} and "permissions" not in make
    assert make["steps"][0]["with"] == {"persist-credentials": False}
    assert not any(word in yaml.safe_dump(make) for word in ("token", "secrets", "GH_TOKEN"))
    assert write["permissions"] == {"actions": "write", "contents": "write", "pull-requests": "write"}
    assert len(write["steps"]) == 2 and not any(
        word in yaml.safe_dump(write) for word in ("uv ", "pip", "python", "inv ")
    )
    assert "workflow_dispatch" in (PROJECT / CI["github"]).read_text(encoding="utf-8")

    gitlab = yaml.safe_load((PROJECT / FILES["gitlab"]).read_text(encoding="utf-8"))
    assert "environment" not in gitlab["template"] and "TOKEN" not in str(gitlab["template"])
    assert (
        gitlab["template-write"]["environment"]["name"] == "template"
        and gitlab["template-write"]["before_script"] == []
    )
    assert gitlab["staging"]["environment"]["name"] == "release/staging", "the scope of what it may hold"

    azure = yaml.safe_load((PROJECT / FILES["azure-devops"]).read_text(encoding="utf-8"))
    make, write = (next(job for job in azure["jobs"] if job.get("job") == name) for name in MADE_WRITTEN)
    assert make["steps"][0]["persistCredentials"] == "false" and "AccessToken" not in str(make)
    assert "AccessToken" in str(write) and not any(word in str(write) for word in ("uv ", "pip ", "UsePython", "inv "))
