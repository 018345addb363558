"""Workers without processes of their own: one backend, in this process.

The model runs on the thread that waits; the next leases are prepared on other threads meanwhile. A
backend whose work is done elsewhere (a server) holds several leases at once, each on a thread.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from evalkit.backends.interface import Backend
from evalkit.errors import BackendError
from evalkit.runner.answering import counted, difference, outcome
from evalkit.runner.workers import Crew, Lease, Outcome, Workers, crew_of

AHEAD = 2
"""Leases that are prepared while the model runs; what waits in memory is bounded by it."""


def workers_of(backend: Backend) -> Workers:
    """The workers that fit a backend in this process."""
    return ThreadWorkers(backend) if backend.leases > 1 else InlineWorkers(backend)


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


class ThreadWorkers(_OneBackend):
    """Several leases at once in `generate`, each on a thread that does not outlive the process."""

    def __init__(self, backend: Backend) -> None:
        """Answer with a backend whose `generate` may be called by several threads."""
        super().__init__(backend)
        self._places = backend.leases
        self._made: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._tasks: queue.SimpleQueue[Lease | None] = queue.SimpleQueue()
        self._threads = 0
        self._counted = counted(backend)

    def crew(self) -> Crew:
        """What the backend says of itself, and how many leases overlap."""
        return replace(super().crew(), leases=self._backend.leases)

    def takes(self, lease: Lease) -> bool:  # noqa: ARG002 - one place is as good as another
        """Whether a place is free."""
        return self._places > 0

    def submit(self, lease: Lease) -> None:
        """Hand the lease to a thread; as many are started as are needed."""
        self._places -= 1
        if self._threads < self._backend.leases:
            self._threads += 1
            threading.Thread(target=self._answer, daemon=True).start()
        self._tasks.put(lease)

    def _answer(self) -> None:
        while (lease := self._tasks.get()) is not None:
            self._made.put(self._outcome(lease))

    def _outcome(self, lease: Lease) -> Outcome:
        """What the backend makes of a lease; the thread lives on, as somebody waits for it."""
        try:
            return outcome(self._backend, lease, lambda: self._backend.prepare(lease.requests))
        except BaseException as error:  # noqa: BLE001 - a backend that leaves ends no process here
            message = f"The backend ended itself: {type(error).__name__}: {error}."
            return Outcome(lease=lease, fatal=BackendError(message))

    def wait(self) -> Sequence[Outcome]:
        """All outcomes that are there, at least one."""
        made = [self._made.get()]
        while not self._made.empty():
            made.append(self._made.get())
        self._places += len(made)
        return [replace(one, counts=self._counts()) for one in made]

    def rest(self, seconds: float) -> Sequence[Outcome]:
        """What the server answers of the leases that are out."""
        deadline = time.monotonic() + seconds
        made: list[Outcome] = []
        while self._places < self._backend.leases:
            try:
                came = self._made.get(timeout=max(deadline - time.monotonic(), 0.0))
            except queue.Empty:
                break
            self._places += 1
            made.append(replace(came, counts=self._counts()))
        return made

    def _counts(self) -> dict[str, float]:
        """What was counted since the last call: leases overlap, so none can tell its own share."""
        now, before = counted(self._backend), self._counted
        self._counted = now or before
        return difference(now, before)

    def close(self) -> None:
        """Let idle threads end; busy ones end with the process."""
        for _ in range(self._threads):
            self._tasks.put(None)
