"""Which format a prediction file has, and its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from evalkit.answer_files.interface import AnswerFile
from evalkit.answer_files.mme_folder import SUBTASKS, is_mme_folder, read_folder
from evalkit.answer_files.rows import ROW_FORMATS
from evalkit.answer_files.scienceqa import read_outputs, read_results
from evalkit.answer_files.source import content, json_value
from evalkit.answer_files.tables import read_table, table_ending
from evalkit.errors import UsageError

FORMATS: Mapping[str, Callable[[Path], AnswerFile]] = {
    **{row.name: row.read for row in ROW_FORMATS},
    "mme": read_folder,
    "scienceqa": read_results,
    "scienceqa-outputs": read_outputs,
    "vlmevalkit": read_table,
}
"""Format name -> reader."""

_LOOKED_AT = 10


def read_answers(path: Path, name: str | None = None) -> AnswerFile:
    """The answers of a prediction file.

    Args:
        path: A file, or MME's folder; plain or gzip.
        name: The format; None finds it out.

    Raises:
        UsageError: The file is not there, is damaged, or is of no known format.
    """
    if not path.exists():
        message = f"There is no prediction file {path}."
        raise UsageError(message)
    if not path.is_file() and not path.is_dir():
        message = f"{path} can be read only once, as a pipe; write the answers to a file."
        raise UsageError(message)
    found = FORMATS[detected(path) if name is None else name](path)
    if not found.answers:
        message = f"{path} holds no answers."
        raise UsageError(message)
    return found


def detected(path: Path) -> str:
    """The name of the file's format.

    Raises:
        UsageError: It is none of the known ones; the text says what was found instead.
    """
    if path.is_dir() and is_mme_folder(path):
        return "mme"
    if path.is_dir():
        message = f"{path} is a folder, but not one with MME's answer files; name the file itself."
        raise UsageError(message)
    if table_ending(path):
        return "vlmevalkit"
    if path.name.removesuffix(".gz").removesuffix(".txt") in SUBTASKS:
        message = f"{path} is one of MME's answer files; name the folder that holds all of them."
        raise UsageError(message)
    first = _fields(path)
    found = _named_by(first)
    if found is None:
        raise UsageError(_unknown(path, first))
    return found


def _named_by(first: Mapping[str, Any]) -> str | None:
    """The format that has these fields."""
    for name, field in (("scienceqa", "results"), ("scienceqa-outputs", "outputs")):
        if isinstance(first.get(field), dict):
            return name
    return next((row.name for row in ROW_FORMATS if row.fits(first)), None)


def _unknown(path: Path, first: Mapping[str, Any]) -> str:
    if not first:
        return f"{path} holds no answers: it is empty, or no list of objects with named fields."
    named = ", ".join(map(repr, list(first)[:8]))
    return (
        f"{path} is no prediction file of a known format: its first entries have "
        f"the fields {named}. The formats are {', '.join(FORMATS)}; --format names one. By hand, "
        "write lines of question_id and text."
    )


def _fields(path: Path) -> Mapping[str, Any]:
    """The fields of the first objects of the file: of a list, of lines, or of the whole."""
    raw = content(path).strip()
    if raw.startswith(b"["):
        return _united(_entries(raw, path), path)
    lines = raw.split(b"\n", _LOOKED_AT)[:_LOOKED_AT]
    try:
        first = _united(lines[:1], path)
    except UsageError:  # an object over several lines
        return _united([raw], path)
    with suppress(UsageError):  # whoever reads the file says which line is damaged
        return _united(lines, path)
    return first


def _entries(raw: bytes, path: Path) -> Sequence[bytes]:
    """The first entries of a JSON list, the others unread: a list may be long."""
    try:
        entries = msgspec.json.decode(raw, type=list[msgspec.Raw])
        return [bytes(entry) for entry in entries[:_LOOKED_AT]]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        entries = json_value(raw, str(path))[:_LOOKED_AT]
        return [json.dumps(entry).encode() for entry in entries]


def _united(objects: Sequence[bytes], path: Path) -> Mapping[str, Any]:
    united: dict[str, Any] = {}
    for raw in objects:
        value = json_value(raw, str(path)) if raw.strip() else {}
        united = {**value, **united} if isinstance(value, dict) else united
    return united
