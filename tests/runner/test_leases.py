"""Leases whose workers die, at random: nothing is lost, nothing twice, no innocent dies."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.backends.interface import Capacity
from evalkit.errors import BackendError
from evalkit.records import Generation, Message, Prediction, Request
from evalkit.runner import engine
from evalkit.runner.journal import Journal
from evalkit.runner.plan import plan
from evalkit.runner.workers import Outcome, Workers

PLACES = 2


def requests(count):
    return [
        Request(
            task="toy",
            sample_id=f"{i:03}",
            messages=(Message(role="user", content=("question",)),),
            generation=Generation(max_new_tokens=4),
        )
        for i in range(count)
    ]


class Mortal(Workers):
    """Workers with two places each; some samples kill whoever has them, some deaths are chance."""

    def __init__(self, poison, chance, size=3):
        self.poison, self.chance = set(poison), deque(chance)
        self.out = [deque() for _ in range(size)]
        self.most_beside_a_suspect = 0

    def crew(self):
        raise NotImplementedError

    def place(self, lease):
        free = [
            own
            for own in self.out
            if len(own) < (1 if lease.suspect else PLACES) and not any(x.suspect for x in own)
        ]
        return min(free, key=len, default=None)

    def takes(self, lease):
        return self.place(lease) is not None

    def submit(self, lease):
        self.place(lease).append(lease)

    def wait(self):
        own = max(self.out, key=len)
        if any(lease.suspect for lease in own):
            self.most_beside_a_suspect = max(self.most_beside_a_suspect, len(own))
        first = own[0]
        if self.poison & {r.sample_id for r in first.requests} or (
            self.chance and self.chance.popleft()
        ):
            dead = [Outcome(lease=lease, died="killed") for lease in own]
            own.clear()
            return dead
        own.popleft()
        made = [Prediction(sample_id=r.sample_id, text="yes") for r in first.requests]
        return [Outcome(lease=first, predictions=made)]


def go(workers, folder, count, rows):
    asked = requests(count)
    with Journal(folder / "toy.jsonl") as journal:
        bundles = plan({"toy": asked}, Capacity(rows=rows))
        engine.run(bundles, workers, {"toy": journal}, lambda *_: None)
        lines = (folder / "toy.jsonl").read_text().splitlines()
        return journal.predictions, lines


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.integers(0, 59), max_size=4),
    st.lists(st.booleans(), max_size=30),
    st.integers(1, 9),
)
def test_the_guilty_are_found_and_nobody_else_is_lost(tmp_path_factory, guilty, chance, rows):
    poison = {f"{i:03}" for i in guilty}
    workers = Mortal(poison, [])
    made, lines = go(workers, tmp_path_factory.mktemp("deaths"), 60, rows)
    failed = {key for key, one in made.items() if one.failure}
    assert len(made) == len(lines) == 60
    assert failed == poison
    assert {one.failure.kind for one in made.values() if one.failure} <= {"worker_died"}
    assert workers.most_beside_a_suspect <= 1
    # Deaths by chance: nothing is lost, and what is given up had two deaths of its own.
    workers = Mortal((), chance)
    made, lines = go(workers, tmp_path_factory.mktemp("chance"), 60, rows)
    assert len(made) == len(lines) == 60


def test_one_round_of_deaths_costs_nothing(tmp_path):
    made, _ = go(Mortal((), [True] * 3), tmp_path, 40, 4)
    assert all(one.failure is None for one in made.values())


def test_workers_that_always_die_stop_the_run(tmp_path):
    with pytest.raises(BackendError, match="all failed"):
        go(Mortal({f"{i:03}" for i in range(40)}, []), tmp_path, 40, 4)
