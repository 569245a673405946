"""Puts the packages of a lock into an image: `python install.py LOCK`. Runs while the image is built, in its Python.

They go into /opt/venv, without what no step uses there: test suites, C sources, copies of one file, the parts of
packages that `UNUSED` names. Bytecode is made by content and not by time, so that two builds give the same.
"""

import os
import py_compile
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from filecmp import cmp
from importlib.metadata import distributions
from pathlib import Path

VENV = Path("/opt/venv")
SOURCES = {".a", ".c", ".cc", ".cpp", ".h", ".hpp", ".pxd", ".pxi", ".pyx"}
TESTS = {"test", "tests"}
# Parts of packages that no step loads, by their files' paths. Take a line out to use one.
UNUSED = re.compile(
    "|".join(
        [
            r"pyarrow/(_flight|flight|libarrow_flight|libarrow_python_flight)\.",  # a protocol between servers
            r"pyarrow/(_substrait|substrait)\.",  # query plans; pyarrow is linked to libarrow_substrait, which stays
            r"pyarrow/_pyarrow_cpp_tests\.",
            r"pygments/lexers/(?!(__init__|_mapping|python|special)\.)",  # how to colour 500 languages
        ]
    )
)


def packages(site: Path) -> Iterator[Path]:
    """The files of every package that is installed."""
    for distribution in distributions(path=[str(site)]):
        for file in distribution.files or ():
            path = Path(str(distribution.locate_file(file)))
            if path.is_relative_to(site) and path.is_file():
                yield path


def of_tests(path: Path) -> int | None:
    """How many parts of a path lead to its test suite, as 2 for sklearn/tests/test_base.py; None outside of any."""
    return next((number for number, part in enumerate(path.parts[:-1], 1) if part in TESTS), None)


def needed_tests(code: list[Path]) -> set[str]:
    """The test suites, as dotted names, that code outside of them imports, as astropy does with its helpers.

    A script that imports single tests (scipy.special.tests.test_...) is for a package's developers.
    """
    found = re.compile(rb"^\s*(?:from|import)\s+([\w.]*\.tests?)\b(?!\.test_)", re.MULTILINE)
    return {name.decode() for path in code for name in found.findall(path.read_bytes())}


def compile_bytecode(path: Path) -> None:
    py_compile.compile(str(path), quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def main(lock: str) -> None:
    python = str(VENV / "bin" / "python")
    if not VENV.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", VENV], check=True)
    site = next((VENV / "lib").glob("python3*")) / "site-packages"
    before = set(packages(site))
    # A corporate index and its certificates reach a build as secrets, which are in no layer.
    secrets = {"PIP_CONFIG_FILE": "/run/secrets/pip.conf", "PIP_CERT": "/run/secrets/ca.pem"}
    environment = {**os.environ, **{name: path for name, path in secrets.items() if Path(path).exists()}}
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "install", "--no-compile"]
    if failed := subprocess.run([*pip, "--require-hashes", "--requirement", lock], env=environment).returncode:
        sys.exit(failed)
    new = sorted(set(packages(site)) - before)
    inside = {path: path.relative_to(site) for path in new}
    code = [path for path in new if path.suffix == ".py" and of_tests(inside[path]) is None]
    kept = needed_tests(code)
    # A copy may be of a file in a layer below.
    sizes = {path.stat().st_size: path for path in sorted(before) if not path.is_symlink()}
    for path in new:
        depth = of_tests(inside[path])
        of_no_use = path.suffix in SOURCES or UNUSED.match(inside[path].as_posix())
        if of_no_use or (depth and ".".join(inside[path].parts[:depth]) not in kept):
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
        elif (size := path.stat().st_size) > 100_000 and size in sizes and cmp(path, sizes[size], shallow=False):
            path.unlink()
            path.symlink_to(os.path.relpath(sizes[size], path.parent))
        else:
            sizes[size] = path
    with ProcessPoolExecutor() as pool:
        list(pool.map(compile_bytecode, [path for path in new if path.suffix == ".py" and path.exists()], chunksize=64))


if __name__ == "__main__":
    main(sys.argv[1])
