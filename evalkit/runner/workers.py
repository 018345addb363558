"""Who answers bundles: leases go out, outcomes come back. What a set of workers is.

A lease is a bundle, or a part of one, that is out with one worker. Its outcome is predictions, an
error, or the death of the worker; what follows from that is the engine's business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evalkit.backends.interface import Backend, Capacity
from evalkit.records import Prediction, Request
from evalkit.run_record import ModelIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Requests that are out with one worker.

    Attributes:
        task: Whose they are.
        requests: At least one.
        cost: Estimated tokens to read and write.
        suspect: Whether a worker died that had it. From then on it is leased to a worker that has
            nothing else, so that the next death tells whose fault it is.
        strikes: How many workers died with it as a single sample, and alone.
    """

    task: str
    requests: tuple[Request, ...]
    cost: int
    suspect: bool = False
    strikes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a lease: one of predictions, error and death is there.

    Attributes:
        lease: The lease.
        predictions: One for each request, in order.
        error: What the backend raised, as "Type: text".
        out_of_memory: Whether that error says that a smaller batch may succeed.
        fatal: Whether the error is the user's, and stops the run.
        died: How the worker died.
        model_seconds: Time that the model took.
        waiting_seconds: Time that the worker waited for its data to be prepared.
        counts: What the backend counted meanwhile, by name.
    """

    lease: Lease
    predictions: Sequence[Prediction] | None = None
    error: str | None = None
    out_of_memory: bool = False
    fatal: Exception | None = None
    died: str | None = None
    model_seconds: float = 0.0
    waiting_seconds: float = 0.0
    counts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """What is known of workers before they answer.

    Attributes:
        identity: The model; the same for all.
        preprocessing: What happens to pictures; the same for all.
        capacity: What fits into a bundle.
        shares_prefixes: Whether requests about one picture are to stay together.
        note: How requests are answered, in one line.
        size: How many workers there are.
        prepares: Whether they do something for a bundle before the model is free.
        leases: Leases that each answers at once; more than one only where a server is asked.
    """

    identity: ModelIdentity
    preprocessing: Mapping[str, str]
    capacity: Capacity
    shares_prefixes: bool
    note: str
    size: int
    prepares: bool = False
    leases: int = 1


def crew_of(backend: Backend) -> Crew:
    """One worker with a loaded backend."""
    return Crew(
        identity=backend.identity(),
        preprocessing=backend.preprocessing(),
        capacity=backend.capacity(),
        shares_prefixes=backend.shares_prefixes,
        note=backend.note(),
        size=1,
        prepares=type(backend).prepare is not Backend.prepare,
    )


class Workers(ABC):
    """Workers behind one interface: this process, threads, or Ray's actors."""

    @abstractmethod
    def crew(self) -> Crew:
        """What is known of them; the first call waits until one is there.

        Raises:
            BackendError: They disagree, or none can be had.
        """

    @abstractmethod
    def takes(self, lease: Lease) -> bool:
        """Whether the lease can be submitted now."""

    @abstractmethod
    def submit(self, lease: Lease) -> None:
        """Hand out a lease that `takes` said yes to."""

    @abstractmethod
    def wait(self) -> Sequence[Outcome]:
        """Outcomes, when there are any; none when something else happened that lets `takes` differ.

        Called only while something is out, or while no worker takes what is next.
        """

    def rest(self, seconds: float) -> Sequence[Outcome]:  # noqa: ARG002 - workers may
        """Outcomes of what is out, before the run stops; none where nothing is being paid for.

        Args:
            seconds: How long it may take, in all.
        """
        return ()

    def peaks(self) -> Mapping[str, float]:
        """Peak memory in MiB by name ("worker", "accelerator"), the largest of all workers."""
        return {}

    def close(self) -> None:  # noqa: B027 - a hook that does nothing unless workers say otherwise
        """Let all workers go."""
