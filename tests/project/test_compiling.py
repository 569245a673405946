"""What pipeline.py is compiled to, and why it is not."""

import re
from pathlib import Path

from helpers.flow import PIPELINE, Project
from helpers.inv import inv
from helpers.penguins import COMPONENTS


def test_a_pipeline_that_cannot_be_compiled_is_refused_with_its_line(flow: Project) -> None:
    flow.write("pipeline.py", PIPELINE.replace("add(a=first", "add(c=first"))
    message = flow.inv("run", code=1).stderr
    assert "pipeline.py cannot be compiled. Line 12: TypeError" in message
    flow.write("pipeline.py", PIPELINE.replace("import dsl", "import dsl, nothing"))
    assert "Line 3: ImportError" in flow.inv("run", code=1).stderr
    flow.write("pipeline.py", "def pipeline(:")
    assert "Line 1: SyntaxError" in flow.inv("compile", code=1).stderr


def test_images_are_named_by_what_goes_into_them(flow: Project) -> None:
    def tag() -> str:
        flow.inv("compile")
        text = (flow.root / "build/adding.yaml").read_text(encoding="utf-8")
        return next(line.split(": ")[1] for line in text.splitlines() if "image:" in line)

    first = tag()
    assert first.startswith("localhost:5001/flow/adding:")
    assert first in (flow.root / "build/pipeline.yaml").read_text(encoding="utf-8")
    flow.write("components/adding/requirements.in", "typer\n")
    (flow.root / "components/adding/src/__pycache__").mkdir(exist_ok=True)
    flow.write("components/adding/src/__pycache__/add.pyc", "compiled")
    assert tag() == first, "what is not in the image does not count"
    flow.adding_does("print('other')")
    assert tag() != first
    flow.adding_does("# HERE")
    assert tag() == first
    flow.write("components/shared/step.py", (flow.root / "components/shared/step.py").read_text("utf-8") + "\n# more\n")
    assert tag() != first


def test_compiled_files_hold_everything_that_a_cluster_needs(penguins: Path) -> None:
    import yaml

    inv(penguins, "compile")
    spec, *_ = yaml.safe_load_all((penguins / "build/pipeline.yaml").read_text("utf-8"))
    assert spec["pipelineInfo"]["name"] == "my-kfp-project"
    assert spec["root"]["inputDefinitions"]["parameters"]["source"]["defaultValue"] == "sample://penguins"
    images = {e["container"]["image"] for e in spec["deploymentSpec"]["executors"].values()}
    assert len(images) == len(COMPONENTS)
    for image in images:
        assert re.fullmatch(r"localhost:5001/my-kfp-project/[a-z]+:[0-9a-f]{16}", image)
    for step in COMPONENTS:
        text = (penguins / f"build/{step}.yaml").read_text("utf-8")
        assert yaml.safe_load(text)["implementation"]["container"]["image"] in images
