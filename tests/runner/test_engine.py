"""The engine: one poisonous sample costs one sample; a run in which nothing works stops."""

import threading
import time
import weakref
from contextlib import suppress

import pytest

from evalkit.backends.interface import Backend, Capacity
from evalkit.errors import BackendError, UsageError
from evalkit.records import Failure, Generation, Message, Prediction, Request
from evalkit.run_record import ModelIdentity
from evalkit.runner import engine
from evalkit.runner.inline import workers_of
from evalkit.runner.journal import Journal
from evalkit.runner.plan import plan


class Big:
    """Stands for tensors that an exception holds on to."""


class Scripted(Backend):
    """Answers "yes", except that samples in `poison` raise; remembers what it was asked."""

    def __init__(self, poison=()):
        self.poison = set(poison)
        self.asked = []

    @classmethod
    def load(cls, options):
        return cls()

    def identity(self):
        return ModelIdentity(spec="scripted", backend="scripted", name="scripted")

    def generate(self, requests):
        self.asked.append([r.sample_id for r in requests])
        for request in requests:
            if request.sample_id in self.poison:
                raise ValueError("poison " + request.sample_id)
        return [Prediction(sample_id=r.sample_id, text="yes") for r in requests]


def requests(count, task="toy"):
    return [
        Request(
            task=task,
            sample_id=f"{i:03}",
            messages=(Message(role="user", content=("question",)),),
            generation=Generation(max_new_tokens=4),
        )
        for i in range(count)
    ]


def go(backend, tmp_path, count=40, batch=8):
    seen = []
    with Journal(tmp_path / "toy.jsonl") as journal:
        bundles = plan({"toy": requests(count)}, Capacity(rows=batch))
        workers = workers_of(backend)
        engine.run(bundles, workers, {"toy": journal}, lambda task, made: seen.extend(made))
        return journal.predictions, seen


def test_all_are_answered_and_told(tmp_path):
    predictions, seen = go(Scripted(), tmp_path)
    assert [p.text for p in predictions.values()] == ["yes"] * 40
    assert seen == list(predictions.values())


def test_a_poisonous_sample_costs_one_sample(tmp_path):
    predictions, _ = go(Scripted(poison=["013"]), tmp_path)
    failed = [p for p in predictions.values() if p.failure]
    assert [p.sample_id for p in failed] == ["013"]
    assert failed[0].failure.message == "ValueError: poison 013"


def test_nothing_finished_is_asked_again(tmp_path):
    go(Scripted(poison=["013"]), tmp_path)
    second = Scripted()
    predictions, _ = go(second, tmp_path)
    assert second.asked == [["013"]]
    assert all(p.failure is None for p in predictions.values())


def test_a_run_whose_start_fails_as_a_whole_stops(tmp_path):
    backend = Scripted(poison=[f"{i:03}" for i in range(8)])
    with pytest.raises(BackendError, match="first samples of the task 'toy' all failed"):
        go(backend, tmp_path)
    assert len(backend.asked) == 8 + 4 + 2 + 1  # halves down to single samples


def test_a_poisonous_first_sample_does_not_stop_a_run_of_single_samples(tmp_path):
    predictions, _ = go(Scripted(poison=["000", "001"]), tmp_path, batch=1)
    assert sum(p.failure is None for p in predictions.values()) == 38


def test_an_outage_in_mid_run_stops_and_keeps_what_was_done(tmp_path):
    backend = Scripted(poison=[f"{i:03}" for i in range(12, 100)])
    with pytest.raises(BackendError, match="24 samples in a row"):
        go(backend, tmp_path, count=100, batch=4)
    with Journal(tmp_path / "toy.jsonl") as journal:
        assert sum(p.failure is None for p in journal.predictions.values()) == 12


def test_failed_samples_of_a_resumed_run_do_not_stop_it(tmp_path):
    poison = [f"{i:03}" for i in range(0, 300, 10)]
    go(Scripted(poison=poison), tmp_path, count=300)
    for _ in range(2):
        predictions, _ = go(Scripted(poison=poison), tmp_path, count=300)
        assert sum(p.failure is not None for p in predictions.values()) == 30


def test_a_batch_that_is_too_large_is_halved_and_its_error_is_gone(tmp_path):
    alive = []

    class Small(Scripted):
        def generate(self, requests):
            if len(requests) > 3:
                big = Big()
                alive.append(weakref.ref(big))
                raise MemoryError(big)
            assert all(reference() is None for reference in alive)
            return super().generate(requests)

    predictions, _ = go(Small(), tmp_path)
    assert all(p.text == "yes" for p in predictions.values())
    assert alive


