"""When a run is to stop: nothing works any more, and every further sample would fail, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from evalkit.errors import BackendError
from evalkit.records import HOPELESS, Failure, Prediction
from evalkit.runner.journal import Journal
from evalkit.runner.plan import PROBE, Bundle

PATIENCE = 24
"""Samples that may fail in a row before the run stops; at a task's start it is `plan.PROBE`."""

OUTAGE = frozenset({"backend", "worker_died", "server", "timeout", "rate_limited", "connection"})
"""Kinds of failures that other samples may well share; others are a sample's own."""


class Health:
    """Sees when nothing works any more: at a task's start, or many samples in a row.

    Samples that failed in an earlier session are not counted: they may well fail again.
    """

    def __init__(self, bundles: Sequence[Bundle], journals: Mapping[str, Journal]) -> None:
        """Watch over the bundles of a run."""
        totals = Counter[str]()
        for bundle in bundles:
            totals[bundle.task] += len(bundle.requests)
        fresh = {task: total for task, total in totals.items() if not journals[task].any_done()}
        self._at_start = {task: min(PROBE, total) for task, total in fresh.items()}
        self._known = {task: frozenset(own.predictions) for task, own in journals.items()}
        self._in_a_row = 0

    def note(self, task: str, predictions: Sequence[Prediction]) -> None:
        """Count failures.

        Raises:
            BackendError: They are too many, or one of them says that all others will fail too.
        """
        for failure in (made.failure for made in predictions):
            if failure and failure.kind in HOPELESS:
                raise BackendError(_hopeless(failure))
        failures = [p for p in predictions if p.failure and p.failure.kind in OUTAGE]
        if len(failures) < len(predictions):
            self._at_start.pop(task, None)
            self._in_a_row = 0
            return
        known = self._known[task]
        new = [p.failure for p in failures if p.failure and p.sample_id not in known]
        self._in_a_row += len(new)
        if task in self._at_start and new:
            self._at_start[task] -= len(new)
            if self._at_start[task] <= 0:
                raise BackendError(_broken_start(task, new[-1]))
        if self._in_a_row >= PATIENCE and new:
            raise BackendError(_gave_up(new[-1]))


def _hopeless(failure: Failure) -> str:
    return (
        f"The run was stopped: {failure.message}. What was finished is on disk: mend the cause, "
        "and the same command goes on from there."
    )


def _broken_start(task: str, failure: Failure) -> str:
    return (
        f"The first samples of the task {task!r} all failed, so the run was stopped: "
        f"{failure.message}. Mend the cause and give the same command again."
    )


def _gave_up(failure: Failure) -> str:
    return (
        f"{PATIENCE} samples in a row failed, so the run was stopped; the last said: "
        f"{failure.message}. What was finished is on disk: the same command goes on from there."
    )
