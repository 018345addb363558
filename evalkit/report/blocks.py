"""Marked blocks of a Markdown file: what a tool wrote, and how it is derived again.

A block begins with the line `<!-- evalkit:begin NAME {json} -->` and ends with the line
`<!-- evalkit:end NAME -->`; the JSON object says which verb wrote it, by which template and
options, from which records. All else in the file is the author's, and is kept byte for byte.
Nothing in a block can end it: the object holds neither "<", ">" nor "--", and a body with a line
that looks like a mark is refused. A mark that stands inside a line, or in code (indented, or
between fences, by the rules of CommonMark 0.31, 4.4 and 4.5), is text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.errors import UsageError
from evalkit.integrity import TwiceError, once

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
"""What a block may be called."""

_LIKE = re.compile(r"\s*<!--\s*evalkit:", re.IGNORECASE)
_CODE = re.compile(r" {4}| {0,3}\t")  # at a line's beginning: indented code
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})(?P<rest>.*)")
_MARKER = re.compile(
    rf"<!-- evalkit:(?:begin (?P<begin>{NAME.pattern}) (?P<told>\{{.*\}})"
    rf"|end (?P<end>{NAME.pattern})) -->[ \t]*"
)
_HIDDEN = (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e"), ("--", "-\\u002d"))


class DamagedError(UsageError):
    """Marks of blocks that do not pair, or cannot be read; the text names file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A marked block.

    Attributes:
        name: Its name, once in a file.
        told: How it is derived: "verb", "template", "options", "records".
        body: Its lines between the marks, joined by newlines alone.
        line: The line of its first mark, from 1.
        start: Where its first mark begins in the text.
        end: Where its last mark ends, without the line's end.
    """

    name: str
    told: Mapping[str, Any]
    body: str
    line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Mark:
    """A line that is a mark."""

    found: re.Match[str]
    line: int
    start: int
    after: int  # where the next line begins


def blocks_in(text: str, place: str) -> tuple[Block, ...]:
    """The marked blocks of a text, in order.

    Args:
        text: The file's text, with whatever ends its lines have.
        place: The file, for the error's text.

    Raises:
        DamagedError: A mark cannot be read, has no partner, stands inside another block, or names a
            block that was there before.
    """
    found: dict[str, Block] = {}
    opened: _Mark | None = None
    for mark in _marks(text, place):
        begun, ended = mark.found["begin"], mark.found["end"]
        if begun is not None:
            _check_begin(begun, mark, opened, found, place)
            opened = mark
            continue
        if opened is None or opened.found["begin"] != ended:
            message = f"{place}, line {mark.line}: the block {ended} ends, but did not begin."
            raise DamagedError(message)
        found[ended] = _block(ended, text, opened, mark, place)
        opened = None
    if opened is not None:
        message = (
            f"{place}, line {opened.line}: the block {opened.found['begin']} begins, but no line "
            "ends it."
        )
        raise DamagedError(message)
    return tuple(found.values())


def _check_begin(
    name: str, mark: _Mark, opened: _Mark | None, found: Mapping[str, Block], place: str
) -> None:
    where = f"{place}, line {mark.line}: the block {name}"
    if opened is not None:
        message = f"{where} begins inside the block {opened.found['begin']}."
        raise DamagedError(message)
    if name in found:
        message = f"{where} was there before, in line {found[name].line}; keep one of the two."
        raise DamagedError(message)


def _marks(text: str, place: str) -> Iterator[_Mark]:
    """Lines that are marks, in order; code is passed over, but not inside a block."""
    lines = _lines(text)
    start, code_ends, is_inside = 0, 0, False
    unclosed: dict[str, int] = {}
    for at, line in enumerate(lines):
        if not is_inside and at >= code_ends:
            code_ends = _after_code(lines, at, unclosed)
        if _LIKE.match(line) and (is_inside or at >= code_ends):
            mark = _mark(line, at + 1, start, place)
            is_inside = mark.found["begin"] is not None
            yield mark
        start += len(line)


def _mark(line: str, number: int, start: int, place: str) -> _Mark:
    found = _MARKER.fullmatch(line.rstrip("\r\n"))
    if found is None:
        message = (
            f"{place}, line {number}, is a damaged mark of a block; take the block out, marks and "
            "all, or put the marks right."
        )
        raise DamagedError(message)
    return _Mark(found, number, start, start + len(line))


def _after_code(lines: Sequence[str], at: int, unclosed: dict[str, int]) -> int:
    """The first line behind the code that begins at a line; that line itself where none does.

    A fence that nothing closes begins no code here: it must not hide what comes behind it.

    Args:
        lines: All lines.
        at: The place of the one at which code may begin.
        unclosed: By the sign of fences, the shortest that nothing behind it closes; kept up to
            date, so that no text takes long.
    """
    if _CODE.match(lines[at]):
        return at + 1
    opened = _FENCE.fullmatch(lines[at].rstrip("\r\n"))
    if opened is None or ("`" in opened["fence"] and "`" in opened["rest"]):
        return at
    fence = opened["fence"]
    if len(fence) >= unclosed.get(fence[0], len(lines[at]) + 1):
        return at
    for later in range(at + 1, len(lines)):
        closed = _FENCE.fullmatch(lines[later].rstrip("\r\n"))
        if closed and closed["fence"].startswith(fence) and not closed["rest"].strip(" \t"):
            return later + 1
    unclosed[fence[0]] = len(fence)
    return at


def _lines(text: str) -> list[str]:
    """Lines with their ends. Not `splitlines`, which ends lines at form feeds and the like too."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)


