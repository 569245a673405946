"""What a cluster would refuse, or take for something else, is found when the pipeline is compiled, with its line."""

import pytest

from helpers.flow import Project

HEAD = """\
from kfp import dsl
from kfp.components import load_component_from_text

say = load_component_from_text('''
name: say
inputs: [{name: text, type: String}]
implementation: {container: {image: alpine, command: [echo], args: [{inputValue: text}]}}
''')
count = load_component_from_text('''
name: count
inputs: [{name: n, type: Integer}]
outputs: [{name: out, type: Integer}]
implementation:
  container: {image: alpine, command: [sh, -c, 'echo $0 >$1'], args: [{inputValue: n}, {outputPath: out}]}
''')
maybe = load_component_from_text('''
name: maybe
inputs: [{name: text, type: String, optional: true}]
implementation: {container: {image: alpine, command: [echo, {inputValue: text}]}}
''')
failing = load_component_from_text('''
name: failing
implementation: {container: {image: alpine, command: ['false']}}
''')


@dsl.container_component
def joined(word: str):
    return dsl.ContainerSpec(image="alpine", command=["echo"], args=[dsl.ConcatPlaceholder(["<", word, ">"])])


@dsl.component(base_image="alpine")
def listed() -> list:
    return []


@dsl.pipeline
def pipeline():
"""

REFUSED = {
    "an optional input that is named": ("    maybe()\n", "maybe: its input 'text' is not given and has no default"),
    "a number compared with a text": (
        "    made = count(n=1)\n    with dsl.If(made.outputs['out'] == 'one'):\n        say(text='x')\n",
        "its condition cannot be evaluated there",
    ),
    "after what ignores failures": (
        "    kept = say(text='x').after(failing()).ignore_upstream_failure()\n    say(text='y').after(kept)\n",
        "it comes after say, which runs whatever failed before it",
    ),
}
DOUBTFUL = {
    "Concat": ("    joined(word='w')\n", "KFP 2.17 hands a Concat on as the JSON that it is"),
    "two components with the same container": (
        "    for name, kind, given in (('number', 'String', 'y'), ('digit', 'Integer', 1)):\n"
        "        load_component_from_text(\n"
        "            f'{{name: {name}, inputs: [{{name: n, type: {kind}}}], '\n"
        "            'implementation: {container: {image: alpine, command: [echo, {inputValue: n}]}}}'\n"
        "        )(n=given)\n",
        "digit: its container is that of number, and their inputs differ, which KFP 2.17 mixes up: let their",
    ),
    "a name in a text": (
        "    say(text=f'run {dsl.PIPELINE_JOB_NAME_PLACEHOLDER}')\n",
        "{{$.pipeline_job_name}} in its input 'text' stays as it is",
    ),
    "items of a list of anything": (
        "    with dsl.ParallelFor(listed().output) as item:\n        count(n=item)\n",
        "its input 'n' takes no text",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_cluster_would_refuse_runs_nowhere(flow: Project, case: str) -> None:
    body, says = REFUSED[case]
    flow.write("pipeline.py", HEAD + body)
    for command in ("run", "compile"):
        message = flow.inv(command, code=1).stderr
        assert "a cluster would refuse this pipeline" in message
        assert says in message
        first = HEAD.count("\n") + 1
        lines = [f"pipeline.py, line {number}: " for number in range(first, first + body.count("\n"))]
        assert any(line in message for line in lines) or "pipeline.py: condition" in message
    assert not (flow.root / "runs").exists(), "nothing was started"


@pytest.mark.parametrize("case", DOUBTFUL)
def test_what_a_cluster_takes_for_something_else_is_told(flow: Project, case: str) -> None:
    body, says = DOUBTFUL[case]
    flow.write("pipeline.py", HEAD + body)
    assert says in flow.inv("compile").stdout
    assert says in flow.inv("run").stdout


def test_a_loop_over_a_part_of_an_item_is_made_right(flow: Project) -> None:
    body = (
        "    with dsl.ParallelFor([{'a': [1, 2], 'b': 'x'}, {'a': [3], 'b': 'y'}]) as item:\n"
        "        with dsl.ParallelFor(item.a) as n:\n"
        "            say(text=f'{n} of {item.b}')\n"
    )
    flow.write("pipeline.py", HEAD + body)
    flow.inv("run")
    said = [line for line in flow.inv("runs.logs", "latest").stdout.splitlines() if " of " in line]
    assert sorted(said) == ["1 of x", "2 of x", "3 of y"]


def test_what_only_a_cluster_has_is_named_before_the_first_step(flow: Project) -> None:
    volume = (
        "    from kfp import kubernetes\n    task = say(text='x')\n    kubernetes.mount_pvc(task, 'data', '/data')\n"
    )
    flow.write("pipeline.py", HEAD + volume)
    message = flow.inv("run", code=1).stderr
    assert "this pipeline runs on a cluster alone: say mounts a volume claim, which only a cluster has" in message
    assert not (flow.root / "runs").exists()
