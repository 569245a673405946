"""The rules for the answers, and a last check of them before a file is written.

Cookiecutter runs this file as a script, after Jinja has put the answers into it. It is valid Python as it lies here,
because `kf_template_answers.py` takes `problems` from it to check each answer as soon as it is given. The one pair of
doubled braces is at the end; anywhere else Jinja would render them too.
"""

import json
import keyword
import re
import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path

LONGEST_SLUG = 63  # a Kubernetes label value, and a namespace
LONGEST_TEXT = 200
LONGEST_REGISTRY = 128  # an image's whole name may have 255 characters

FOLDERS = {"build", "components", "data", "deploy", "pipeline", "runs", "shared", "src", "tasks", "tests"}
YAML_WORDS = {"false", "n", "no", "null", "off", "on", "true", "y", "yes"}
WINDOWS_DEVICES = {"aux", "con", "nul", "prn"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}

SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
REGISTRY = re.compile(
    r"(?=localhost(/|$)|[^/]*[.:])"  # otherwise Docker takes the first part for a name on Docker Hub
    rf"{LABEL}(\.{LABEL})*(:(?P<port>[0-9]+))?"
    r"(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
)


def slug_problem(slug: str) -> str | None:
    if not slug:
        return (
            "project_slug is empty, because project_name has no letter or digit to make it from: give a project_slug "
            "of lower-case letters, digits and single dashes, such as my-kfp-project."
        )
    if not SLUG.fullmatch(slug) or len(slug) > LONGEST_SLUG:
        return (
            f"project_slug {shown(slug)} must be 1 to {LONGEST_SLUG} lower-case letters, digits and single dashes, "
            "starting with a letter and not ending with a dash, such as my-kfp-project."
        )
    kinds = {
        "a Python keyword": keyword.iskeyword(slug.replace("-", "_")),
        "a folder of the project": slug in FOLDERS,
        "a word with a meaning in YAML": slug in YAML_WORDS,
        "a device name on Windows": slug in WINDOWS_DEVICES,
    }
    for kind, true in kinds.items():
        if true:
            return f"project_slug {shown(slug)} is {kind}: choose another name, such as {slug}-pipeline."
    return None


def registry_problem(registry: str) -> str | None:
    match = REGISTRY.fullmatch(registry)
    port = match and match["port"]
    if match and len(registry) <= LONGEST_REGISTRY and (port is None or 0 < int(port) < 65536):
        return None
    return (
        f"registry {shown(registry)} must be host[:port][/path] in lower case, at most {LONGEST_REGISTRY} characters, "
        "without https://, tag, spaces or a slash at the end, such as localhost:5001, ghcr.io/team or docker.io/team."
    )


def text_problem(name: str, text: str) -> str | None:
    # Cc: control, Cs: lone surrogate, Zl and Zp: line and paragraph separators.
    one_line = not any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in text)
    if text.strip() and one_line and len(text) <= LONGEST_TEXT:
        return None
    return f"{name} {shown(text)} must be one line of 1 to {LONGEST_TEXT} characters, without control characters."


def shown(answer: str) -> str:
    """The answer in quotes, on one line, in ASCII and not at length."""
    return ascii(answer if len(answer) <= 80 else answer[:77] + "...")


def problems(answers: Mapping[str, str]) -> list[str]:
    """One sentence for each of the answers that is not allowed; those not given yet are passed over."""
    found = [text_problem(name, answers[name]) for name in ("project_name", "description", "author") if name in answers]
    if "project_slug" in answers:
        found.append(slug_problem(answers["project_slug"]))
    if "registry" in answers:
        found.append(registry_problem(answers["registry"]))
    return [problem for problem in found if problem]


if __name__ == "__main__":
    # JSON in a raw string stays what it is: it holds no bare quote beside another, and its backslashes come in pairs.
    refused = problems(json.loads(r"""{{ cookiecutter | jsonify }}"""))
    if Path("invoke.yaml").exists():  # `cookiecutter -f` over a project; with -s it would only add what was deleted
        refused.append("This folder is a project already. Update it, in it: inv template.update")
    sys.exit("\n".join(refused) or 0)
