"""Workers without processes: what is prepared ahead is bounded; a server's leases overlap."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from evalkit.backends.interface import Backend, Capacity
from evalkit.errors import BackendError, UsageError
from evalkit.records import Generation, Image, Message, Prediction, Request
from evalkit.run_record import ModelIdentity
from evalkit.runner.inline import AHEAD, InlineWorkers, LoopWorkers, workers_of
from evalkit.runner.workers import Lease


class Model(Backend):
    """Counts what is prepared and not yet answered, and what is asked at once."""

    leases = 1

    def __init__(self):
        self.lock = threading.Lock()
        self.ready = self.most_ready = self.busy = self.most_busy = self.asked = 0
        self.started = threading.Semaphore(0)
        self.may_go = threading.Event()
        self.may_go.set()

    @classmethod
    def load(cls, options):
        return cls()

    def identity(self):
        return ModelIdentity(spec="x", backend="x", name="x")

    def capacity(self):
        return Capacity(rows=1)

    def counters(self):
        return {"asked": float(self.asked)}

    def generate(self, requests):
        with self.lock:
            self.busy += 1
            self.asked += 1
            self.most_busy = max(self.most_busy, self.busy)
            self.ready -= 1
        self.started.release()
        self.may_go.wait(10)
        with self.lock:
            self.busy -= 1
        return [Prediction(sample_id=request.sample_id, text="a") for request in requests]


class Preparing(Model):
    def prepare(self, requests):
        if requests[0].sample_id == "bad":
            message = "cannot be read"
            raise ValueError(message)
        with self.lock:
            self.ready += 1
            self.most_ready = max(self.most_ready, self.ready)
        return requests

    def generate_prepared(self, requests, ready):
        return self.generate(requests)


class Server(Model):
    leases = 3


class Looping(Server):
    """A server that is asked without a thread that waits: answers come from a pool of its own."""

    def __init__(self):
        super().__init__()
        self.pool = ThreadPoolExecutor(16)
        self.preparing = set()

    def prepare(self, requests):
        self.preparing.add(threading.current_thread())
        if requests[0].sample_id == "bad":
            message = "cannot be read"
            raise ValueError(message)
        return requests

    def answer_soon(self, requests, ready):
        assert ready == requests
        return self.pool.submit(self.generate, requests)


def lease(name, *pictures):
    request = Request(
        task="one",
        sample_id=name,
        messages=(Message(role="user", content=("?", *pictures)),),
        generation=Generation(max_new_tokens=1),
    )
    return Lease(task="one", requests=(request,), cost=1)


def all_of(workers, names):
    """Hand out and take in as the engine does."""
    waiting, out, made = [lease(name) for name in names], 0, []
    while waiting or out:
        while waiting and workers.takes(waiting[0]):
            workers.submit(waiting.pop(0))
            out += 1
        came = workers.wait()
        out -= len(came)
        made += came
    return made


def within(seconds, call):
    """What a call gives; one that takes too long is an error."""
    done = []
    thread = threading.Thread(target=lambda: done.append(call()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert done, "it hangs"
    return done[0]


@pytest.fixture(params=[Preparing, Server, Looping])
def workers(request):
    made = workers_of(request.param())
    yield made
    made.close()


def test_every_lease_comes_back_once(workers):
    names = [str(i) for i in range(50)]
    made = all_of(workers, names)
    assert sorted(one.lease.requests[0].sample_id for one in made) == sorted(names)
    assert all(one.predictions for one in made)


def test_no_more_is_prepared_than_the_bound():
    model = Preparing()
    workers = InlineWorkers(model)
    all_of(workers, map(str, range(60)))
    workers.close()
    assert 1 <= model.most_ready <= AHEAD + 1
    assert model.most_busy == 1


@pytest.mark.parametrize("kind", [Preparing, Looping])
def test_what_cannot_be_prepared_is_an_outcome_and_the_next_lease_is_answered(kind):
    workers = workers_of(kind())
    made = all_of(workers, ["bad", "good"])
    first, second = sorted(made, key=lambda one: one.lease.requests[0].sample_id)
    workers.close()
    assert "cannot be read" in first.error
    assert first.predictions is None
    assert second.predictions[0].text == "a"


@pytest.mark.parametrize("kind", [Server, Looping])
def test_a_server_is_asked_as_much_at_once_as_it_says_and_no_more(kind):
    model = kind()
    model.may_go.clear()
    workers = workers_of(model)
    names = list(map(str, range(20)))
    waiting = [lease(name) for name in names]
    while workers.takes(waiting[0]):
        workers.submit(waiting.pop(0))
    assert len(waiting) == len(names) - Server.leases
    for _ in range(Server.leases):
        assert model.started.acquire(timeout=10)
    assert model.busy == Server.leases
    model.may_go.set()
    came = []
    while len(came) < Server.leases:
        came += workers.wait()
    came += all_of(workers, [one.requests[0].sample_id for one in waiting])
    workers.close()
    assert model.most_busy == Server.leases
    assert sum(one.counts["asked"] for one in came) == len(names), "each is counted once"


class Breaking(Model):
    """Raises in the place that it is told; what it is asked raises, too, but for counting."""

    def __init__(self, place, error):
        super().__init__()
        self.place, self.error = place, error

    def counters(self):
        if self.place == "counters":
            raise self.error
        return super().counters()

    def generate(self, requests):
        if self.place == "counters":
            return super().generate(requests)
        raise self.error if self.place == "generate" else ValueError("no")

    def is_out_of_memory(self, error):
        if self.place == "memory":
            raise self.error
        return super().is_out_of_memory(error)

    def recover(self):
        if self.place == "recover":
            raise self.error


class BreakingServer(Breaking):
    leases = 3


class BreakingLoop(BreakingServer):
    """Its futures hold what `generate` raises."""

    def answer_soon(self, requests, ready):
        future = Future()
        try:
            future.set_result(self.generate(requests))
        except (ValueError, OverflowError, UsageError, SystemExit) as error:
            future.set_exception(error)
        return future


@pytest.mark.parametrize("place", ["counters", "memory", "recover"])
@pytest.mark.parametrize("kind", [Breaking, BreakingServer, BreakingLoop])
def test_a_backend_that_breaks_beside_its_answers_costs_no_worker(kind, place):
    workers = workers_of(kind(place, OverflowError("int too large to convert to float")))
    made = within(20, lambda: all_of(workers, map(str, range(6))))
    workers.close()
    assert len(made) == 6
    if place == "counters":
        assert all(one.predictions and one.counts == {} for one in made)
    else:
        assert {one.error for one in made} == {"ValueError: no"}


@pytest.mark.parametrize("kind", [BreakingServer, BreakingLoop])
def test_a_backend_that_leaves_its_thread_stops_the_run_instead_of_hanging_it(kind):
    workers = workers_of(kind("generate", SystemExit(3)))
    (made,) = within(20, lambda: all_of(workers, ["0"]))
    workers.close()
    assert isinstance(made.fatal, BackendError)
    assert "SystemExit: 3" in str(made.fatal)


@pytest.mark.parametrize("kind", [BreakingServer, BreakingLoop])
def test_a_users_file_that_is_wrong_stops_the_run(kind):
    workers = workers_of(kind("generate", UsageError("The file is wrong.")))
    (made,) = within(20, lambda: all_of(workers, ["0"]))
    workers.close()
    assert str(made.fatal) == "The file is wrong."


def test_a_crew_says_how_many_leases_overlap():
    assert [workers_of(kind()).crew().leases for kind in (Model, Server, Looping)] == [1, 3, 3]


def test_threads_end_when_workers_are_closed():
    before = set(threading.enumerate())
    for model in (Preparing(), Server(), Looping()):
        workers = workers_of(model)
        all_of(workers, map(str, range(8)))
        workers.close()
        if isinstance(model, Looping):
            model.pool.shutdown()
        for thread in set(threading.enumerate()) - before:
            thread.join(10)
            assert not thread.is_alive()


def test_only_pictures_are_prepared_on_threads():
    model = Looping()
    workers = workers_of(model)
    assert isinstance(workers, LoopWorkers)
    all_of(workers, map(str, range(8)))
    assert model.preparing == {threading.current_thread()}
    model.preparing.clear()
    workers.submit(lease("seen", Image(key="p", read=bytes)))
    (made,) = workers.wait()
    workers.close()
    assert made.predictions
    assert threading.current_thread() not in model.preparing


@pytest.mark.parametrize("kind", [Server, Looping])
def test_what_comes_within_the_rest_is_taken_and_no_more(kind):
    model = kind()
    model.may_go.clear()
    workers = workers_of(model)
    for name in "abc":
        workers.submit(lease(name))
    assert workers.rest(0.05) == []
    model.may_go.set()
    assert len(within(20, lambda: workers.rest(10))) == 3
    assert workers.takes(lease("d"))
    workers.close()


def test_what_is_out_is_cancelled_when_workers_are_closed():
    class Silent(Looping):
        def answer_soon(self, requests, ready):
            self.futures = [*getattr(self, "futures", ()), Future()]
            return self.futures[-1]

    model = Silent()
    workers = workers_of(model)
    for name in "ab":
        workers.submit(lease(name))
    workers.close()
    assert [future.cancelled() for future in model.futures] == [True, True]
    assert [one.predictions for one in within(20, workers.wait)] == [None, None]


@pytest.mark.parametrize(("pictures", "most"), [((), 48), ((Image(key="p", read=bytes),), 24)])
def test_a_loop_of_many_leases_is_given_some_ahead_and_all_come_back(pictures, most):
    class Many(Looping):
        leases = 16

    workers = workers_of(Many())
    names = [str(i) for i in range(100)]
    for name in names[:16]:
        assert workers.takes(lease(name, *pictures))
        workers.submit(lease(name, *pictures))
    assert not workers.takes(lease("more", *pictures)), "no answer is there yet"
    made = within(20, lambda: workers.rest(10))
    for name in names[16 : 16 + most]:
        assert workers.takes(lease(name, *pictures))
        workers.submit(lease(name, *pictures))
    assert not workers.takes(lease("more", *pictures))
    made += within(20, lambda: workers.rest(10))
    assert len(made) == 16 + most
    made += within(20, lambda: all_of(workers, names[16 + most :]))
    workers.close()
    assert sorted(one.lease.requests[0].sample_id for one in made) == sorted(names)
    assert sum(one.counts["asked"] for one in made) == len(names)
