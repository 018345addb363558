"""How many requests a server is sent at once: as many as make it faster, and no more.

The limit grows while throughput grows with it: doubled with every round of answers at first, in
small steps once it did not pay. A growth that did not pay is taken back; where the first one did
not, the limit is halved for as long as that costs nothing. A refusal (429), an error of the server
or a timeout cuts the limit, once for all requests that were out at the time. Everything happens on
one event loop.
"""

from __future__ import annotations

import asyncio
import math
import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

FIRST = 32
"""Requests at once, at the beginning: most servers take as many, and others are soon found out. One
that answers one after another still answers the last of them before a timeout of 300 s, if each
takes 9 s at most."""

DOUBLED, HALVED, LATER = 2.0, 0.5, 1.25
"""How the limit changes: at first, where already the first growth did not pay, and after that."""

WORTH = {DOUBLED: 1 / 3, HALVED: 0.5, LATER: 0.5}
"""What a change must bring to be kept: k times the requests, at least k ** WORTH the throughput.
Doubling asks for less, as a quick look sees the gain of a growth less well than a patient one."""

CUT = 0.7
"""What is left of the limit after a refusal."""

REST = 4
"""Windows of answers for which the limit stays after a growth that did not pay, or a cut."""

LEAST = 12
"""Answers in a window, at least; it is three times the limit, else the quick ones would prevail.
While the limit is doubled, or halved, it is the limit itself: a round of answers, or two."""


@dataclass(frozen=True, slots=True)
class Place:
    """Leave to send a request: when it was given, and under which setting of the limit."""

    since: float
    epoch: int
    full: bool


class Limiter:
    """Gives places to requests, in their order."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        """Give at most so many places at once.

        Args:
            most: Above it the limit never grows.
            clock: Seconds that never go back.
        """
        self.limit = min(FIRST, most)
        self.out = 0
        self._most = most
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._epoch = 0
        self._latencies: list[float] = []
        self._before: tuple[int, float] | None = None
        self._first = self.limit
        self._step = DOUBLED
        self._rest = 0
        self._paused_until = -math.inf

    async def enter(self) -> Place:
        """Wait for a place; `leave` gives it back."""
        if self.out >= self.limit or self._waiting:
            mine = asyncio.get_running_loop().create_future()
            self._waiting.append(mine)
            try:
                await mine
            except asyncio.CancelledError:
                if mine.done() and not mine.cancelled():
                    self._give_back()
                raise
        else:
            self.out += 1
        try:
            while (left := self._paused_until - self._clock()) > 0:  # noqa: ASYNC110 - the end moves
                await asyncio.sleep(left)
        except asyncio.CancelledError:
            self._give_back()
            raise
        return Place(self._clock(), self._epoch, self.out >= self.limit)

    def pause(self, seconds: float) -> None:
        """Send nothing for a while: the server asked for it."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def answered(self, place: Place) -> float:
        """Take a place back whose request was answered; how long that took."""
        seconds = self._clock() - place.since
        if place.epoch == self._epoch and (place.full or self._waiting):
            self._latencies.append(seconds)
            window = 3 * self.limit if self._step == LATER else self.limit
            if len(self._latencies) >= max(window, LEAST):
                self._judge()
        self._give_back()
        return seconds

    def failed(self, place: Place, *, overloaded: bool) -> None:
        """Take a place back whose request failed.

        Args:
            place: The place.
            overloaded: Whether fewer requests at once might have helped.
        """
        if overloaded and place.epoch == self._epoch:
            self._before = None
            self._settle(max(1, int(self.limit * CUT)))
        self._give_back()

    def _give_back(self) -> None:
        self.out -= 1
        while self._waiting and self.out < self.limit:
            first = self._waiting.popleft()
            if not first.done():
                first.set_result(None)
                self.out += 1

    def _judge(self) -> None:
        """Look at a window of answers: did the last change pay, and is it time for another?

        A full server's throughput is the number of requests it has over the mean time of one. The
        first answers of a window of several rounds are left out: the server was not yet as full
        when they were asked.
        """
        seen = self._latencies[self.limit :] if self._step == LATER else self._latencies
        throughput = self.limit / max(statistics.fmean(seen), 1e-6)
        self._latencies.clear()
        if self._before is not None:
            limit, earlier = self._before
            self._before = None
            if throughput < earlier * (self.limit / limit) ** WORTH[self._step]:
                self._take_back(limit)
                return
        if self._rest:
            self._rest -= 1
        elif (wanted := self._next()) < 1:
            self._settle(self.limit)
        elif wanted != self.limit:
            self._before = (self.limit, throughput)
            self._set(wanted)

    def _next(self) -> int:
        """The limit that is tried next."""
        changed = int(self.limit * self._step)
        return changed if self._step < 1 else min(self._most, max(self.limit + 1, changed))

    def _take_back(self, limit: int) -> None:
        """Return to a limit after a change that did not pay; the first may have been too many."""
        if self._step == DOUBLED and limit == self._first:
            self._step = HALVED
            self._set(limit)
        else:
            self._settle(limit)

    def _settle(self, limit: int) -> None:
        """Set a limit that stays for a while, and changes in small steps from then on."""
        self._step = LATER
        self._rest = REST
        self._set(limit)

    def _set(self, limit: int) -> None:
        """Change the limit; answers to what was sent before are no longer looked at."""
        self.limit = limit
        self._epoch += 1
        self._latencies.clear()
