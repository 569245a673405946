"""The contents of a cluster run: metrics, reports and logs, which its record shows, are fetched once and kept with it;
tables, models and all else when they are asked for.

Artifacts come from the UI's server, `GET HOST/artifacts/get` (frontend/server/handlers/artifacts.ts), logs too, since
the launcher keeps what a step printed as an artifact; where that is missing, from the archive of the API,
`GET HOST/apis/v2beta1/runs/ID/nodes/NODE/artifacts/main-logs:read` (apiserver/server/run_artifact_server.go).
"""

import base64
import contextlib
import json
import math
import re
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import Any

from ..files import ROOT, write
from ..runs.record import Run, Step, in_runs, is_artifact
from ..terminal import last_line
from .connect import Api, chunks, fetched

# The kinds of artifacts that are fetched, and the bytes that are taken of each at most.
METRICS, REPORTS = {"system.Metrics": 64 * 1024}, {"system.HTML": 4 * 2**20, "system.Markdown": 2**20}
LOG = 4 * 2**20
_SOURCES = {"minio": "minio", "s3": "s3", "gs": "gcs"}
# Lines that are not the step's: the launcher's and the driver's (klog), and those of Argo's emissary.
_KLOG = re.compile(r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [\w./-]+:\d+\] ?")
_OTHERS = re.compile(rf"{_KLOG.pattern}|time=\"?\d{{4}}-.* level=|Error: exit status \d+$")


def artifact(api: Api, uri: str, most: int) -> bytes:
    """An artifact's content, at most so many bytes. Raises `OSError` with the reason where it cannot be had."""
    return fetched(api, "/artifacts/get", most, **_query(uri), peek=str(most))


def _query(uri: str) -> dict[str, str]:
    match = re.fullmatch(r"(\w+)://([^/]+)/(.+)", uri.partition("?")[0])
    if match is None or match[1] not in _SOURCES:
        raise OSError(f"the UI does not read {uri.partition('://')[0]}")
    return {"source": _SOURCES[match[1]], "bucket": match[2], "key": match[3]}


def bring(api: Api, run: Run, step: Step, name: str) -> str:
    """Fetch an artifact whole, so that it lies with the run; where that is. Raises `OSError` where it cannot be had.

    A folder comes as an archive, by its type alone: that of a file is not said.
    """
    output, path, headers = step.outputs[name], _place(run, step, name), dict[str, str]()
    if not in_runs(path):
        raise OSError(f"its place would be {path}, which is not in runs/")
    partial = path.with_name(f"{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.unlink(missing_ok=True)
    try:
        with partial.open("xb") as file:
            file.writelines(chunks(api, "/artifacts/get", headers, download="true", **_query(output["uri"])))
        if headers.get("Content-Type", "").startswith("application/gzip"):
            _unpack(partial, path)
        else:
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    output["path"] = path.relative_to(ROOT).as_posix()
    return str(output["path"])


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive whole or not at all. Raises `OSError` where it is cut, or would write elsewhere."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as whole:
        try:
            with tarfile.open(archive) as files:
                files.extractall(Path(whole, folder.name), filter="data")
        except (tarfile.TarError, EOFError, zlib.error) as problem:
            raise OSError(f"its archive cannot be unpacked: {problem}") from None
        Path(whole, folder.name).replace(folder)


def missing(step: Step) -> list[str]:
    """The artifacts of a step that lie in a store and not here."""
    return [
        name
        for name, output in step.outputs.items()
        if is_artifact(output) and "://" in str(output["uri"]) and not _kept(output)
    ]


def archived_log(api: Api, run: Run, node: str) -> str:
    """The log of a pod as Argo archived it, the launcher's lines in it. Raises `OSError` where there is none."""
    path = f"/apis/v2beta1/runs/{run.remote['run_id']}/nodes/{node}/artifacts/main-logs:read"
    answer = fetched(api, path, LOG)
    encoded = re.sub(rb'^\s*\{\s*"data"\s*:\s*"|".*$', b"", answer)  # what is longer than that ends in the middle
    return base64.b64decode(encoded[: len(encoded) // 4 * 4]).decode("utf-8", errors="replace")


def own_words(log: str) -> str:
    """A pod's log without the lines of KFP's launcher and Argo's emissary."""
    return "\n".join(line for line in log.splitlines() if not _OTHERS.match(line)).strip("\n")


def last_words(log: str) -> str:
    """The last line that a step printed."""
    return last_line(own_words(log))[:500]


def drivers_words(log: str) -> str:
    """What a driver says of its failure: its last line of an error."""
    lines = [line for line in log.splitlines() if _KLOG.match(line) and line[0] in "EF"]
    return " ".join(_KLOG.sub("", lines[-1]).split())[:500] if lines else ""


def keep_artifacts(api: Api, run: Run, kinds: dict[str, int]) -> list[str]:
    """Fetch the outputs of these kinds that are not kept yet; why some could not be had, each reason once."""
    problems = []
    for step in run.steps:
        for name, output in step.outputs.items():
            if isinstance(output, dict) and output.get("type") in kinds and not _kept(output):
                try:
                    content = artifact(api, output["uri"], kinds[output["type"]])
                except OSError as error:
                    problems.append(str(error))
                    continue
                if output["type"] in METRICS:
                    output["metadata"] = output["metadata"] | numbers(content.decode("utf-8", errors="replace"))
                path = _place(run, step, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                write(path, content.decode("utf-8", errors="replace"))
                output["path"] = path.relative_to(ROOT).as_posix()
    return list(dict.fromkeys(problems))


def _kept(output: dict[str, Any]) -> bool:
    return "path" in output and (ROOT / output["path"]).exists()


def _place(run: Run, step: Step, name: str) -> Path:
    return run.folder / "artifacts" / step.name.replace("/", ".") / name


def numbers(text: str) -> dict[str, float]:
    """The metrics in a file: an object of JSON, or lines of `name value`, as this project's steps write them."""
    with contextlib.suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict):
            return {
                name: value
                for name, value in found.items()
                if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            }
    values: dict[str, float] = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        with contextlib.suppress(ValueError):
            number = float(value)
            if name and math.isfinite(number):
                values[name] = number
    return values
