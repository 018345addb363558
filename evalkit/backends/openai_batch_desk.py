"""The Batch API's verbs, each tried until it succeeds or is given up: upload, make, wait, fetch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from evalkit.backends.openai_batch_files import ENDED, ENDPOINT
from evalkit.backends.openai_client import PATIENCE, Client, retry_wait
from evalkit.backends.openai_replies import Trouble
from evalkit.backends.openai_settings import Settings
from evalkit.records import HOPELESS

Result = TypeVar("Result")

TRANSFER = 900.0
"""Seconds that a file may take on its way beyond the time of any other request."""

LISTED = 100
"""Batches that are looked through for one whose making was not heard of."""

NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Desk:
    """Speaks with a server about files and batches, one call at a time.

    Attributes:
        client: Sends, counts, and knows what kept it from an answer.
        run: Does work on the client's event loop, and waits for it.
        settings: How the server is asked.
        poll: Seconds between two looks at a batch.
        window: In which time a batch is to be done, such as "24h".
    """

    client: Client
    run: Callable[[Coroutine[Any, Any, str]], str]
    settings: Settings
    poll: float
    window: str

    def upload(self, content: bytes) -> str:
        """Upload an input file; its id.

        Raises:
            Trouble: It cannot be done.
        """
        file = ("requests.jsonl", content, "application/jsonl")

        def call(api: Any) -> Any:
            return api.files.with_raw_response.create(file=file, purpose="batch")

        return self._tried(lambda _: _id(self._json(call, self.settings.timeout + TRANSFER)))

    def make(self, file: str, *, perhaps_made: bool) -> str:
        """Make a batch of an uploaded file; its id.

        Args:
            file: The file's id.
            perhaps_made: Whether somebody may have done it already, and was not heard of since.

        Raises:
            Trouble: It cannot be done.
        """

        def call(api: Any) -> Any:
            return api.batches.with_raw_response.create(
                input_file_id=file,
                endpoint=ENDPOINT,
                completion_window=self.window,
            )

        def once(attempt: int) -> str:
            made = self._made_of(file) if attempt or perhaps_made else None
            return made or _id(self._json(call, self.settings.timeout))

        return self._tried(once)

    def _made_of(self, file: str) -> str | None:
        """The batch that was made of a file, where the server lists it."""

        def call(api: Any) -> Any:
            return api.batches.with_raw_response.list(limit=LISTED)

        try:
            rows = self._json(call, self.settings.timeout).get("data")
        except Trouble as error:
            if error.status == NOT_FOUND:  # a server that lists none
                return None
            raise
        own = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return next((_id(row) for row in own if row.get("input_file_id") == file), None)

    def wait(self, batch: str) -> dict[str, Any]:
        """Look at a batch until it has ended; what the server says of it.

        Raises:
            Trouble: The server does not say; its status is 404 where it does not know the batch.
        """

        def call(api: Any) -> Any:
            return api.batches.with_raw_response.retrieve(batch)

        def once(_: int) -> dict[str, Any]:
            found = self._json(call, self.settings.timeout)
            if not isinstance(found.get("status"), str):
                raise _shapeless(found)
            return found

        while True:
            found = self._tried(once, self.poll)
            if found["status"] in ENDED:
                return found
            time.sleep(self.poll)

    def fetch(self, file: str) -> str:
        """The text of an output or error file.

        Raises:
            Trouble: It cannot be had; the status is 404 where the server does not have it any more.
        """

        def call(api: Any) -> Any:
            return api.files.with_raw_response.content(file)

        def once(_: int) -> str:
            text = self.run(self.client.send(call, self.settings.timeout + TRANSFER))
            if text.lstrip().startswith("<"):
                raise _shapeless(text)
            return text

        return self._tried(once)

    def _json(self, call: Callable[[Any], Any], seconds: float) -> dict[str, Any]:
        text = self.run(self.client.send(call, seconds))
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _shapeless(text) from error
        if not isinstance(raw, dict):
            raise _shapeless(text)
        return raw

    def _tried(self, once: Callable[[int], Result], pause: float = 0.0) -> Result:
        """Do it, and do it again where that may help.

        Args:
            once: Told how often it was done before.
            pause: Seconds between two times, at least.
        """
        for attempt in range(self.settings.retries + 1):
            self.client.counters["retries"] += attempt > 0
            try:
                return once(attempt)
            except Trouble as error:
                self.client.counters["rate_limited"] += error.kind == "rate_limited"
                wait = retry_wait(attempt, error.wait)
                last = attempt == self.settings.retries or error.kind in HOPELESS
                if last or not error.passing or wait > PATIENCE:
                    raise
            time.sleep(max(wait, pause))
        raise AssertionError  # the last attempt returns or raises


def _id(raw: Mapping[str, Any]) -> str:
    if not isinstance(raw.get("id"), str) or not raw["id"]:
        raise _shapeless(raw)
    return str(raw["id"])


def _shapeless(said: Any) -> Trouble:
    text = " ".join(str(said).split())[:200] or "nothing"
    words = f"the server's answer is not what the Batch API says ({text})"
    return Trouble(kind="server", words=words, passing=True)
