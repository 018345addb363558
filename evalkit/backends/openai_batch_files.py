"""Lines of the Batch API's files: requests -> lines -> parts, and lines -> replies. Pure.

An input line names its request by `custom_id`; a line of an output or error file names it again, in
any order. Formats and limits: OpenAI's API reference, "Batch" (the request input and the request
output object), and the docstrings of the package openai 3.52, `resources/batches.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from evalkit.backends.openai_client import OK
from evalkit.backends.openai_replies import (
    FILTERED,
    SPENT,
    Reply,
    Trouble,
    read_refusal,
    read_reply,
)

ENDPOINT = "/v1/chat/completions"
MOST_REQUESTS = 50_000
MOST_BYTES = 200 * 1_000_000
"""What one file may hold."""

FAILED, EXPIRED, CANCELLED = "failed", "expired", "cancelled"
ENDED = frozenset({"completed", FAILED, EXPIRED, CANCELLED})
"""How a batch may end."""

BATCH_EXPIRED, BATCH_CANCELLED = "batch_expired", "batch_cancelled"
"""Codes of requests that a batch did not come to."""

QUEUE_FULL = "token_limit_exceeded"
"""Code of a batch that was refused because too much is in the queue already."""

NO_TIME = datetime.fromtimestamp(0, UTC)
"""Lines have no headers, so that no time is looked at."""


@dataclass(frozen=True, slots=True)
class Line:
    """A request as a line of a file: its id, which its content gives, and the line's bytes."""

    id: str
    content: bytes


def line_of(body: Mapping[str, Any], copy: str = "") -> Line:
    """A request's body as a line.

    Args:
        body: As the chat backend sends it.
        copy: Which of several equal bodies it is, that are each to be answered.

    Raises:
        UnicodeEncodeError: It holds a character that no file can.
    """
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":")) + copy
    name = hashlib.sha256(canonical.encode()).hexdigest()
    row = {"custom_id": name, "method": "POST", "url": ENDPOINT, "body": body}
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"
    return Line(name, text.encode())


@dataclass(slots=True)
class Part:
    """The lines of one file, as they are gathered."""

    most_requests: int = MOST_REQUESTS
    most_bytes: int = MOST_BYTES
    lines: list[Line] = field(default_factory=list)
    size: int = 0

    def takes(self, line: Line) -> bool:
        """Whether a line still fits in."""
        room = self.size + len(line.content) <= self.most_bytes
        return room and len(self.lines) < self.most_requests

    def add(self, line: Line) -> None:
        """Take a line in."""
        self.lines.append(line)
        self.size += len(line.content)

    @property
    def ids(self) -> tuple[str, ...]:
        """The requests' ids, in the order of the lines."""
        return tuple(line.id for line in self.lines)

    @property
    def content(self) -> bytes:
        """The file."""
        return b"".join(line.content for line in self.lines)


@dataclass(slots=True)
class Answers:
    """What became of requests, by id.

    Attributes:
        known: A reply, or why there is none. A reply is never replaced.
        damaged: Lines that could not be read.
    """

    known: dict[str, Reply | Trouble] = field(default_factory=dict)
    damaged: int = 0

    def read(self, text: str) -> None:
        """Take in a file's lines; of two lines with one id the first counts, but replies first."""
        for line in text.split("\n"):  # not splitlines: an answer may hold other ends of lines
            if not line.strip():
                continue
            try:
                name, found = read_line(line)
            except (ValueError, RecursionError):
                self.damaged += 1
                continue
            before = self.known.get(name)
            if before is None or (isinstance(found, Reply) and isinstance(before, Trouble)):
                self.known[name] = found

    def fill(self, ids: Iterable[str], trouble: Trouble) -> None:
        """Say why there is nothing for the requests that no line names."""
        for name in ids:
            self.known.setdefault(name, trouble)


def read_line(line: str) -> tuple[str, Reply | Trouble]:
    """The id in a line of an output or error file, and what it says of that request.

    Raises:
        ValueError: It is no such line.
    """
    raw = json.loads(line)
    name = raw.get("custom_id") if isinstance(raw, dict) else None
    if not isinstance(name, str):
        message = "the line names no request"
        raise ValueError(message)  # noqa: TRY004 - a line's wrong content, whatever its type
    response, error = raw.get("response"), raw.get("error")
    if isinstance(response, dict):
        return name, _response(response)
    if isinstance(error, dict):
        return name, _code(str(error.get("code")), str(error.get("message") or ""))
    return name, Trouble(kind="server", words="the request's line holds neither answer nor error")


def _response(response: Mapping[str, Any]) -> Reply | Trouble:
    """What a live request's status and body would have meant."""
    status, body = response.get("status_code"), response.get("body")
    text = body if isinstance(body, str) else json.dumps(body)
    if type(status) is not int:
        return Trouble(kind="server", words="the request's line holds no status")
    if status != OK:
        return read_refusal(status, {}, text, NO_TIME)
    try:
        return read_reply(text)
    except Trouble as error:
        return error


def _code(code: str, said: str) -> Trouble:
    if code == BATCH_EXPIRED:
        return expired()
    if code == BATCH_CANCELLED:
        return cancelled()
    kind = "quota" if code in SPENT else "content_filter" if code in FILTERED else "server"
    return Trouble(kind=kind, words=f"the server did not answer: {code}: {said}")


def expired() -> Trouble:
    """Why a request has no answer that an expired batch did not come to."""
    words = "the batch's time was over before the server came to this request"
    return Trouble(kind="timeout", words=words)


def cancelled() -> Trouble:
    """Why a request has no answer that a cancelled batch did not come to."""
    words = "somebody cancelled the batch before the server came to this request"
    return Trouble(kind="cancelled", words=words)


def ended(batch: Mapping[str, Any], damaged: int) -> Trouble:
    """Why a request has no line in the files of a batch that has ended.

    Args:
        batch: The batch as the server describes it.
        damaged: Lines of its files that could not be read.
    """
    status = batch.get("status")
    if status == EXPIRED:
        return expired()
    if status == CANCELLED:
        return cancelled()
    if status == FAILED:
        return _refused(batch)
    lost = f" ({damaged} damaged lines could belong to it)" if damaged else ""
    return Trouble(kind="server", words=f"the batch's files hold no line for this request{lost}")


def _refused(batch: Mapping[str, Any]) -> Trouble:
    """Why a batch failed as a whole: its file was looked at and refused."""
    errors = batch.get("errors")
    rows = errors.get("data") if isinstance(errors, dict) else None
    known = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    codes = {str(row.get("code")) for row in known}
    said = "; ".join(_error(row) for row in known[:3]) or "it does not say why"
    words = f"the server refused the whole batch {batch.get('id')}: {said}"
    if codes & set(SPENT):
        return Trouble(kind="quota", words=words)
    return Trouble(kind="rate_limited" if QUEUE_FULL in codes else "refused", words=words)


def _error(row: Mapping[str, Any]) -> str:
    where = f"line {row['line']}: " if type(row.get("line")) is int else ""
    return f"{where}{row.get('message') or row.get('code')}"
