"""Workers without processes of their own: one backend, in this process.

The model runs on the thread that waits; the next leases are prepared on other threads meanwhile. A
backend whose work is done elsewhere (a server) holds several leases at once: each on a thread, or,
where it has an event loop of its own, all of them there.
"""

from __future__ import annotations

import queue
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from evalkit.backends.interface import Backend
from evalkit.errors import BackendError
from evalkit.records import Prediction
from evalkit.runner.answering import counted, difference, outcome, settled
from evalkit.runner.workers import Crew, Lease, Outcome, Workers, crew_of

AHEAD = 2
"""Leases that are prepared while the model runs; what waits in memory is bounded by it."""


PREPARING = 8
"""Threads, at most, that read pictures for a backend with an event loop."""

MANY = 16
"""Leases from which on an event loop is given three times as many, once there is an answer. They
wait on the loop for their turn, so no answer need be on disk before the next question is sent. With
pictures it is half of that, as those of all leases that are out are in memory."""

TOGETHER = 0.01
"""Seconds in which answers to many leases are gathered: one write, and one turn of the engine."""

Made = Callable[[Mapping[str, float]], Outcome]
"""Makes an outcome, where it is looked at, with what was counted for it."""


def workers_of(backend: Backend) -> Workers:
    """The workers that fit a backend in this process."""
    if backend.leases == 1:
        return InlineWorkers(backend)
    on_loop = type(backend).answer_soon is not Backend.answer_soon
    return LoopWorkers(backend) if on_loop else ThreadWorkers(backend)


class _OneBackend(Workers):
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def crew(self) -> Crew:
        """What the backend says of itself."""
        return crew_of(self._backend)

    def peaks(self) -> Mapping[str, float]:
        """The accelerator's, where torch is loaded."""
        from evalkit.runner.memory import accelerator_peak

        peak = accelerator_peak()
        return {"accelerator": peak} if peak else {}


class InlineWorkers(_OneBackend):
    """One model on the calling thread; data are prepared ahead on other threads."""

    def __init__(self, backend: Backend) -> None:
        """Answer with a backend."""
        super().__init__(backend)
        self._out: deque[tuple[Lease, Future[Any] | None]] = deque()
        self._prepares = type(backend).prepare is not Backend.prepare
        self._tasks: queue.SimpleQueue[tuple[Lease, Future[Any]] | None] = queue.SimpleQueue()
        for _ in range(AHEAD if self._prepares else 0):
            threading.Thread(target=self._prepare, daemon=True).start()

    def takes(self, lease: Lease) -> bool:  # noqa: ARG002 - one place is as good as another
        """Whether fewer leases are out than are prepared ahead."""
        return len(self._out) <= (AHEAD if self._prepares else 0)

    def submit(self, lease: Lease) -> None:
        """Begin to prepare a lease."""
        future: Future[Any] | None = None
        if self._prepares:
            future = Future()
            self._tasks.put((lease, future))
        self._out.append((lease, future))

    def _prepare(self) -> None:
        while (task := self._tasks.get()) is not None:
            lease, future = task
            try:
                future.set_result(self._backend.prepare(lease.requests))
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                future.set_exception(error)

    def wait(self) -> Sequence[Outcome]:
        """Run the model on the lease that has been out for the longest."""
        lease, future = self._out.popleft()
        ready = future.result if future else lambda: self._backend.prepare(lease.requests)
        return [outcome(self._backend, lease, ready)]

    def close(self) -> None:
        """Let the threads end."""
        for _ in range(AHEAD if self._prepares else 0):
            self._tasks.put(None)


