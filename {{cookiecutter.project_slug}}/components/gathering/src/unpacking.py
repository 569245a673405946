"""What lies in a file, by its first bytes: archives are unpacked, text becomes UTF-8, and the rest is named."""

import codecs
import io
import json
import lzma
import shutil
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from reading import Reading
from shared.sources import files_of
from shared.step import StepError

Format = Literal["delimited", "json", "parquet", "excel"]

UNDEFINED = {0xDC00 + byte: chr(byte) for byte in range(0x80, 0x100)}
ENDINGS = (".gz", ".bz2", ".zst", ".lz4", ".xz")
PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4"}
DAMAGED = (zlib.error, lzma.LZMAError, zipfile.BadZipFile)
MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
STRANGE = {
    b"%PDF": "a PDF document",
    b"SQLite format 3": "an SQLite database",
    b"ARROW1": "an Arrow or Feather file",
    b"\x89HDF": "an HDF5 file",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
    b"\x80": "a Python pickle",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
}


def unpacked(path: Path, folder: Path) -> list[Path]:
    """The files of a table with what is packed in them unpacked into `folder`; an archive may hold several."""
    files = []
    for number, file in enumerate(files_of(path)):
        inside = folder / f"{number}"
        files += unpack(file, inside)
    return files


def unpack(path: Path, folder: Path) -> list[Path]:
    with path.open("rb") as file:
        first = file.read(8)
    try:
        if first.startswith(b"PK\x03\x04") and not is_excel(path):
            return [inner for one in unzip(path, folder) for inner in unpack(one, folder / "in")]
        packing = next((kind for mark, kind in PACKED.items() if first.startswith(mark)), None)
        if packing or first.startswith(b"\xfd7zXZ"):
            folder.mkdir(parents=True, exist_ok=True)
            target = folder / (path.stem if path.suffix.lower() in ENDINGS else path.name)
            with opened(path, packing) as stream, target.open("wb") as plain:
                shutil.copyfileobj(stream, plain, 1 << 22)
            return [target]
    except (OSError, EOFError, RuntimeError, ValueError, *DAMAGED) as problem:
        raise StepError(
            f"{path.name!r} cannot be unpacked: {words_of(problem)}. It is cut or damaged: fetch it again."
        ) from problem
    return [path]


def words_of(problem: BaseException) -> str:
    """What an error says, on one line that a terminal can print."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(problem) or type(problem).__name__)
    return " ".join(text.split())[:200].rstrip(".")


def opened(path: Path, packing: str | None) -> Any:
    return pa.input_stream(str(path), compression=packing) if packing else lzma.open(path)


def unzip(path: Path, folder: Path) -> list[Path]:
    """The files of a zip archive, in the order of their names."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "zip")
    files = [file for file in files_of(folder / "zip") if "__MACOSX" not in file.parts]
    if not files:
        raise StepError(f"{path.name!r} is an archive without a file. Give one with a table in it.")
    return files


def is_excel(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.startswith(("xl/", "content.xml")) for name in archive.namelist())


def format_of(path: Path, reading: Reading) -> Format:
    """What the file holds. Raises StepError for what is no table."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return "excel"
    strange = next((what for mark, what in STRANGE.items() if head.startswith(mark)), "")
    if head.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        strange = "a web page"
    if head[257:262] == b"ustar":
        strange = "a tar archive"
    # A text may have a few of these where a program wrote over it; in other files they are many.
    if not strange and 1_000 * head.count(0) > len(head) and not (reading.encoding or marked(path)):
        strange = "no text"
    if strange:
        raise StepError(f"{path.name!r} is {strange}. Give CSV, TSV, Parquet, JSON lines or Excel.")
    return "json" if is_json(head) else "delimited"


def is_json(head: bytes) -> bool:
    """Whether a text begins with an object of JSON, or a list of them."""
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    if text.startswith("["):
        return text[1:].lstrip().startswith("{")
    try:
        return text.startswith("{") and isinstance(json.JSONDecoder().raw_decode(text)[0], dict)
    except ValueError:
        return text.startswith('{"') and "\n" not in text


def marked(path: Path) -> str:
    """The encoding that the first bytes of a text say; empty where they say none, or UTF-8."""
    with path.open("rb") as file:
        first = file.read(64)
    if len(first) > 8 and all(first[::2]) and not any(first[1::2]):
        return "utf-16-le"  # without a mark: Latin letters have a zero after each
    if len(first) > 8 and all(first[1::2]) and not any(first[::2]):
        return "utf-16-be"
    return next((name for mark, name in MARKS.items() if first.startswith(mark)), "")


def in_utf8(files: Sequence[Path], folder: Path, encoding: str, newline: str | None = "") -> list[Path]:
    """Copies of the files in UTF-8, in `folder`; with `newline` None, their lines end alike.

    Raises StepError if they are not so encoded.
    """
    made = []
    for number, file in enumerate(files):
        target = folder / f"{number}" / file.name
        target.parent.mkdir(parents=True)
        try:
            # Windows-1252 leaves five bytes without a letter: they stay what they are.
            errors = "surrogateescape" if encoding == "cp1252" else "strict"
            with file.open("rb") as binary, target.open("w", encoding="utf-8", newline="") as plain:
                text = io.TextIOWrapper(binary, encoding, errors, newline=newline)
                while block := text.read(1 << 22):
                    plain.write(block.translate(UNDEFINED))
        except UnicodeError as problem:
            said = f"{file.name!r} is not written in {encoding}: {problem}"
            raise StepError(f"{said}. Say the right encoding, such as cp1252, or save it as UTF-8.") from problem
        made.append(target)
    return made


def with_lines_alike(files: Sequence[Path], folder: Path) -> tuple[list[Path], str]:
    """Copies of files in UTF-8 in `folder`, whose lines end alike, and what was done to them.

    A carriage return alone ends a line, or where nearly all lines end otherwise, it stands in a text, as a blank.
    """
    returns, ends = (sum(counts) for counts in zip(*map(line_ends, files), strict=True))
    if 10 * returns >= ends:
        said = f"the lines of {files[0].name!r} end in different ways: each is taken for an end"
        return in_utf8(files, folder, "utf-8", newline=None), said
    made = [folder / f"{number}" / file.name for number, file in enumerate(files)]
    for file, target in zip(files, made, strict=True):
        target.parent.mkdir(parents=True)
        with file.open("rb") as whole, target.open("wb") as plain:
            for line in whole:
                end = b"\r\n" if line.endswith(b"\r\n") else b""
                plain.write(line.removesuffix(end).replace(b"\r", b" ") + end)
    return made, f"{returns} carriage return{'s' * (returns > 1)} within the lines of {files[0].name!r} read as blanks"


def line_ends(file: Path) -> tuple[int, int]:
    """How many carriage returns stand alone in a file, and how many line feeds there are."""
    returns = ends = 0
    with file.open("rb") as whole:
        for line in whole:
            returns += line.count(b"\r") - line.endswith(b"\r\n")
            ends += line.endswith(b"\n")
    return returns, ends