def test_a_backend_that_answers_something_else_fails_visibly(tmp_path):
    class Confused(Scripted):
        def generate(self, requests):
            return (
                super().generate(requests)[:-1] if len(requests) > 1 else super().generate(requests)
            )

    predictions, _ = go(Confused(), tmp_path)
    assert all(p.text == "yes" for p in predictions.values())


class Server(Scripted):
    """Asked by threads; the first lease ends the run when all others are out, as it is told."""

    leases = 5

    def __init__(self, how, late=0.0):
        super().__init__()
        self.how, self.late = how, late
        self.out = threading.Barrier(self.leases)

    def generate(self, requests):
        self.out.wait(10)
        first = requests[0].sample_id == "000"
        if first and self.how == "fatal":
            message = "a file is wrong"
            raise UsageError(message)
        if first:
            failure = Failure(kind="quota", message="money is spent")
            return [Prediction(sample_id=r.sample_id, failure=failure) for r in requests]
        time.sleep(self.late)
        return super().generate(requests)


@pytest.mark.parametrize("late", [0.0, 0.5])
@pytest.mark.parametrize(("how", "error"), [("fatal", UsageError), ("health", BackendError)])
def test_what_is_out_when_a_run_stops_is_kept(tmp_path, how, error, late):
    backend = Server(how, late)
    with pytest.raises(error, match=r"a file is wrong|money is spent"):
        go(backend, tmp_path)
    with Journal(tmp_path / "toy.jsonl") as journal:
        answered = {p.sample_id for p in journal.predictions.values() if p.text}
    assert len(answered) == 40 - 8
    assert answered == {name for asked in backend.asked for name in asked}


def test_what_does_not_come_does_not_hold_a_run_that_stops(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "GRACE", 0.2)
    begun = time.monotonic()
    with pytest.raises(UsageError):
        go(Server("fatal", late=20.0), tmp_path)
    assert time.monotonic() - begun < 19.0


class Torn(Scripted):
    """Says words with half a character: in a text, in a failure, or in an error."""

    def generate(self, requests):
        if self.poison == {"error"}:
            message = "cannot open b\udcff.bin"
            raise ValueError(message)
        failure = Failure(kind="odd \ud83d", message="refused \ud83d")
        more = {"failure": failure} if self.poison == {"failure"} else {"text": "yes \ud83d"}
        return [Prediction(sample_id=r.sample_id, **more) for r in requests]


@pytest.mark.parametrize("place", ["text", "failure", "error"])
def test_words_that_no_file_can_hold_are_cleaned(tmp_path, place):
    with suppress(BackendError):  # nothing works
        go(Torn([place]), tmp_path, count=2)
    with Journal(tmp_path / "toy.jsonl") as journal:
        (made, _) = journal.predictions.values()
    said = made.text or made.failure.kind + made.failure.message
    assert "\ufffd" in said
    assert said.encode()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_goes_through(tmp_path, error):
    class Interrupted(Scripted):
        def generate(self, requests):
            raise error

    with pytest.raises(error):
        go(Interrupted(), tmp_path)


def test_a_settled_task_gets_no_more_leases_and_the_others_go_on(tmp_path):
    backend, count = Scripted(), {"toy": 0, "other": 0}
    with Journal(tmp_path / "toy.jsonl") as one, Journal(tmp_path / "other.jsonl") as two:
        bundles = plan({task: requests(40, task) for task in count}, Capacity(rows=8))

        def told(task, made):
            count[task] += len(made)

        engine.run(
            bundles,
            workers_of(backend),
            {"toy": one, "other": two},
            told,
            settled=lambda task: task == "toy" and count["toy"] >= 16,
        )
    assert count == {"toy": 16, "other": 40}


def test_what_came_back_of_a_settled_task_is_not_asked_again(tmp_path):
    backend, failed = Scripted(poison=["003"]), []
    with Journal(tmp_path / "toy.jsonl") as journal:
        bundles = plan({"toy": requests(8)}, Capacity(rows=8))
        settled = lambda _: bool(backend.asked)  # noqa: E731 - settled while the batch is out
        engine.run(
            bundles,
            workers_of(backend),
            {"toy": journal},
            lambda _, made: failed.extend(made),
            settled=settled,
        )
    assert len(backend.asked) == 1
    assert not failed
