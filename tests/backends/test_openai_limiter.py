"""The limiter before servers whose time is simulated: what it finds out, and how soon.

Nothing here depends on how fast the machine is: the event loop's clock leaps to the next event.
"""

import asyncio
import selectors
from dataclasses import dataclass, field

import pytest

from evalkit.backends.openai_limiter import CUT, FIRST, Limiter

MOST = 64
GOLDEN = 0.618034
"""Its multiples, less their whole parts, are spread evenly and look like chance."""


class Leaps(selectors.DefaultSelector):
    """Where a loop would sleep until the next event, its clock leaps there."""

    now = 0.0

    def select(self, timeout=None):
        assert timeout is not None, "everything waits, and nothing will happen"
        self.now += timeout
        return super().select(0)


def leaping_loop():
    leaps = Leaps()
    loop = asyncio.SelectorEventLoop(leaps)
    loop.time = lambda: leaps.now
    return loop


@dataclass
class Server:
    """Works on `capacity` requests at once; more wait or, with `refuses`, are refused at once.

    An answer takes a second or what `seconds` says, which is told how many requests are there; by
    up to `spread` of it more or less.
    """

    capacity: int = 10_000
    refuses: bool = False
    seconds: object = staticmethod(lambda load: 1.0)
    spread: float = 0.0
    loads: list = field(default_factory=list)
    refused: int = 0
    load: int = 0

    def __post_init__(self):
        self.slots = asyncio.Semaphore(self.capacity)

    async def answers(self):
        """Whether it does."""
        self.load += 1
        self.loads.append(self.load)
        try:
            if self.refuses and self.load > self.capacity:
                self.refused += 1
                return False
            async with self.slots:
                part = 2 * (len(self.loads) * GOLDEN % 1) - 1
                await asyncio.sleep(self.seconds(self.load) * (1 + self.spread * part))
            return True
        finally:
            self.load -= 1


@dataclass
class Seen:
    """What there was to see: the limit after each answer, (when, limit), and the server's loads."""

    limits: list
    server: Server

    def late(self):
        """The limit in the last third of the answers, on average."""
        limits = [limit for _, limit in self.limits[len(self.limits) * 2 // 3 :]]
        return sum(limits) / len(limits)


def seen(requests, most=MOST, pause=None, **server):
    """Ask a server so many requests, each until it is answered."""

    async def go():
        clock = asyncio.get_running_loop().time
        limiter, own, found = Limiter(most, clock), Server(**server), []

        async def ask():
            while True:
                place = await limiter.enter()
                if await own.answers():
                    break
                if pause:
                    limiter.pause(pause)
                limiter.failed(place, overloaded=True)
                await asyncio.sleep(0.5)
            limiter.answered(place)
            found.append((clock(), limiter.limit))

        await asyncio.gather(*(ask() for _ in range(requests)))
        assert limiter.out == 0
        return Seen(found, own)

    with asyncio.Runner(loop_factory=leaping_loop) as runner:
        return runner.run(go())


def test_a_server_that_takes_all_is_asked_for_all_after_a_round():
    soon = [limit for at, limit in seen(600).limits if at <= 1]
    assert (soon[0], soon[-1]) == (FIRST, MOST)


def test_four_times_as_many_are_found_out_in_five_rounds():
    soon = [limit for at, limit in seen(2500, 256).limits if at <= 5]
    assert (soon[0], soon[-1]) == (FIRST, 256)


@pytest.mark.parametrize("most", [1, 3, 16, 24])
def test_the_bound_is_reached_and_holds(most):
    found = seen(200, most)
    assert {limit for _, limit in found.limits[100:]} == {most}
    assert max(found.server.loads) == most


@pytest.mark.parametrize("most", [1, 3, 16])
def test_a_small_bound_holds_from_the_first(most):
    assert {limit for _, limit in seen(200, most).limits} == {most}


@pytest.mark.parametrize("capacity", range(1, 49))
def test_the_limit_comes_near_what_a_server_can_do(capacity):
    late = [limit for _, limit in seen(1500, capacity=capacity).limits][-500:]
    assert 0.6 * capacity <= sum(late) / len(late) <= 2.5 * capacity + 1


@pytest.mark.parametrize("spread", [0.0, 0.25, 0.5])
def test_a_server_of_eight_is_soon_asked_for_about_eight(spread):
    assert 6 <= seen(500, capacity=8, spread=spread).late() <= 12


@pytest.mark.parametrize("spread", [0.0, 0.25])
@pytest.mark.parametrize("knee", [4, 8, 12, 16])
def test_where_every_request_makes_all_slower_the_gain_decides(knee, spread):
    """At `knee` requests twice as many bring a third more; far above it, nearly nothing."""
    found = seen(2000, seconds=lambda load: 1 + load / knee, spread=spread)
    assert 0.9 * knee <= found.late() <= 2.2 * knee


@pytest.mark.parametrize("spread", [0.0, 0.25])
@pytest.mark.parametrize("capacity", [1, 4, 8, 16, 24])
def test_refusals_hold_the_limit_below_what_is_refused(capacity, spread):
    found = seen(1500, capacity=capacity, refuses=True, spread=spread)
    assert len(found.limits) == 1500, "no answer is lost"
    assert 0.4 * capacity <= found.late() <= 1.1 * capacity
    assert 0 < found.server.refused <= 50


def test_a_server_that_asks_for_a_pause_is_sent_nothing_until_it_is_over():
    found = seen(FIRST + 1, capacity=FIRST - 1, refuses=True, pause=100.0)
    ends = sorted(at for at, _ in found.limits)
    assert found.server.refused == 1
    assert ends[FIRST - 2] <= 1.0
    assert ends[FIRST - 1] >= 101.0
    assert {limit for _, limit in found.limits} == {int(FIRST * CUT)}, "cut once"
