"""Telemetry: every second belongs to one task, and shares are of what the workers had."""

import pytest

from evalkit.records import Prediction
from evalkit.run_record import ModelIdentity
from evalkit.runner.meter import Meter, summary
from evalkit.runner.workers import Crew, Lease, Outcome


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def outcome(task, **more):
    return Outcome(lease=Lease(task=task, requests=(), cost=1), **more)


def made(count, tokens=10):
    return [
        Prediction(sample_id=str(i), text="a", prompt_tokens=tokens, output_tokens=2)
        for i in range(count)
    ]


@pytest.fixture
def clock():
    return Clock()


def crew(size=1, **more):
    identity = ModelIdentity(spec="x", backend="dummy", name="x")
    return Crew(
        identity=identity, preprocessing={}, capacity=None, shares_prefixes=False, note="n",
        size=size, **more,
    )  # fmt: skip


@pytest.fixture
def meter(clock):
    return lambda size=1, **more: Meter(crew(size, **more), clock)


def test_time_goes_to_the_task_whose_event_ends_it(clock, meter):
    watch = meter()
    clock.now += 4
    watch.came(outcome("one", model_seconds=3.0, waiting_seconds=0.5))
    clock.now += 1
    watch.wrote("one", made(5))
    clock.now += 5
    watch.came(outcome("two", model_seconds=5.0))
    watch.wrote("two", made(10, tokens=None))
    one, two = watch.telemetry({"driver": 12.34}, resumed=False).tasks
    assert (one.samples, one.seconds, one.samples_per_second) == (5, 5.0, 1.0)
    assert (one.model_share, one.waiting_share, one.writing_share) == (0.6, 0.1, 0.2)
    assert (one.prompt_tokens_per_second, one.output_tokens_per_second) == (10.0, 2.0)
    assert (two.seconds, two.model_share, two.prompt_tokens_per_second) == (5.0, 1.0, 0.0)


def test_shares_are_of_all_workers_time(clock, meter):
    watch = meter(size=4)
    clock.now += 10
    for _ in range(4):
        watch.came(outcome("one", model_seconds=5.0, waiting_seconds=5.0))
    (one,) = watch.telemetry({}, resumed=True).tasks
    assert (one.model_share, one.waiting_share) == (0.5, 0.5)


def test_shares_of_leases_that_overlap_are_of_all_places_and_not_in_the_line(clock, meter):
    watch = meter(leases=8)
    clock.now += 10
    for _ in range(8):
        watch.came(outcome("one", model_seconds=5.0, waiting_seconds=2.0))
    watch.wrote("one", made(20))
    told = watch.telemetry({"driver": 80.2}, resumed=False)
    assert (told.tasks[0].model_share, told.tasks[0].waiting_share) == (0.5, 0.2)
    assert summary(told, crew(leases=8)) == "20 samples in 10.0 s (2.0/s); peak memory 80 MiB"


def test_hits_are_of_the_prompt_tokens_that_were_counted(clock, meter):
    watch = meter()
    clock.now += 1
    watch.came(outcome("one", counts={"prompt_tokens": 100.0, "shared_tokens": 25.0}))
    watch.came(outcome("one", counts={"prompt_tokens": 100.0, "shared_tokens": 75.0}))
    watch.came(outcome("two", counts={"prompt_tokens": 100.0}))
    told = watch.telemetry({"driver": 1.0}, resumed=False)
    assert [task.prefix_hit_rate for task in told.tasks] == [0.5, None]
    assert told.counters == {"prompt_tokens": 300.0, "shared_tokens": 100.0}


def test_the_line_at_the_end(clock, meter):
    watch = meter()
    assert summary(watch.telemetry({}, resumed=False), crew()) == ""
    clock.now += 2
    counts = {"prompt_tokens": 100.0, "shared_tokens": 25.0, "cost_usd": 0.5}
    watch.came(outcome("one", model_seconds=1.9, waiting_seconds=0.02, counts=counts))
    watch.wrote("one", made(20))
    assert summary(watch.telemetry({"driver": 80.2, "worker": 99.6}, resumed=False), crew()) == (
        "20 samples in 2.0 s (10.0/s); model 95% of the time, waiting for data 1%; peak memory "
        "100 MiB; 25% of the prompt tokens from shared prefixes; 0.5000 USD"
    )
