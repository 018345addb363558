"""Workers of Ray: one actor for each device or group of devices, on one machine or on a cluster.

Requests travel to the actors and predictions back; the driver alone writes. There are no
collectives: an actor knows of no other. One that dies is replaced, and one that the cluster has no
room for yet is not waited for, so that nodes may come and go. One that cannot load the model where
it is, while others can, is let go.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from evalkit.backends.interface import Backend, BackendOptions
from evalkit.errors import BackendError, EvalkitError
from evalkit.run_record import RunConfig
from evalkit.runner import ray_cluster
from evalkit.runner.answering import encodable, outcome
from evalkit.runner.workers import Crew, Lease, Outcome, Workers, crew_of

LOADS = 3
"""How often in a row actors may die while they load before the run stops."""

ROOM = 600.0
"""Seconds for which a run waits while no actor has a place on any node."""

PATROL = 20.0
"""Seconds between looks at whether there is an actor anywhere."""

OUT_AT_ONCE = 2
"""Leases that an actor has, if it prepares: one is answered, the next is prepared meanwhile."""


class Actor:
    """A backend in a process of its own, as Ray makes it."""

    def __init__(self, backend: type[Backend], options: BackendOptions) -> None:
        """Take what to load; loading is for `crew`, so that `place` can tell of it meanwhile."""
        self._model = threading.Lock()
        self._made = backend, options

    def crew(self) -> tuple[str, Crew | None]:
        """Load the backend: why it could not be loaded, or what is known of it."""
        backend, options = self._made
        try:
            self._backend = backend.load(options)
        except EvalkitError as error:
            return str(error), None
        except Exception as error:  # noqa: BLE001 - the boundary at which loading becomes a sentence
            name = type(error).__name__
            return f"The model {options.spec!r} cannot be loaded: {name}: {error}.", None
        return "", crew_of(self._backend)

    def answer(self, lease: Lease) -> Outcome:
        """What the backend makes of a lease; while another one waits, it is prepared."""
        try:
            ready = self._backend.prepare(lease.requests)
        except Exception as error:  # noqa: BLE001 - a backend's error is an outcome
            ready = error
        with self._model:
            return outcome(self._backend, lease, lambda: _raised(ready))

    def peaks(self) -> dict[str, float]:
        """Peak memory in MiB."""
        from evalkit.runner.memory import accelerator_peak, memory_peak

        found = {"worker": memory_peak(), "accelerator": accelerator_peak()}
        return {name: peak for name, peak in found.items() if peak}

    def place(self) -> str:
        """The node that it runs on."""
        import ray

        return str(ray.get_runtime_context().get_node_id())


def _raised(ready: Any) -> Any:
    if isinstance(ready, Exception):
        raise ready
    return ready


@dataclass(slots=True)
class _Worker:
    """An actor as the driver sees it."""

    handle: Any
    starting: Any
    placed: Any
    crew: Crew | None = None
    out: dict[Any, Lease] = field(default_factory=dict)

    def is_placed(self) -> bool:
        """Whether it runs on some node; it may still be loading."""
        import ray

        return bool(ray.wait([self.placed], timeout=0)[0])

    @property
    def has_suspect(self) -> bool:
        return any(lease.suspect for lease in self.out.values())


class RayWorkers(Workers):
    """Actors of Ray behind the interface of workers."""

    def __init__(self, backend: type[Backend], options: BackendOptions, config: RunConfig) -> None:
        """Start Ray, or join a cluster, and ask for actors.

        Raises:
            BackendError: Ray cannot be started, the cluster cannot be joined, or it has no room.
                Ray is down again then.
        """
        import ray

        ray_cluster.join(config.ray_address, config.workers)
        try:
            self._ask_for_actors(backend, options, config)
        except BaseException:
            ray.shutdown()
            raise

    def _ask_for_actors(
        self, backend: type[Backend], options: BackendOptions, config: RunConfig
    ) -> None:
        self._gpus = ray_cluster.accelerators(config)
        ray_cluster.check_room(self._gpus)
        several = self._gpus > 1 and "device_map" not in options.options
        spread = {**options.options, "device_map": "auto"} if several else options.options
        self._made = backend, replace(options, options=spread)
        self._failed_loads = 0
        self._nowhere_since: float | None = None
        self._crew: Crew | None = None
        self._workers = [self._start() for _ in range(config.workers)]

    def _start(self) -> _Worker:
        import ray

        actor = ray.remote(
            num_cpus=0,
            num_gpus=self._gpus,
            max_concurrency=OUT_AT_ONCE,
            max_restarts=0,
            scheduling_strategy="SPREAD",
        )(Actor)
        handle = actor.remote(*self._made)
        return _Worker(handle, handle.crew.remote(), handle.place.remote())

    def crew(self) -> Crew:
        """What the first actor says of itself; others must say the same."""
        while self._crew is None:
            self._settle([worker.starting for worker in self._workers if worker.crew is None])
        return self._crew

    def ready(self) -> None:
        """Wait until every actor has loaded; `crew` waits for the first alone.

        Raises:
            BackendError: As `crew`.
        """
        while starting := [worker.starting for worker in self._workers if worker.crew is None]:
            self._settle(starting)

    def takes(self, lease: Lease) -> bool:
        """Whether an actor is there that may have the lease."""
        return self._place(lease) is not None

    def submit(self, lease: Lease) -> None:
        """Send the lease to the actor with the fewest."""
        worker = self._place(lease)
        assert worker is not None  # noqa: S101  `takes` said so
        worker.out[worker.handle.answer.remote(lease)] = lease

    def _place(self, lease: Lease) -> _Worker | None:
        ahead = self._crew is not None and self._crew.prepares
        most = OUT_AT_ONCE if ahead and not lease.suspect else 1
        free = [w for w in self._workers if w.crew and len(w.out) < most and not w.has_suspect]
        return min(free, key=lambda worker: len(worker.out), default=None)

    def wait(self) -> Sequence[Outcome]:
        """All outcomes that are there; none where an actor has only begun to take leases."""
        starting = [worker.starting for worker in self._workers if worker.crew is None]
        return self._settle([ref for worker in self._workers for ref in worker.out] + starting)

    def _settle(self, references: list[Any]) -> list[Outcome]:
        """Wait for something to happen, and take it in."""
        import ray

        while not (done := ray.wait(references, num_returns=1, timeout=PATROL)[0]):
            self._check_place()
        more, _ = ray.wait(references, num_returns=len(references), timeout=0)
        made: list[Outcome] = []
        for reference in dict.fromkeys([*done, *more]):
            worker = next(
                (w for w in self._workers if reference in w.out or reference is w.starting), None
            )
            if worker is not None:  # else it died with another lease a moment ago
                made += self._taken(worker, reference)
        return made

    def _check_place(self) -> None:
        """Refuse to wait for ever for nodes that do not come."""
        if any(worker.crew or worker.is_placed() for worker in self._workers):
            self._nowhere_since = None
            return
        now = time.monotonic()
        self._nowhere_since = self._nowhere_since or now
        if now - self._nowhere_since >= ROOM:
            message = (
                f"No node of the Ray cluster has had a place for a worker for {ROOM:.0f} seconds. "
                "What was finished is on disk: the same command goes on from there."
            )
            raise BackendError(message)

    def _taken(self, worker: _Worker, reference: Any) -> list[Outcome]:
        import ray
        from ray.exceptions import RayActorError, RayError, RayTaskError

        try:
            result = ray.get(reference)
        except RayActorError:
            return self._died(worker)
        except RayTaskError as error:
            text = encodable(f"{type(error).__name__}: {str(error).splitlines()[-1]}")
            if reference is worker.starting:
                self._let_go(worker, text)
                return []
            return [Outcome(lease=worker.out.pop(reference), error=text)]
        except RayError:  # its node is gone, and with it what it had answered
            return self._died(worker)
        if reference is worker.starting:
            self._started(worker, *result)
            return []
        worker.out.pop(reference)
        return [result]

    def _started(self, worker: _Worker, error: str, crew: Crew | None) -> None:
        if crew is None:
            self._let_go(worker, error)
            return
        self._failed_loads = 0
        if self._crew is None:
            self._crew = replace(crew, size=len(self._workers))
        elif (crew.identity, crew.preprocessing) != (
            self._crew.identity,
            self._crew.preprocessing,
        ):
            message = (
                f"Two workers loaded different models for {crew.identity.spec!r}: "
                f"{self._crew.identity} and {crew.identity}. Give every node the same files."
            )
            raise BackendError(message)
        worker.crew = crew

    def _let_go(self, worker: _Worker, why: str) -> None:
        """Go on without an actor that cannot load the model, where others have, or still may."""
        others = [other for other in self._workers if other is not worker]
        if not any(other.crew or other.is_placed() for other in others):
            raise BackendError(why)
        self._end(worker)
        self._workers.remove(worker)

    def _end(self, worker: _Worker) -> None:
        import ray
        from ray.exceptions import RayError

        with suppress(RayError):  # one that merely cannot be reached must not keep its accelerator
            ray.kill(worker.handle)

    def _died(self, worker: _Worker) -> list[Outcome]:
        """Replace an actor; its leases come back."""
        if worker.crew is None:
            self._failed_loads += 1
            if self._failed_loads >= LOADS:
                self._failed_loads = 0
                message = (
                    f"{LOADS} workers in a row died while they loaded the model "
                    f"{self._made[1].spec!r}; is there memory for it?"
                )
                self._let_go(worker, message)
                return []
        self._end(worker)
        self._workers[self._workers.index(worker)] = self._start()
        how = "the worker that had it died (killed, or a crash in native code)"
        return [Outcome(lease=lease, died=how) for lease in worker.out.values()]

    def peaks(self) -> Mapping[str, float]:
        """The largest of all actors that answer within seconds."""
        import ray

        asked = [w.handle.peaks.remote() for w in self._workers if w.crew]
        done, _ = ray.wait(asked, num_returns=len(asked), timeout=5) if asked else ([], [])
        found: dict[str, float] = {}
        for reference in done:
            try:
                own = ray.get(reference)
            except ray.exceptions.RayError:
                continue
            found = {name: max(peak, found.get(name, 0.0)) for name, peak in own.items()}
        return found

    def close(self) -> None:
        """End the actors, and Ray where it was started here."""
        import ray

        for worker in self._workers:
            ray.kill(worker.handle)
        ray.shutdown()
