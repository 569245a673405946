"""Files that are created once, by one writer, and never changed: in a folder, or in a bucket of s3, gs or abfs."""

import os
import re
import shutil
from collections.abc import Callable
from configparser import ConfigParser
from configparser import Error as ConfigError
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from shared.masking import learn, masked
from shared.step import StepError, path_of, writing

T = TypeVar("T")
ONE_REQUEST = 16 << 20  # bytes of a file that is sent in a single request; a larger one goes in parts
BUCKETS = ("s3", "gs", "gcs", "abfs", "abfss", "az", "azure")
# The variables by which obstore is told of a server that is not the cloud's own.
ENDPOINTS = (
    *("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    *("GOOGLE_BASE_URL", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
)
# Those of which one says who asks s3.
ASKS = (
    *("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
)
# The machines that are asked for an identity where the environment has no credentials.
METADATA = ("://169.254.", "://metadata.google.internal", "://metadata/")


class Taken(Exception):
    """There is such a file already."""


class Objects(Protocol):
    """Files by their keys, such as `versions/000001.json`. Raises StepError where the place cannot be used."""

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder; none where there is no such folder."""

    def read(self, key: str) -> bytes:
        """Raises FileNotFoundError."""

    def copy(self, key: str, target: Path) -> None:
        """Raises FileNotFoundError."""

    def create(self, key: str, content: bytes | Path) -> None:
        """Create a file, whole or not at all. Raises Taken where it is there."""


def objects_at(place: str) -> Objects:
    """The files of a folder or of a URI."""
    scheme = urlsplit(place).scheme if "://" in place else ""
    if not scheme:
        return Folder(path_of(place, "models"))
    if scheme not in BUCKETS:
        raise StepError(
            f"models: {masked(place)!r} is not a place for models. Give a folder, or an address of s3, gs or abfs."
        )
    return Bucket(place)


class Folder:
    """Files in a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self, folder: str) -> list[str]:
        try:
            return self._told(lambda: [path.name for path in (self._path / folder).iterdir()])
        except FileNotFoundError:
            return []

    def read(self, key: str) -> bytes:
        return self._told(lambda: (self._path / key).read_bytes())

    def copy(self, key: str, target: Path) -> None:
        self._told(lambda: shutil.copyfile(self._path / key, target))

    def create(self, key: str, content: bytes | Path) -> None:
        self._told(lambda: self._create(self._path / key, content))

    def _create(self, path: Path, content: bytes | Path) -> None:
        if path.exists():
            raise Taken
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with writing(path, replace=False) as temporary, temporary.open("wb") as file:
                if isinstance(content, Path):
                    with content.open("rb") as source:
                        shutil.copyfileobj(source, file, 1 << 20)
                else:
                    file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            raise Taken from None

    def _told(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except FileNotFoundError:
            raise
        except OSError as problem:
            said = f"{problem.strerror or problem}{f' ({problem.filename})' if problem.filename else ''}"
            raise StepError(f"the model store {str(self._path)!r} cannot be used: {said}. Mend that.") from problem


def configured() -> dict[str, str]:
    """The keys and the region that `aws configure` has written: pyarrow reads them for a source, and obstore does not.

    What the environment says goes above them.
    """
    profile = os.environ.get("AWS_PROFILE") or "default"
    files = ConfigParser(interpolation=None, default_section="")
    found: dict[str, str] = {}
    with suppress(ConfigError, OSError, ValueError, RuntimeError):
        for variable, name in (("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")):
            files.read(Path(os.environ.get(variable) or f"~/.aws/{name}").expanduser(), encoding="utf-8")
        for section in (f"profile {profile}", profile):
            found |= dict(files[section]) if section in files else {}
    names = (
        [] if any(map(os.environ.get, ASKS)) else ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"]
    )
    names += [] if any(map(os.environ.get, ("AWS_REGION", "AWS_DEFAULT_REGION"))) else ["region"]
    learn(found.get("aws_secret_access_key", ""), "aws_secret_access_key")
    return {name: found[name] for name in names if found.get(name)}


def _plain(said: str) -> str:
    """What obstore says of a request that failed, in a few words where it is one of the usual failures."""
    if any(machine in said for machine in METADATA):
        return "the environment has no credentials, and neither has this machine an identity"
    if "Account must be specified" in said:
        return "AZURE_STORAGE_ACCOUNT_NAME names no account"
    if answer := re.search(r"non-2xx status code: (\d+ [A-Z][A-Za-z ]*)", said):
        what = {"401": "it refuses who asks", "403": "it refuses who asks", "404": "there is no such bucket"}
        return f"{what.get(answer[1][:3], 'it answers')} ({answer[1].strip()})"
    if request := re.search(r"performing [A-Z]+ (\w+://[^/ ]+)\S* .*error sending request", said):
        return f"{request[1]} cannot be reached"
    return said


class Bucket:
    """Files in a bucket, by obstore; credentials come from the environment or the machine's identity."""

    def __init__(self, uri: str, called: str = "") -> None:
        from obstore.store import from_url

        self._called = called or f"the model store {masked(uri)!r}"
        # A store of one's own may be reached without encryption, where its address says so.
        plain = any(os.environ.get(name, "").startswith("http://") for name in ENDPOINTS)
        options: dict[str, Any] = {
            "client_options": {"timeout": "60s", "connect_timeout": "10s", "allow_http": plain},
            "retry_config": {"max_retries": 3, "retry_timeout": timedelta(seconds=30)},
            "config": configured() if uri.startswith("s3:") else {},
        }
        self._store: Any = self._told(lambda: from_url(uri, **options))

    def names(self, folder: str) -> list[str]:
        import obstore

        found = self._told(lambda: obstore.list_with_delimiter(self._store, folder))
        return [each["path"].rsplit("/", 1)[-1] for each in found["objects"]]

    def read(self, key: str) -> bytes:
        import obstore

        return bytes(self._told(lambda: obstore.get(self._store, key).bytes()))

    def copy(self, key: str, target: Path) -> None:
        import obstore

        def copied() -> None:
            with target.open("wb") as file:
                for part in obstore.get(self._store, key).stream(1 << 22):
                    file.write(part)

        self._told(copied)

    def create(self, key: str, content: bytes | Path) -> None:
        # In one request, which alone can say that nothing may be there before it.
        self._put(key, content, mode="create", use_multipart=False)

    def has(self, key: str) -> bool:
        import obstore

        try:
            self._told(lambda: obstore.head(self._store, key))
        except FileNotFoundError:
            return False
        return True

    def write(self, key: str, path: Path, replace: bool) -> None:
        """Keep a file of any size, whole or not at all. Raises Taken where one is there that is not to be replaced."""
        size = path.stat().st_size
        if not replace and size <= ONE_REQUEST:
            self.create(key, path)
            return
        if not replace and self.has(key):  # in parts, what comes there from now on is replaced
            raise Taken
        self._put(key, path, use_multipart=size > ONE_REQUEST, chunk_size=max(8 << 20, size // 5000), max_concurrency=4)

    def _put(self, key: str, content: bytes | Path, **options: Any) -> None:
        import obstore

        try:
            self._told(lambda: obstore.put(self._store, key, content, **options))
        except FileNotFoundError:
            raise StepError(f"{self._called} cannot be used: there is no such bucket. Check the address.") from None

    def _told(self, work: Callable[[], T]) -> T:
        from obstore.exceptions import AlreadyExistsError, BaseError

        try:
            return work()
        except AlreadyExistsError:
            raise Taken from None
        except FileNotFoundError:
            raise
        except (BaseError, OSError, ValueError) as problem:
            said = masked(_plain(" ".join(str(problem).split("Debug source:")[0].split())))[:300]
            remedy = "Check the address, the network and your credentials."
            raise StepError(f"{self._called} cannot be used: {said}. {remedy}") from problem
