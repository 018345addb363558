"""One request to a chat-completions server, asked until it is answered or given up."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from evalkit.backends.interface import Allowance
from evalkit.backends.openai_limiter import Limiter, Place
from evalkit.backends.openai_replies import (
    Reply,
    Trouble,
    Usage,
    late,
    read_refusal,
    read_reply,
    unconnected,
)
from evalkit.backends.openai_settings import NO_KEY, Settings
from evalkit.backends.openai_wire import Wire
from evalkit.records import HOPELESS, UNASKED, Billed, Failure

SHORTEST, LONGEST = 0.5, 30.0
"""Seconds up to which the first retry waits, and any retry."""

PATIENCE = 300.0
"""Seconds that a server may ask to wait; what asks for more is given up."""

OK = 200
SHOWN = 400
"""Characters of a failure's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of a request: one of reply and failure is there.

    Attributes:
        reply: The answer.
        failure: Why there is none.
        seconds: Its share of the time that it was out, among all that were out.
        used: Tokens of all attempts together, as far as the server told, or the most they can be.
    """

    reply: Reply | None = None
    failure: Failure | None = None
    seconds: float | None = None
    used: Usage = field(default_factory=Usage)


class Client:
    """Asks a server; lives on one event loop."""

    def __init__(self, settings: Settings) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self._wire = Wire(settings)
        self._api: Any = None
        self.limiter = Limiter(settings.concurrency, time.monotonic)
        self.counters = Counter[str]()
        self.allowance: Allowance | None = None
        self._hopeless: Trouble | None = None

    async def ask(
        self, body: Mapping[str, Any], most: Billed | None, sent: asyncio.Event
    ) -> Answered:
        """Ask, and ask again where that may help.

        Args:
            body: The request.
            most: What is billed for it at most, which counts where the server does not tell; None
                where only what it tells counts.
            sent: Set when the request goes out for the first time.
        """
        used = Usage()
        for attempt in range(self._settings.retries + 1):
            place = await self.limiter.enter()
            sent.set()
            try:
                reply, told = await self._paid(body, most, again=attempt > 0)
            except asyncio.CancelledError:
                self.limiter.failed(place, overloaded=False)
                raise
            except Trouble as error:
                self._hopeless = error if error.kind in HOPELESS else self._hopeless
                self._note(place, error)
                used += error.usage
                wait = retry_wait(attempt, error.wait)
                if not error.passing or attempt == self._settings.retries or wait > PATIENCE:
                    return Answered(failure=self.failure(error), used=used)
            else:
                out = self.limiter.out
                seconds = self.limiter.answered(place)
                self.spend(told)
                seconds = round(seconds / max(out, 1), 6)
                return Answered(reply=reply, seconds=seconds, used=used + told)
            await asyncio.sleep(wait)
        raise AssertionError  # the last attempt returns

    async def _paid(
        self, body: Mapping[str, Any], most: Billed | None, *, again: bool
    ) -> tuple[Reply, Usage]:
        """A reply and what is billed for it, within what may be spent.

        Raises:
            Trouble: There is none, or it cannot be paid for.
        """
        within = self.allowance if most is not None else None
        if within and most and not within.take(most):
            raise Trouble(kind=UNASKED, words="the budget does not last for it")
        told = Usage()
        try:
            reply = await self._counted(body, again=again)
            told = reply.usage.at_most(most)
        except Trouble as error:
            told = error.usage = error.usage.at_most(most if error.paid else None)
            raise
        finally:
            if within and most:
                within.settle(most, told.billed())
        return reply, told

    async def _counted(self, body: Mapping[str, Any], *, again: bool) -> Reply:
        """Send a request, unless the server has said that none will be answered any more.

        Raises:
            Trouble: There is no answer; no error but this one leaves, so that one sample fails.
        """
        if self._hopeless is not None:
            raise self._hopeless
        self.counters["requests"] += 1
        self.counters["retries"] += again
        try:
            return await self._once(body)
        except Trouble:
            raise
        except Exception as error:
            raise Trouble(kind="backend", words=f"{type(error).__name__}: {error}") from error

    async def _once(self, body: Mapping[str, Any]) -> Reply:
        """Send a request.

        Raises:
            Trouble: There is no answer.
        """
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return self.hidden(read_reply(await self._wire.post(text.encode())))

    def hidden(self, reply: Reply) -> Reply:
        """The reply without the key, in whatever spelling of JSON it came."""
        told = (reply.text, *reply.served)
        text, *served = map(self._settings.hidden, told)
        return reply if (text, *served) == told else replace(reply, text=text, served=tuple(served))

    async def send(self, call: Callable[[Any], Awaitable[Any]], seconds: float) -> str:
        """The body that a server sends with status 200 to a call of the package openai.

        Args:
            call: Makes one call of the package's client, and gives a response with a `text`.
            seconds: After them the call is given up.

        Raises:
            Trouble: There is none.
        """
        import openai

        if self._api is None:
            self._api = openai.AsyncOpenAI(
                api_key=self._settings.key or NO_KEY,
                base_url=self._settings.base_url,
                timeout=self._settings.timeout,
                max_retries=0,
            )
        try:
            async with asyncio.timeout(seconds):
                response = await call(self._api)
                return str(response.text)
        except openai.APIStatusError as error:
            answer = error.response
            raise read_refusal(
                answer.status_code, answer.headers, answer.text, datetime.now(UTC)
            ) from error
        except (TimeoutError, openai.APITimeoutError) as error:
            raise late(seconds) from error
        except openai.APIConnectionError as error:
            raise unconnected(error) from error
        except Exception as error:
            raise Trouble(kind="backend", words=f"{type(error).__name__}: {error}") from error

    def _note(self, place: Place, error: Trouble) -> None:
        """Tell limiter and counters of trouble."""
        if error.wait is not None and error.passing and error.wait <= PATIENCE:
            self.limiter.pause(error.wait)
        self.limiter.failed(place, overloaded=error.overloaded)
        self.counters["rate_limited"] += error.kind == "rate_limited"
        self.spend(error.usage)

    def spend(self, usage: Usage) -> None:
        """Count tokens, and what they cost where a price is known."""
        prompt, output = usage.prompt or 0, usage.output or 0
        self.counters["prompt_tokens"] += prompt
        self.counters["output_tokens"] += output
        self.counters["cached_tokens"] += usage.cached
        if price := self._settings.price:
            cost = price.cost(prompt, output, usage.cached)
            self.counters["cost_usd"] += cost  # type: ignore[assignment]  # a Counter of floats

    def failure(self, error: Trouble) -> Failure:
        """Trouble as a failure, without the key."""
        words = self._settings.redacted(f"{self._settings.host}: {error.words}")
        return Failure(kind=error.kind, message=words[:SHOWN])

    async def close(self) -> None:
        """Close all connections."""
        await self._wire.close()
        if self._api is not None:
            await self._api.close()


def retry_wait(attempt: int, asked: float | None) -> float:
    """Seconds until a request is sent again: full jitter, after what the server asked for."""
    most = min(LONGEST, SHORTEST * 2.0**attempt)
    return (asked or 0.0) + random.uniform(0.0, most)  # noqa: S311 - spreads retries
