"""What a node writes: a file, which the next node gets the path of."""

from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractDataset


class File(AbstractDataset):
    def __init__(self, path: str, metadata: Any = None) -> None:
        self._path = Path(path)
        self.metadata = metadata

    def load(self) -> Path:
        return self._path

    def save(self, data: Path) -> None:
        if not data.exists():
            raise FileNotFoundError(data)

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(PurePosixPath(self._path))}
