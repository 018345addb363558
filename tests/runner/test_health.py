"""When a run is to stop: nothing works at a task's start, or many samples fail in a row."""

from contextlib import ExitStack

import pytest

from evalkit.errors import BackendError
from evalkit.records import Failure, Generation, Message, Prediction, Request
from evalkit.runner.health import OUTAGE, OWN, PATIENCE, Health
from evalkit.runner.journal import Journal
from evalkit.runner.plan import PROBE, Bundle


def bundle(task, count):
    asked = tuple(
        Request(
            task=task,
            sample_id=f"{task}{i}",
            messages=(Message(role="user", content=("?",)),),
            generation=Generation(max_new_tokens=1),
        )
        for i in range(count)
    )
    return Bundle(task=task, requests=asked, cost=count)


def failed(task, numbers, kind="backend"):
    failure = Failure(kind=kind, message="no")
    return [Prediction(sample_id=f"{task}{i}", failure=failure) for i in numbers]


def answered(task, numbers):
    return [Prediction(sample_id=f"{task}{i}", text="yes") for i in numbers]


@pytest.fixture
def health(tmp_path):
    with ExitStack() as stack:

        def made(known=(), **tasks):
            journals = {
                task: stack.enter_context(Journal(tmp_path / f"{task}.jsonl", known))
                for task in tasks
            }
            return Health([bundle(task, count) for task, count in tasks.items()], journals)

        yield made


def test_a_task_whose_first_samples_all_fail_stops_the_run(health):
    watched = health(one=100)
    watched.note("one", failed("one", range(PROBE - 1)))
    with pytest.raises(BackendError, match="first samples of the task 'one' all failed"):
        watched.note("one", failed("one", [PROBE]))


def test_a_task_smaller_than_the_probe_stops_when_all_of_it_failed(health):
    watched = health(one=3)
    watched.note("one", failed("one", range(2)))
    with pytest.raises(BackendError):
        watched.note("one", failed("one", [2]))


def test_one_answer_at_the_start_is_enough(health):
    watched = health(one=100)
    watched.note("one", answered("one", [0]))
    watched.note("one", failed("one", range(1, PATIENCE)))
    with pytest.raises(BackendError, match=f"{PATIENCE} samples in a row failed"):
        watched.note("one", failed("one", [PATIENCE]))


def test_an_answer_of_any_task_ends_the_row(health):
    watched = health(one=100, two=100)
    watched.note("one", answered("one", [0]))
    watched.note("two", answered("two", [0]))
    for _ in range(10):
        watched.note("one", failed("one", range(1, PATIENCE)))
        watched.note("two", answered("two", [1]))


@pytest.mark.parametrize("kind", sorted(OWN))
def test_failures_that_are_a_sample_s_own_never_stop_a_run(health, kind):
    watched = health(one=100)
    watched.note("one", failed("one", range(PATIENCE * 2), kind))


ANY = ("refused", "adapter-refused", "forbidden", "not_found", "timeout", "odd")


@pytest.mark.parametrize("kind", ANY)
def test_at_the_start_every_other_kind_counts(health, kind):
    watched = health(one=100)
    watched.note("one", failed("one", range(PROBE - 1), kind))
    watched.note("one", failed("one", range(20, 30), "image_unreadable"))  # says nothing
    with pytest.raises(BackendError, match="first samples of the task 'one' all failed"):
        watched.note("one", failed("one", [PROBE], kind))


@pytest.mark.parametrize("kind", ANY)
def test_in_mid_run_only_an_outage_counts(health, kind):
    watched = health(one=100)
    watched.note("one", answered("one", [0]))
    if kind in OUTAGE:
        with pytest.raises(BackendError, match=f"{PATIENCE} samples in a row failed"):
            watched.note("one", failed("one", range(1, PATIENCE + 1), kind))
    else:
        watched.note("one", failed("one", range(1, 100), kind))


def test_samples_that_failed_before_are_not_counted(health):
    known = failed("one", range(PATIENCE * 2))
    watched = health(known, one=100)
    watched.note("one", known)
    watched.note("one", failed("one", range(60, 60 + PROBE - 1)))
    with pytest.raises(BackendError):
        watched.note("one", failed("one", [99]))
