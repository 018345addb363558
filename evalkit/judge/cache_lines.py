"""The judge's cache as JSONL: one reply a line, checked field by field when it is read. Pure.

A line holds a reply, its key, and whose it is; nothing else goes into a cache, so that no line can
hold a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from evalkit.errors import StoreError
from evalkit.store import parse

KEY = re.compile(r"[0-9a-f]{64}")
"""A key: SHA-256, hexadecimal, in lower case."""

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|\+00:00)", re.ASCII)
"""A UTC time whose first letters sort as times do."""

SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a letter, as some servers write it."""

MOST_TOKENS = 2**53
"""Above this, other readers of JSON lose digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLine:
    """A kept reply, flat: a row of the database, and a line of an export.

    Attributes:
        key: What `evalkit.judge.cache.cache_key` gives.
        backend: The judge's backend.
        model: The judge's name.
        rubric: The rubric's digest.
        text: The reply.
        finish: "stop" or "length"; None where unknown.
        prompt_tokens: Tokens of the prompt; None where unknown.
        output_tokens: Tokens of the reply; None where unknown.
        served: What the server said of itself.
        asked: When it was first asked, ISO 8601, UTC.
    """

    key: str
    backend: str
    model: str
    rubric: str
    text: str
    finish: Literal["stop", "length"] | None
    prompt_tokens: int | None
    output_tokens: int | None
    served: tuple[str, ...]
    asked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came of an import: replies that were new, known ones, and those of them that differ."""

    new: int
    known: int
    differing: int


def fault(line: CacheLine) -> str | None:
    """What no cache may hold although its type is right; None where there is nothing.

    Args:
        line: A reply to be kept.
    """
    if not KEY.fullmatch(line.key):
        return f"key: {line.key!r} is not 64 hexadecimal digits in lower case"
    if line.finish not in ("stop", "length", None):
        return f"finish: {line.finish!r} is none of 'stop', 'length' and null"
    for name in ("prompt_tokens", "output_tokens"):
        count = getattr(line, name)
        if count is not None and not 0 <= count <= MOST_TOKENS:
            return f"{name}: {count} is no number of tokens"
    texts = (line.backend, line.model, line.rubric, line.text, *line.served)
    if torn := [one for one in texts if not one.isascii() and SURROGATE.search(one)]:
        return f"{torn[0]!r:.80} holds half a letter (a lone surrogate), which no file can hold"
    if not _is_time(line.asked):
        return f"asked: {line.asked!r} is no UTC time such as 2026-11-01T09:30:00Z"
    return None


@lru_cache(maxsize=1024)  # seconds, so replies that came together share one
def _is_time(text: str) -> bool:
    if not TIME.fullmatch(text):
        return False
    with suppress(ValueError):
        datetime.fromisoformat(text)
        return True
    return False


def written(line: CacheLine) -> str:
    """A reply as one line of JSON, its newline included."""
    import msgspec

    return msgspec.json.encode(line).decode() + "\n"


def read_lines(lines: Iterable[bytes], path: Path) -> Iterator[CacheLine]:
    """The replies in an export, in order.

    Args:
        lines: The file's, with or without newlines.
        path: The file, for errors.

    Raises:
        StoreError: A line is no reply; the text names file, line and field.
    """
    for number, content in enumerate(lines, start=1):
        place = f"{path}, line {number},"
        line = _parsed(content, place)
        if said := fault(line):
            message = f"{place} is not a valid CacheLine: {said}."
            raise StoreError(message)
        yield line


def _parsed(content: bytes, place: str) -> CacheLine:
    """A line as `written` writes it is taken at once; any other is checked field by field."""
    import msgspec

    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        made = msgspec.json.decode(content, type=CacheLine)
        if msgspec.json.encode(made) == content.rstrip(b"\n"):
            return made
    try:
        raw = json.loads(content, object_pairs_hook=_fields)
    except (ValueError, RecursionError) as error:
        message = f"{place} is not JSON as an export has it: {error}."
        raise StoreError(message) from error
    return parse(CacheLine, raw, place)


def _fields(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    """An object's fields, without what Python takes in silence.

    Raises:
        ValueError: One stands twice, or is true or false, which would count as 1 or 0.
    """
    for name, value in pairs:
        if isinstance(value, bool):
            message = f"{name} is {value}"
            raise ValueError(message)  # noqa: TRY004 - of the text, not of an argument
    if len(found := dict(pairs)) < len(pairs):
        message = "a field stands twice"
        raise ValueError(message)
    return found
