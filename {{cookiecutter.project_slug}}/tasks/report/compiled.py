"""The templates of the pages as Python, kept beside Python's own bytecode, since making it takes longer than a page."""

import contextlib
import hashlib
import importlib.util
import os
import sys
from importlib.metadata import version
from pathlib import Path

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class Compiled(BytecodeCache):
    """Templates by their own text, which Jinja checks, and by Jinja's release and the `options` of the environment."""

    def __init__(self, options: Path) -> None:
        self._digest = hashlib.sha256(f"jinja2 {version('jinja2')}\n".encode() + options.read_bytes()).digest()
        self._folder = Path(importlib.util.cache_from_source(str(options))).parent

    def load_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError):
            found = self._path(bucket).read_bytes()
            if found.startswith(self._digest):
                bucket.bytecode_from_string(found.removeprefix(self._digest))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        with contextlib.suppress(OSError):  # as Python itself does without where it cannot write
            self._folder.mkdir(parents=True, exist_ok=True)
            partial = self._path(bucket).with_suffix(f".{os.getpid()}")
            partial.write_bytes(self._digest + bucket.bytecode_to_string())
            partial.replace(self._path(bucket))

    def _path(self, bucket: Bucket) -> Path:
        return self._folder / f"{bucket.key}.j2c"
