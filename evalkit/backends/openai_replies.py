"""What a chat-completions server said -> an answer or a failure. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from evalkit.records import Billed

FILTERED = ("content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation")
SPENT = ("insufficient_quota", "billing_hard_limit_reached")
"""Codes of 429 that no waiting mends."""

MOST = 10**12
"""Tokens of a request from which on a count is taken for a mistake of the server."""

UNAUTHORIZED, TIMEOUT, CONFLICT, TOO_EARLY, TOO_MANY, SERVER_ERROR = 401, 408, 409, 425, 429, 500

ABROAD = {403: "forbidden", 404: "not_found"}
"""Kinds of what is rarely a sample's own: all requests go to one path, with one key and model."""

REFUSED = (400, 422)
"""Statuses of a request that the server takes for malformed."""

OMITTABLE = ("temperature", "top_p", "seed", "stop")
"""Fields that need not be sent."""

OTHER_NAME = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""The two names of the limit of an answer's tokens."""

_UNSUPPORTED = re.compile(
    r"(?:unsupported (?:parameter|value)|unrecognized request arguments? supplied)"
    r":? ?[\\'\"`]*(\w+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of a request, as the server counted them; None where it did not say.

    Attributes:
        prompt: Tokens that were read.
        output: Tokens that were written.
        cached: Tokens that were read before.
        bound: Whether the most that they can be stands for some that the server did not tell.
    """

    prompt: int | None = None
    output: int | None = None
    cached: int = 0
    bound: bool = False

    def __add__(self, other: Usage) -> Usage:
        """Both together."""
        if other == Usage():
            return self
        return Usage(
            prompt=(self.prompt or 0) + (other.prompt or 0),
            output=(self.output or 0) + (other.output or 0),
            cached=self.cached + other.cached,
            bound=self.bound or other.bound,
        )

    def at_most(self, most: Billed | None) -> Usage:
        """What is told, and the most that it can be where nothing sensible is.

        Args:
            most: That; None where nobody wants to know.
        """
        if most is None or (self.prompt and self.output is not None):
            return self
        if not self.prompt:  # no request has none
            return Usage(prompt=most.prompt_tokens, output=most.output_tokens, bound=True)
        return replace(self, output=most.output_tokens, bound=True)

    def billed(self, share: float = 1.0) -> Billed | None:
        """As what is billed; None where nothing is told.

        Args:
            share: Of the usual price that is asked.
        """
        if self == Usage():
            return None
        return Billed(
            prompt_tokens=self.prompt or 0,
            output_tokens=self.output or 0,
            cached_tokens=self.cached,
            share=share,
            bound=self.bound,
        )


@dataclass(kw_only=True, eq=False)
class Trouble(Exception):  # noqa: N818 - some of it passes
    """Why there is no answer.

    Attributes:
        kind: The failure's kind.
        words: What happened; it may quote the server at length, and must be redacted.
        passing: Whether asking again may help.
        overloaded: Whether fewer requests at once may help.
        wait: Seconds that the server asks to wait; None where it does not.
        usage: Tokens that were spent nevertheless.
        paid: Whether it is an answer all the same, with a status of success: such are billed.
        status: The HTTP status that said so; None where none did.
    """

    kind: str
    words: str
    passing: bool = False
    overloaded: bool = False
    wait: float | None = None
    usage: Usage = Usage()
    paid: bool = False
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer as the server gave it, and what the server said of itself."""

    text: str
    finish: Literal["stop", "length"]
    usage: Usage
    served: tuple[str, ...] = ()


def read_reply(body: str) -> Reply:
    """The answer in the body of a status 200.

    Raises:
        Trouble: There is none.
    """
    try:
        return _reply(body)
    except Trouble as error:
        error.paid = True
        raise


def _reply(body: str) -> Reply:
    try:
        raw = json.loads(body)
    except (ValueError, RecursionError) as error:
        said = f"the server's answer is not JSON ({_line(body)})"
        raise Trouble(kind="server", words=said, passing=True) from error
    if not isinstance(raw, dict) or raw.get("error"):
        raise Trouble(kind="server", words=f"the server said {_line(body)}", passing=True)
    usage = _usage(raw.get("usage"))
    choices = raw.get("choices")
    if not isinstance(choices, list) or any(not isinstance(one, dict) for one in choices[:1]):
        raise _shapeless(body, usage)
    if not choices:
        raise Trouble(kind="empty", words="the server's answer has no choices", usage=usage)
    return _choice(choices[0], usage, _served(raw), body)


def _served(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """What the server says of itself: model, system fingerprint, and the day in UTC."""
    told = [raw.get(name) for name in ("model", "system_fingerprint")]
    named = [" ".join(text.split())[:200] if isinstance(text, str) else "" for text in told]
    day = _day(raw.get("created"))
    return (*named, day) if any(named) or day else ()


def _day(created: Any) -> str:
    """The day of a time in seconds; empty where there is none."""
    try:
        return datetime.fromtimestamp(created, UTC).date().isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return ""


def _choice(choice: Mapping[str, Any], usage: Usage, served: tuple[str, ...], body: str) -> Reply:
    reason, message = choice.get("finish_reason"), choice.get("message")
    if reason == "content_filter":
        words = "the server's content filter cut the answer off"
        raise Trouble(kind="content_filter", words=words, usage=usage)
    if not isinstance(message, dict):
        raise _shapeless(body, usage)
    text = message.get("content")
    if isinstance(text, str):
        finish: Literal["stop", "length"] = "length" if reason == "length" else "stop"
        return Reply(text=text, finish=finish, usage=usage, served=served)
    if text is not None:
        raise _shapeless(body, usage)
    if isinstance(message.get("refusal"), str):
        words = f"the server refused to answer: {_line(message['refusal'])}"
        raise Trouble(kind="content_filter", words=words, usage=usage)
    words = f"the server's answer has no text (finish_reason {reason!r})"
    raise Trouble(kind="empty", words=words, usage=usage)


def late(seconds: float) -> Trouble:
    """No answer came in the seconds that a request has."""
    words = f"no answer came within {seconds:g} s"
    return Trouble(kind="timeout", words=words, passing=True, overloaded=True)


def unconnected(error: BaseException) -> Trouble:
    """The connection failed."""
    return Trouble(kind="connection", words=f"the connection failed ({cause(error)})", passing=True)


def cause(error: BaseException) -> str:
    """The innermost reason of an error of the connection, in the system's words, on one line."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    told = getattr(error, "message", str(error))  # aiohttp's texts begin with a status of its own
    return (" ".join(told.split()) if isinstance(told, str) else "") or type(error).__name__


def _shapeless(body: str, usage: Usage) -> Trouble:
    words = f"the server's answer is no chat completion ({_line(body)})"
    return Trouble(kind="server", words=words, passing=True, usage=usage)


def read_refusal(status: int, headers: Mapping[str, str], body: str, now: datetime) -> Trouble:
    """What a status other than 200 means.

    Args:
        status: The HTTP status.
        headers: The response's, by names in lower case or of any case.
        body: The response's.
        now: The time, for a Retry-After that is a date.
    """
    trouble = _refusal(status, body, retry_after(headers.get("retry-after"), now))
    trouble.status = status
    return trouble


def _refusal(status: int, body: str, wait: float | None) -> Trouble:
    advice = cure(body) if status in REFUSED else ""
    words = f"the server answered {status}{f' ({advice})' if advice else ''}: {_line(body)}"
    if status == TOO_MANY:
        if any(code in body for code in SPENT):
            return Trouble(kind="quota", words=words)
        return Trouble(kind="rate_limited", words=words, passing=True, overloaded=True, wait=wait)
    if status == UNAUTHORIZED:
        return Trouble(kind="unauthorized", words=words)
    if status >= SERVER_ERROR:
        return Trouble(kind="server", words=words, passing=True, overloaded=True, wait=wait)
    if status in (TIMEOUT, CONFLICT, TOO_EARLY):
        late = status == TIMEOUT
        kind = "timeout" if late else "server"
        return Trouble(kind=kind, words=words, passing=True, overloaded=late, wait=wait)
    filtered = any(code in body for code in FILTERED)
    kind = "content_filter" if filtered else ABROAD.get(status, "refused")
    return Trouble(kind=kind, words=words)


def cure(body: str) -> str:
    """What to do about a field that the server refuses; empty where it refuses none of ours.

    Args:
        body: Of a status 400 or 422, in the form of OpenAI's errors.
    """
    named = _UNSUPPORTED.search(body)
    field = named[1] if named else None
    if field in OTHER_NAME:
        return f"give the model the option max_tokens_field={OTHER_NAME[field]}"
    return f"give the model the option omit={field}" if field in OMITTABLE else ""


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or as a date; None: it says nothing.

    Args:
        value: The header's.
        now: The time, with its zone.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            then = parsedate_to_datetime(value)
            then = then if then.tzinfo else then.replace(tzinfo=UTC)
            seconds = (then - now).total_seconds()
        except (ValueError, OverflowError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _usage(raw: Any) -> Usage:
    own = raw if isinstance(raw, dict) else {}
    details = own.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    return Usage(
        prompt=_count(own.get("prompt_tokens")),
        output=_count(own.get("completion_tokens")),
        cached=cached or 0,
    )


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < MOST else None


def _line(text: str) -> str:
    return " ".join(text.split()) or "nothing"
