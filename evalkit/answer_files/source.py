"""A file's bytes as lines, JSON values or rows; every damage becomes a sentence with its place."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from evalkit.errors import UsageError

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


def content(path: Path) -> bytes:
    """The bytes of a file, unpacked where it is gzip (told by its content, not its name).

    Raises:
        UsageError: It is not there, cannot be read, or is damaged gzip.
    """
    try:
        raw = path.read_bytes()
        if raw.startswith(_GZIP):
            raw = gzip.decompress(raw)
    except FileNotFoundError as error:
        message = f"There is no file {path}."
        raise UsageError(message) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"{path} cannot be read: {reason}."
        raise UsageError(message) from error
    return raw.removeprefix(_BOM)


def head(path: Path, size: int) -> bytes:
    """The first bytes of a file, unpacked; fewer where it is shorter or damaged gzip.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_GZIP)) != _GZIP:
                file.seek(0)
                return file.read(size)
        with gzip.open(path) as file, suppress(EOFError, zlib.error, gzip.BadGzipFile):
            return file.read(size)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise UsageError(message) from error
    return b""


def text(path: Path) -> str:
    """The text of a file.

    Raises:
        UsageError: As `content`; or it is not UTF-8.
    """
    raw = content(path)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"{path}, line {line}, is not UTF-8 text; convert the file to UTF-8."
        raise UsageError(message) from error


def json_value(raw: bytes, place: str) -> Any:
    """A JSON value.

    msgspec reads what is JSON by the book; Python's own reader follows for what Python writes
    (NaN, lone surrogates).

    Raises:
        UsageError: It is no JSON.
    """
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        message = f"{place} is not JSON: {error}."
        raise UsageError(message) from error


def rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of a JSON list or of JSON lines, with their places from 1.

    Raises:
        UsageError: The file cannot be read, or holds something else than objects.
    """
    raw = content(path)
    if raw.lstrip()[:1] == b"[":
        entries = json_value(raw, str(path))
        for number, entry in enumerate(entries, start=1):
            if not isinstance(entry, dict):  # a place is only put into words where it is needed
                _object(entry, f"{path}, entry {number},")
            yield number, entry
        return
    for number, line in enumerate(raw.split(b"\n"), start=1):
        if line.strip():
            place = f"{path}, line {number},"
            yield number, _object(json_value(line, place), place)


def _object(value: Any, place: str) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    message = f"{place} is not a JSON object with named fields, but {type(value).__name__}."
    raise UsageError(message)
