"""The limiter before servers whose clock is simulated: what it finds out, and how soon."""

import asyncio
import heapq
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.backends.openai_limiter import FIRST, Limiter

MOST = 64


def limits(capacity, requests, most=MOST):
    """The limit after each answer of a server that works on so many at once: (rounds, limit)."""

    async def go():
        now, found, coming, order = [0.0], [], [], count()
        limiter = Limiter(most, lambda: now[0])
        free = [0.0] * capacity

        async def ask():
            place = await limiter.enter()
            begun = max(now[0], heapq.heappop(free))
            heapq.heappush(free, begun + 1)
            answer = asyncio.get_running_loop().create_future()
            heapq.heappush(coming, (begun + 1, next(order), answer))
            await answer
            limiter.answered(place)
            found.append((now[0], limiter.limit))

        tasks = [asyncio.create_task(ask()) for _ in range(requests)]
        while len(found) < requests:
            for _ in range(4):
                await asyncio.sleep(0)
            if coming:
                now[0], _, answer = heapq.heappop(coming)
                answer.set_result(None)
        await asyncio.gather(*tasks)
        return found

    return asyncio.run(go())


def test_a_server_that_takes_all_is_asked_for_all_after_a_round():
    soon = [limit for at, limit in limits(MOST, 600) if at <= 1]
    assert (soon[0], soon[-1]) == (FIRST, MOST)


def test_four_times_as_many_are_found_out_in_five_rounds():
    soon = [limit for at, limit in limits(256, 2500, 256) if at <= 5]
    assert (soon[0], soon[-1]) == (FIRST, 256)


@pytest.mark.parametrize("most", [1, 3, 16])
def test_a_small_bound_holds_from_the_first(most):
    assert {limit for _, limit in limits(MOST, 200, most)} == {most}


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 48))
def test_the_limit_comes_near_what_a_server_can_do(capacity):
    late = [limit for _, limit in limits(capacity, 1500)][-500:]
    assert 0.6 * capacity <= sum(late) / len(late) <= 2.5 * capacity + 1
