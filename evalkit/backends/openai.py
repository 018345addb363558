"""A model behind a server that speaks chat completions, as OpenAI, vLLM and SGLang do.

    openai:MODEL,base_url=http://127.0.0.1:8000/v1

Pictures go as data URLs. All requests share one event loop and one limiter, which finds out how
many the server answers best at once. Nothing but an answer is ever a text: what failed after all
retries is a `Failure` that says why, without the key.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from evalkit.backends.data_urls import RULE, DataUrl, data_url
from evalkit.backends.interface import Allowance, Backend, BackendOptions, Capacity
from evalkit.backends.openai_client import Answered, Client
from evalkit.backends.openai_door import check_packages, check_server
from evalkit.backends.openai_settings import OPTIONS, Settings, read_settings
from evalkit.backends.pictures import UnreadableError
from evalkit.backends.stopping import cut_at_stop
from evalkit.errors import BackendError
from evalkit.prices import most_billed
from evalkit.records import Billed, Failure, Image, Prediction, Request
from evalkit.run_record import ModelIdentity

Result = TypeVar("Result")

AHEAD = 0.2
"""Seconds, at most, that the first question about a picture is ahead of the others: by then the
server has begun to read the picture, and the others find it in its prefix cache."""

COUNTED = ("requests", "retries", "rate_limited", "prompt_tokens", "output_tokens", "cached_tokens")


@dataclass(frozen=True, slots=True)
class Ready:
    """Pictures by key, and the failures of requests whose pictures are broken."""

    pictures: Mapping[str, DataUrl]
    broken: Mapping[str, Prediction]

    def digests(self, request: Request) -> tuple[str, ...]:
        """SHA-256 of each picture of a request."""
        return tuple(self.pictures[image.key].digest for image in request.images)


class OpenAIBackend(Backend):
    """Asks a chat-completions server; see the module's docstring."""

    shares_prefixes = True
    option_names: ClassVar[frozenset[str]] = OPTIONS
    neutral_options: ClassVar[frozenset[str]] = OPTIONS  # a fingerprint has base_url and omit apart

    def __init__(self, settings: Settings, options: BackendOptions) -> None:
        """Start the event loop on a thread that does not outlive the process."""
        self._settings = settings
        self._options = options
        self.leases = settings.concurrency
        self._closing = threading.Lock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._client = self._run(self._start())

    async def _start(self) -> Client:
        return Client(self._settings)

    def _begin(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        """Do work on the loop.

        Raises:
            BackendError: The backend is closed.
        """
        with self._closing:
            if self._closed:
                work.close()
                message = "The backend openai is closed."
                raise BackendError(message)
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do work on the loop, and wait for it.

        Raises:
            BackendError: The backend is closed.
            CancelledError: It was closed meanwhile.
        """
        done = self._begin(work)
        try:
            return done.result()
        finally:
            done.cancel()  # it is still at work only where the wait was interrupted

    @classmethod
    def preflight(cls, options: BackendOptions) -> None:
        """Check options, packages, server, key and model.

        Raises:
            UsageError: An option cannot be meant.
            MissingExtraError: A package is not installed.
            BackendError: The server, its model, or a key it takes cannot be had.
        """
        settings = read_settings(options, os.environ)
        check_packages()
        check_server(settings, trial=not options.unbilled)

    @classmethod
    def load(cls, options: BackendOptions) -> Self:
        """Make the client; nothing is asked."""
        check_packages()
        return cls(read_settings(options, os.environ), options)

    def identity(self) -> ModelIdentity:
        """The model's id; where it was asked is in the spec."""
        name = self._settings.model
        short = name.rstrip("/").rpartition("/")[2] if name.startswith("/") else name
        return ModelIdentity(spec=self._options.spec, backend="openai", name=short)

    def preprocessing(self) -> Mapping[str, str]:
        """How pictures are sent; what the server makes of them is its own."""
        return {
            "image_preprocess": self._options.image_preprocess,
            "processor": "the server's",
            "sent": RULE,
        }

    def keep_within(self, allowance: Allowance) -> bool:
        """Ask before each request that is sent, one that is sent again included."""
        self._client.allowance = allowance
        return True

    def capacity(self) -> Capacity:
        """Small bundles: the limiter, not the bundle, says how much is asked at once."""
        return Capacity(rows=self._options.batch_size or 8)

    def note(self) -> str:
        """Which server is asked, and how; the day of its prices."""
        own = self._settings
        note = f"sent together to {own.host}, the first question ahead, {own.concurrency} at most"
        return note + (f", prices of {own.prices.day}" if own.prices else "")

    def counters(self) -> Mapping[str, float]:
        """Requests, retries, refusals for their rate, tokens; cost_usd where a price is known."""
        counted = dict(self._client.counters)
        known = {name: float(counted.get(name, 0)) for name in COUNTED}
        return known | ({"cost_usd": counted.get("cost_usd", 0.0)} if self._settings.price else {})

    def prepare(self, requests: Sequence[Request]) -> Ready:
        """Read the pictures and write them as data URLs, each once."""
        pictures: dict[str, DataUrl] = {}
        broken: dict[str, Prediction] = {}
        for request in requests:
            try:
                for image in request.images:
                    if image.key not in pictures:
                        pictures[image.key] = data_url(image)
            except UnreadableError as error:
                broken[request.sample_id] = failed(request, "image_unreadable", str(error))
        return Ready(pictures, broken)

    def generate(self, requests: Sequence[Request]) -> Sequence[Prediction]:
        """Ask about all of them; returns when each is answered or has failed."""
        return self.generate_prepared(requests, self.prepare(requests))

    def generate_prepared(self, requests: Sequence[Request], ready: Ready) -> Sequence[Prediction]:
        """`generate`, with pictures that are data URLs already."""
        return self._run(self._answer(requests, ready))

    def answer_soon(
        self, requests: Sequence[Request], ready: Ready
    ) -> Future[Sequence[Prediction]]:
        """`generate_prepared`, which is waited for elsewhere."""
        return self._begin(self._answer(requests, ready))

    async def _answer(self, requests: Sequence[Request], ready: Ready) -> Sequence[Prediction]:
        made = dict(ready.broken)
        asked = []
        for request in requests:
            if request.generation.num_beams > 1:
                made.setdefault(request.sample_id, beams_failed(request))
            if request.sample_id not in made:
                asked.append(request)
        answers = await self._ask_all(asked, ready.pictures)
        for request, answered in zip(asked, answers, strict=True):
            digests = ready.digests(request)
            made[request.sample_id] = self.prediction_of(request, answered, digests)
        return [made[request.sample_id] for request in requests]

    async def _ask_all(
        self, requests: Sequence[Request], pictures: Mapping[str, DataUrl]
    ) -> list[Answered]:
        """Ask about each group of pictures, all groups at once."""
        if not requests[1:]:
            return await self._ask_group(requests, pictures) if requests else []
        groups: dict[tuple[str, ...], list[int]] = {}
        for place, request in enumerate(requests):
            shown = tuple(pictures[image.key].digest for image in request.images)
            groups.setdefault(shown or (request.sample_id,), []).append(place)
        asks = [self._ask_group([requests[i] for i in own], pictures) for own in groups.values()]
        made = await asyncio.gather(*asks) if asks[1:] else [await ask for ask in asks]
        places = [place for own in groups.values() for place in own]
        found = dict(zip(places, (one for group in made for one in group), strict=True))
        return [found[place] for place in range(len(requests))]

    async def _ask_group(
        self, requests: Sequence[Request], pictures: Mapping[str, DataUrl]
    ) -> list[Answered]:
        """Ask the first question, and soon after it the others, which share its pictures."""
        bodies = [(self.body(request, pictures), most_of(request)) for request in requests]
        sent = asyncio.Event()
        if not bodies[1:]:
            return [await self._client.ask(*bodies[0], sent)]
        first = asyncio.create_task(self._client.ask(*bodies[0], sent))
        await sent.wait()
        await asyncio.wait({first}, timeout=AHEAD)
        others = [self._client.ask(*body, asyncio.Event()) for body in bodies[1:]]
        return list(await asyncio.gather(first, *others))

    def body(self, request: Request, pictures: Mapping[str, DataUrl]) -> dict[str, Any]:
        """What the server is sent for a request.

        Args:
            request: The request.
            pictures: Its pictures by key.
        """
        own = request.generation
        body: dict[str, Any] = {
            "model": self._settings.model,
            "messages": [
                {"role": m.role, "content": _content(m.content, pictures)} for m in request.messages
            ],
            self._settings.max_tokens_field: own.max_new_tokens,
            "temperature": own.temperature,
            "seed": self._options.seed,
        }
        if own.temperature > 0:
            body["top_p"] = own.top_p
        if own.stop:
            body["stop"] = list(own.stop)
        return {name: value for name, value in body.items() if name not in self._settings.omit}

    def prediction_of(
        self, request: Request, answered: Answered, digests: tuple[str, ...]
    ) -> Prediction:
        """What became of a request, as a prediction.

        Args:
            request: The request.
            answered: Its answer, or why there is none.
            digests: SHA-256 of each picture that was shown.
        """
        reply, billed = answered.reply, None
        if request.verbatim:
            billed = answered.used.billed(self.price_share)
        if reply is None:
            return Prediction(sample_id=request.sample_id, failure=answered.failure, billed=billed)
        text, stopped = cut_at_stop(reply.text, request.generation.stop)
        return Prediction(
            sample_id=request.sample_id,
            text=text if request.verbatim else text.strip(),
            finish="stop" if stopped else reply.finish,
            prompt_tokens=reply.usage.prompt,
            output_tokens=reply.usage.output,
            images=digests,
            seconds=answered.seconds,
            served=(reply.served or None) if request.verbatim else None,
            billed=billed,
        )

    def close(self) -> None:
        """Give up what is out, close connections, and end the loop's thread."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        """Cancel all that is out, so that no thread waits for it for ever."""
        out = asyncio.all_tasks() - {asyncio.current_task()}
        for task in out:
            task.cancel()
        await asyncio.gather(*out, return_exceptions=True)
        await self._client.close()


def _content(
    parts: Sequence[str | Image], pictures: Mapping[str, DataUrl]
) -> str | list[dict[str, Any]]:
    """A turn's parts; text alone is a plain text, which every server takes."""
    if len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    return [_part(part, pictures) for part in parts]


def _part(part: str | Image, pictures: Mapping[str, DataUrl]) -> dict[str, Any]:
    if isinstance(part, Image):
        return {"type": "image_url", "image_url": {"url": pictures[part.key].url}}
    return {"type": "text", "text": part}


def failed(request: Request, kind: str, words: str) -> Prediction:
    """A request that no server is asked about."""
    return Prediction(sample_id=request.sample_id, failure=Failure(kind=kind, message=words))


def beams_failed(request: Request) -> Prediction:
    """A request for beam search, which no server does."""
    words = f"a server cannot be asked for {request.generation.num_beams} beams"
    return failed(request, "refused", words)


def most_of(request: Request) -> Billed | None:
    """The most that is billed for a request; None where nobody keeps a bill of single ones."""
    return most_billed(request) if request.verbatim else None
