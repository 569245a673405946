"""`inv doctor`, `inv lint`, `inv audit` and `inv test`."""

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from ..project.compiling import compile_pipelines
from ..project.settings import environment_slips, load_settings
from ..terminal import fail, message_of, say
from .run import check_engine


@task(help={"for_": "what to check for: host, docker, cluster or aks"})
def doctor(c: Context, for_: str = "host") -> None:
    """Check that this machine has what the project needs."""
    from ..upkeep.doctor import examine, places

    check_engine(for_, places())
    found = examine(for_, load_settings(c))
    for line in found.slow:
        say(f"  slow     {line}")
    for problem in found.problems:
        say(f"  problem  {problem}")
    if found.problems:
        raise fail(f"{len(found.problems)} problem(s) found; each line above says what to do.")
    say(f"ready for: {found.ready}")


@task
def lint(c: Context) -> None:
    """Check style, types, components and the pipeline.

    Every component.yaml is held against its program, the pipelines against what a cluster takes, and the files of
    environments/ against what settings there are.
    """
    from ..upkeep.checks import lint_problems

    problems = lint_problems(say)
    try:
        compile_pipelines(load_settings(c))
    except Exit as error:
        say(message_of(error))
        problems.append("the pipeline cannot be compiled, or a cluster would refuse it")
    try:
        slips = environment_slips()
    except Exit as error:
        slips = [message_of(error)]
    if slips:
        say("\n".join(slips))
        problems.append("a file of environments/ is wrong")
    if problems:
        raise fail("; ".join(problems))
    say("no problems")


@task
def audit(c: Context) -> None:
    """Look for known vulnerabilities of locked packages."""
    from ..upkeep.checks import audit as packages

    if packages():
        raise fail("see above; where a newer version mends it: inv lock --upgrade")


@task
def test(c: Context) -> None:
    """Run the project's tests."""
    from ..upkeep.python import python

    if code := python("pytest"):
        raise fail(f"the tests failed (pytest's exit code {code}).")