class _OverlappingWorkers(_OneBackend):
    """Several leases at once; what came of them is in a queue, and is looked at where it is due."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self._all = self._places = backend.leases
        self._made: queue.SimpleQueue[Made] = queue.SimpleQueue()
        self._tasks: queue.SimpleQueue[Lease | None] = queue.SimpleQueue()
        self._threads = 0
        self._counted = counted(backend)

    def crew(self) -> Crew:
        """What the backend says of itself, and how many leases overlap."""
        return replace(super().crew(), leases=self._backend.leases)

    def takes(self, lease: Lease) -> bool:  # noqa: ARG002 - one place is as good as another
        """Whether a place is free."""
        return self._places > 0

    def _hand_out(self, lease: Lease, most: int) -> None:
        """Give a lease to the threads; as many are started as are needed."""
        if self._threads < most:
            self._threads += 1
            threading.Thread(target=self._work, daemon=True).start()
        self._tasks.put(lease)

    def _work(self) -> None:
        while (lease := self._tasks.get()) is not None:
            self._do(lease)

    @abstractmethod
    def _do(self, lease: Lease) -> None:
        """What a thread does with a lease."""

    def wait(self) -> Sequence[Outcome]:
        """All outcomes that are there, at least one."""
        made = [self._made.get()]
        while not self._made.empty():
            made.append(self._made.get())
        return self._taken(made)

    def rest(self, seconds: float) -> Sequence[Outcome]:
        """What the server answers of the leases that are out."""
        deadline = time.monotonic() + seconds
        made: list[Outcome] = []
        while self._places < self._all:
            try:
                came = self._made.get(timeout=max(deadline - time.monotonic(), 0.0))
            except queue.Empty:
                break
            made += self._taken([came])
        return made

    def _taken(self, came: Sequence[Made]) -> list[Outcome]:
        """The outcomes; the first has all that was counted since the last call.

        Leases overlap, so none can tell its own share.
        """
        self._places += len(came)
        now, before = counted(self._backend), self._counted
        self._counted = now or before
        counts, none = difference(now, before), difference(now, now)
        return [one(none if place else counts) for place, one in enumerate(came)]

    def close(self) -> None:
        """Let idle threads end; busy ones end with the process."""
        for _ in range(self._threads):
            self._tasks.put(None)


class ThreadWorkers(_OverlappingWorkers):
    """Several leases at once in `generate`, each on a thread that does not outlive the process."""

    def submit(self, lease: Lease) -> None:
        """Hand the lease to a thread."""
        self._places -= 1
        self._hand_out(lease, self._backend.leases)

    def _do(self, lease: Lease) -> None:
        """Answer a lease; the thread lives on, as somebody waits for it."""
        try:
            made = outcome(self._backend, lease, lambda: self._backend.prepare(lease.requests))
        except BaseException as error:  # noqa: BLE001 - a backend that leaves ends no process here
            made = _left(lease, error)
        self._made.put(lambda counts: replace(made, counts=counts))


class LoopWorkers(_OverlappingWorkers):
    """Several leases at once on a backend's event loop; threads do no more than read pictures."""

    def __init__(self, backend: Backend) -> None:
        """Answer with a backend that has `answer_soon`."""
        super().__init__(backend)
        self._out: set[Future[Sequence[Prediction]]] = set()
        self._closed = False

    def takes(self, lease: Lease) -> bool:
        """Whether a place is free for it."""
        ahead = self._all > self._backend.leases
        return self._places > (self._all // 2 if ahead and _shows(lease) else 0)

    def submit(self, lease: Lease) -> None:
        """Begin to answer a lease; one with pictures when a thread has read them."""
        self._places -= 1
        if _shows(lease):
            self._hand_out(lease, min(PREPARING, self._backend.leases))
        else:
            self._do(lease)

    def _do(self, lease: Lease) -> None:
        begun = prepared = time.perf_counter()
        try:
            data = self._backend.prepare(lease.requests)
            prepared = time.perf_counter()
            future = self._backend.answer_soon(lease.requests, data)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            future = Future()
            future.set_exception(error)
        self._out.add(future)
        if self._closed:
            future.cancel()

        def came(_: Future[Sequence[Prediction]]) -> None:
            self._out.discard(future)
            waited, worked = prepared - begun, time.perf_counter() - prepared
            self._made.put(
                lambda counts: replace(
                    self._outcome(lease, future),
                    waiting_seconds=waited,
                    model_seconds=worked,
                    counts=counts,
                )
            )

        future.add_done_callback(came)

    def wait(self) -> Sequence[Outcome]:
        """All outcomes that are there, at least one; of many those that come soon, too."""
        if len(self._out) >= MANY:
            time.sleep(TOGETHER)
        return super().wait()

    def _taken(self, came: Sequence[Made]) -> list[Outcome]:
        """The outcomes; once one is an answer, more is handed out."""
        made = super()._taken(came)
        if MANY <= self._all == self._backend.leases and any(map(_is_answered, made)):
            self._all *= 3
            self._places += self._all - self._backend.leases
        return made

    def _outcome(self, lease: Lease, future: Future[Sequence[Prediction]]) -> Outcome:
        error = None if future.cancelled() else future.exception()
        if error is not None and not isinstance(error, Exception):
            return _left(lease, error)
        return settled(self._backend, lease, future.result)

    def close(self) -> None:
        """Cancel what is out, and let the threads end."""
        self._closed = True
        for future in tuple(self._out):
            future.cancel()
        super().close()


def _is_answered(made: Outcome) -> bool:
    """Whether one of its samples has an answer."""
    return any(prediction.failure is None for prediction in made.predictions or ())


def _shows(lease: Lease) -> bool:
    """Whether it shows pictures."""
    return any(request.images for request in lease.requests)


def _left(lease: Lease, error: BaseException) -> Outcome:
    message = f"The backend ended itself: {type(error).__name__}: {error}."
    return Outcome(lease=lease, fatal=BackendError(message))
