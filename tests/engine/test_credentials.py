"""A credential in a parameter reaches the steps, and is in no file and no line that a run leaves."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.credentials import holders
from helpers.docker_flow import DockerProject
from helpers.engine import needs_engine
from helpers.flow import Project
from helpers.inv import inv
from helpers.penguins import newest
from helpers.template import Bake

SECRET = "hunter" + "2-4711"
TOKEN = "sesame" + "-0815"
ADDRESS = f"https://me:{SECRET}@example.invalid/x.csv?a=1&sig={TOKEN}"

PIPELINE = """\
from kfp import dsl


@dsl.container_component
def look(source: str, found: dsl.OutputPath(str), about: dsl.Output[dsl.Artifact]):
    code = "import pathlib, sys; print(sys.argv[1]); print(sys.argv[1].split('@')[0][-13:])"
    code += "; assert sys.argv[1].count('4711') == 1 and '***' not in sys.argv[1], 'the address was cut'"
    code += "; [pathlib.Path(p).write_text(sys.argv[1]) for p in sys.argv[2:3]]"
    code += "; pathlib.Path(sys.argv[3]).write_text('well')"
    return dsl.ContainerSpec(
        image="IMAGE", command=["python3", "-c", code], args=[source, found, about.path]
    )


@dsl.container_component
def use(source: str, bad: bool):
    code = "import sys; print(sys.argv[1]); assert sys.argv[1].count('4711') == 1"
    code += "; sys.argv[2] == 'true' and sys.exit('cannot read ' + sys.argv[1])"
    return dsl.ContainerSpec(image="IMAGE", command=["python3", "-c", code], args=[source, bad])


@dsl.pipeline
def pipeline(source: str = "nothing", bad: bool = False):
    use(source=look(source=source).outputs["found"], bad=bad).set_retry(num_retries=1, backoff_duration="0s")
"""


def seen(project: Project, *said: str) -> None:
    """Nothing of the credentials is in the project or was said."""
    for secret in (SECRET, TOKEN):
        assert [path for path in holders(project.root, secret) if path.name != "invoke.yaml"] == []
        assert not [words for words in said if secret in words]


def runs_of_all_kinds(project: Project, *options: str) -> None:
    said = []
    result = project.inv("run", *options, "-p", f"source={ADDRESS}")
    said += [result.stdout, result.stderr]
    log = (project.root / "runs" / project.runs()[0]["id"] / "logs/look.log").read_text(encoding="utf-8")
    assert "https://***@example.invalid/x.csv?a=1&sig=***" in log
    result = project.inv("run", *options, "-p", f"source={ADDRESS}", "-p", "bad=true", code=1)
    assert "cannot read https://***@example.invalid/x.csv?a=1&sig=***" in result.stderr
    said += [result.stdout, result.stderr]
    for command in (["runs.show", "latest"], ["runs", "--json"], ["runs.logs", "latest"], ["runs.report", "latest"]):
        said.append(project.inv(*command).stdout)
    seen(project, *said)


def test_no_run_on_the_host_leaves_a_credential(flow: Project) -> None:
    flow.write("pipeline.py", PIPELINE.replace("IMAGE", "python"))
    runs_of_all_kinds(flow)


@needs_engine
def test_no_run_in_containers_leaves_a_credential(tmp_path: Path) -> None:
    project = DockerProject(tmp_path / "flow")
    try:
        project.write("pipeline.py", PIPELINE.replace("IMAGE", "python:3.13-slim"))
        runs_of_all_kinds(project, "--on", "docker")
    finally:
        project.remove()


def test_a_credential_of_invoke_yaml_is_compiled_into_nothing(flow: Project) -> None:
    flow.write("pipeline.py", PIPELINE.replace("IMAGE", "python"))
    settings = (flow.root / "invoke.yaml").read_text(encoding="utf-8")
    flow.write("invoke.yaml", settings.replace("parameters: {}", f"parameters:\n  source: {ADDRESS}"))
    said = flow.inv("compile").stdout + flow.inv("run").stdout
    assert "https://***@example.invalid" in (flow.root / "build/pipeline.yaml").read_text(encoding="utf-8")
    seen(flow, said)


def test_a_step_runs_again_with_the_credential_that_is_given_again(flow: Project) -> None:
    flow.write("pipeline.py", PIPELINE.replace("IMAGE", "python"))
    flow.inv("run", "-p", f"source={ADDRESS}")
    message = flow.inv("step", "use", code=1).stderr
    assert "had credentials, which no record keeps" in message
    assert "inv step use -p source=..." in message
    flow.inv("step", "use", "-p", f"source={ADDRESS}")
    settings = (flow.root / "invoke.yaml").read_text(encoding="utf-8")
    flow.write("invoke.yaml", settings.replace("parameters: {}", f"parameters:\n  source: {ADDRESS}"))
    flow.inv("step", "use")
    seen(flow)


@pytest.fixture
def table(penguins: Path) -> Iterator[str]:
    """The address of a server that has the penguins for whoever knows the signature."""
    data = (penguins / "components/shared/penguins.csv").read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            good = self.path.endswith(f"sig={TOKEN}")
            self.send_response(200 if good else 403)
            self.send_header("Content-Length", str(len(data) if good else 0))
            self.end_headers()
            self.wfile.write(data if good and self.command == "GET" else b"")

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/penguins.csv?sig="
    server.shutdown()
    server.server_close()


def test_gathering_reads_a_signed_link_and_tells_nobody_of_its_signature(penguins: Path, table: str) -> None:
    said: str = inv(penguins, "run", "-p", f"source={table}{TOKEN}")
    gathered = newest(penguins)
    assert gathered["status"] == "succeeded"
    said += inv(penguins, "run", "-p", f"source={table}wrong-{TOKEN}-signature", code=1)
    assert "sig=***" in said
    assert TOKEN not in said
    assert holders(penguins, TOKEN) == []


def test_a_signed_link_is_adopted_without_its_signature(bake: Bake, table: str) -> None:
    project = bake()
    said: str = inv(project, "data.adopt", f"{table}{TOKEN}", "--target", "species")
    assert f"its credentials are in neither, where {table}*** stands" in said
    assert f"source: {table}***" in (project / "invoke.yaml").read_text(encoding="utf-8")
    refused = inv(project, "run", code=1)
    assert f"the parameter 'source' has *** where its credentials were, '{table}***': give it whole" in refused
    said += inv(project, "run", code=1, INVOKE_PARAMETERS_SOURCE=f"{table}wrong-{TOKEN}-signature")
    assert f"gathering: cannot read source '{table}***'" in said, "it was taken from there"
    assert TOKEN not in said and holders(project, TOKEN) == []
