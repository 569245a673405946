"""Where the project lies, and how a file is written."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)  # a link left there would have it written elsewhere
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(path)
