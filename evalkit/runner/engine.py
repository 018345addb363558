"""Bundles -> predictions: leases go to workers, outcomes come back, the driver writes the journal.

Whatever goes wrong becomes a `Failure` of the samples that it went wrong for. A batch that raises
is asked again in halves, so that one poisonous sample costs one sample; one that is too large for
the memory, too, and its size is remembered. A lease whose worker died is leased again, then in
halves, until the sample is alone that kills whoever has it. Only when nothing works any more does
the run stop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from evalkit.errors import BackendError
from evalkit.records import Failure, Prediction
from evalkit.runner.health import Health
from evalkit.runner.journal import Journal
from evalkit.runner.plan import Bundle
from evalkit.runner.workers import Lease, Outcome, Workers

STRIKES = 2
"""Workers that may die with one sample before it is given up."""

GRACE = 30.0
"""Seconds that a run which stops waits for answers that are being paid for."""

OnPredictions = Callable[[str, Sequence[Prediction]], None]
"""Told of each batch of predictions after it is on disk: the task's name, and the predictions."""


def _never(_: str) -> bool:
    return False


class Watch:
    """Who measures; this one does not. Told of every outcome, and when it is written."""

    def came(self, outcome: Outcome) -> None:
        """An outcome is there."""

    def wrote(self, task: str, predictions: Sequence[Prediction]) -> None:
        """Predictions are on disk."""


def run(
    bundles: Sequence[Bundle],
    workers: Workers,
    journals: Mapping[str, Journal],
    on_predictions: OnPredictions,
    watch: Watch = Watch(),  # noqa: B008 - it holds nothing
    *,
    more: Iterable[Bundle] = (),
    enough: Callable[[], bool] = bool,
    settled: Callable[[str], bool] = _never,
) -> None:
    """Answer all requests that are not yet answered.

    Args:
        bundles: The plan, or its beginning: a task's first `plan.PROBE` bundles, where it has more.
        workers: Who answers.
        journals: One a task; each says what is done and takes what is made.
        on_predictions: Told of progress.
        watch: Told of outcomes, for telemetry.
        more: What follows the beginning, each bundle made when it is its turn; raises nothing.
        enough: Asked before each lease: once true, no more is handed out.
        settled: Asked of a task before each of its leases: once true, it needs no more answers.

    Raises:
        BackendError: Samples failed that show that all will, or there are no workers any more.
        UsageError: A user's file is wrong. What came, or comes within `GRACE`, is on disk by then.
    """
    queue, out = _Queue(chain(bundles, more), journals, settled), 0
    taken = _Taken(queue, Health(bundles, journals), journals, on_predictions, watch)
    while True:
        while (lease := None if enough() else queue.first()) and workers.takes(lease):
            workers.submit(queue.take())
            out += 1
        if lease is None and not out:
            return
        came = workers.wait()
        out -= len(came)
        if (trouble := taken.all_of(came)) is not None:
            taken.all_of(workers.rest(GRACE))  # what goes wrong now is no news
            raise trouble


@dataclass(frozen=True, slots=True)
class _Taken:
    """What is done with outcomes: they are measured, put on disk, told of, and judged."""

    queue: _Queue
    health: Health
    journals: Mapping[str, Journal]
    on_predictions: OnPredictions
    watch: Watch

    def all_of(self, outcomes: Sequence[Outcome]) -> Exception | None:
        """Take in every outcome, then say the first error: what came beside it is paid for, too."""
        troubles = [self._one(outcome) for outcome in outcomes]
        return next((trouble for trouble in troubles if trouble is not None), None)

    def _one(self, outcome: Outcome) -> Exception | None:
        self.watch.came(outcome)
        if outcome.fatal is not None:
            return outcome.fatal
        task, predictions = outcome.lease.task, self.queue.settle(outcome)
        if predictions:
            self.journals[task].append(predictions)
            self.watch.wrote(task, predictions)
            self.on_predictions(task, predictions)
            try:
                self.health.note(task, predictions)
            except BackendError as error:
                return error
        return None


class _Queue:
    """Leases that are still to be handed out: what came back first, then the plan's."""

    def __init__(
        self,
        bundles: Iterable[Bundle],
        journals: Mapping[str, Journal],
        settled: Callable[[str], bool],
    ) -> None:
        self._back: deque[Lease] = deque()
        self._planned = _pending(bundles, journals)
        self._settled = settled
        self._most: int | None = None

    def first(self) -> Lease | None:
        """The next lease, cut to what fits into memory; None when there is none."""
        while self._back and self._settled(self._back[0].task):
            self._back.popleft()
        if not self._back:
            planned = next((one for one in self._planned if not self._settled(one.task)), None)
            if planned is None:
                return None
            self._back.append(planned)
        while self._most and self._back[0].cost > self._most and len(self._back[0].requests) > 1:
            self._back.extendleft(reversed(halves(self._back.popleft())))
        return self._back[0]

    def take(self) -> Lease:
        """The lease that `first` gave."""
        return self._back.popleft()

    def settle(self, outcome: Outcome) -> Sequence[Prediction]:
        """Predictions that are final; what must be asked again is queued before all else."""
        lease = outcome.lease
        if outcome.predictions is not None:
            return outcome.predictions
        if outcome.died is not None:
            return self._after_death(lease, outcome.died)
        if len(lease.requests) > 1:
            if outcome.out_of_memory:
                self._most = min(self._most or lease.cost, max(lease.cost // 2, 1))
            self._back.extendleft(reversed(halves(lease)))
            return ()
        kind = "out_of_memory" if outcome.out_of_memory else "backend"
        return [_failed(lease, kind, outcome.error or "")]

    def _after_death(self, lease: Lease, how: str) -> Sequence[Prediction]:
        """Again by itself, then in halves; a sample with which two workers died alone is lost."""
        if not lease.suspect:  # another lease may have been with that worker, and to blame
            self._back.appendleft(replace(lease, suspect=True))
        elif len(lease.requests) > 1:
            self._back.extendleft(reversed(halves(lease)))
        elif lease.strikes + 1 < STRIKES:
            self._back.appendleft(replace(lease, strikes=lease.strikes + 1))
        else:
            return [_failed(lease, "worker_died", how)]
        return ()


def _pending(bundles: Iterable[Bundle], journals: Mapping[str, Journal]) -> Iterator[Lease]:
    """What is not answered of each bundle, made when it is its turn."""
    for bundle in bundles:
        done = journals[bundle.task].is_done
        left = tuple(request for request in bundle.requests if not done(request.sample_id))
        if left:
            cost = bundle.cost * len(left) // len(bundle.requests)
            yield Lease(task=bundle.task, requests=left, cost=cost)


def halves(lease: Lease) -> list[Lease]:
    """A lease of several requests as two."""
    middle = len(lease.requests) // 2
    parts = lease.requests[:middle], lease.requests[middle:]
    count = len(lease.requests)
    return [replace(lease, requests=own, cost=lease.cost * len(own) // count) for own in parts]


def _failed(lease: Lease, kind: str, message: str) -> Prediction:
    failure = Failure(kind=kind, message=message)
    return Prediction(sample_id=lease.requests[0].sample_id, failure=failure)