def _block(name: str, text: str, opened: _Mark, closed: _Mark, place: str) -> Block:
    try:
        told = json.loads(opened.found["told"], object_pairs_hook=once)
    except (TwiceError, ValueError, RecursionError) as error:
        message = f"{place}, line {opened.line}: what the block {name} says is no JSON: {error}."
        raise DamagedError(message) from error
    return Block(
        name=name,
        told=told,
        body=unified(text[opened.after : closed.start]),
        line=opened.line,
        start=opened.start,
        end=closed.start + closed.found.end(),
    )


def unified(text: str) -> str:
    """The text with a newline alone at its lines' ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def marked(name: str, told: Mapping[str, Any], body: str) -> str:
    """A block as text, without a newline at its end.

    Raises:
        UsageError: The name is none, or a line of the body looks like a mark.
    """
    if not NAME.fullmatch(name):
        message = f"{name!r} is no name of a block: it has small letters, digits and hyphens alone."
        raise UsageError(message)
    body = unified(body).strip("\n")
    for line in body.split("\n"):
        if _LIKE.match(line):
            message = f"The block {name} would hold a line that looks like a mark: {line[:60]!r}."
            raise UsageError(message)
    return f"<!-- evalkit:begin {name} {_hidden(told)} -->\n{body}\n<!-- evalkit:end {name} -->"


def _hidden(told: Mapping[str, Any]) -> str:
    """A JSON object on one line in which no comment can end or begin: such signs are escaped.

    They stand in texts alone, since JSON has none of them elsewhere.
    """
    text = json.dumps(told, ensure_ascii=True, allow_nan=False, separators=(", ", ": "))
    for sign, written in _HIDDEN:
        text = text.replace(sign, written)
    return text


def with_block(text: str, block: str, name: str, place: str) -> str:
    """The text with a block in the place of the one of its name, or at its end.

    Args:
        text: The file's text.
        block: What `marked` gave.
        name: The block's name.
        place: The file, for the error's text.

    Raises:
        DamagedError: Marks in the text are damaged.
        UsageError: At the text's end a block would be code.
    """
    ending = line_end(text)
    written = block.replace("\n", ending)
    for found in blocks_in(text, place):
        if found.name == name:
            return text[: found.start] + written + text[found.end :]
    if not text:
        return written + ending
    gap = ending if text.endswith(("\n", "\r")) else ending * 2
    made = f"{text}{gap}{written}{ending}"
    _check_appended(made, name, place)
    return made


def _check_appended(text: str, name: str, place: str) -> None:
    """Check that a block at a text's end is no code of the author's.

    Raises:
        UsageError: It is, as a fence above it is open.
    """
    try:
        is_there = name in {block.name for block in blocks_in(text, place)}
    except DamagedError:
        is_there = False
    if not is_there:
        message = (
            f"{place} has a fence of code (``` or ~~~) that no line closes, so the block {name} "
            "would be code; close it."
        )
        raise UsageError(message)


def line_end(text: str) -> str:
    """How the text's first line ends; a newline where it has none."""
    found = re.search(r"\r\n|\r|\n", text)
    return found.group() if found else "\n"
