"""When a run is to stop: nothing works any more, and every further sample would fail, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from evalkit.errors import BackendError
from evalkit.records import HOPELESS, UNASKED, Failure, Prediction
from evalkit.runner.journal import Journal
from evalkit.runner.plan import PROBE, Bundle

PATIENCE = 24
"""Samples that may fail in a row before the run stops; at a task's start it is `plan.PROBE`."""

OUTAGE = frozenset(
    {
        *("backend", "worker_died", "server", "timeout", "rate_limited", "connection"),
        *("forbidden", "not_found"),
    }
)
"""Kinds of failures that end no row in mid-run: once samples were answered, others are theirs."""

OWN = frozenset(
    {
        *("image_unreadable", "out_of_memory", "content_filter", "unsupported", "empty"),
        *("unrecorded", UNASKED),
    }
)
"""Kinds of failures that are a sample's own even at a task's start."""


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
        self._known = {task: own.predictions.failed() for task, own in journals.items()}
        self._in_a_row = 0

    def note(self, task: str, predictions: Sequence[Prediction]) -> None:
        """Count failures.

        Raises:
            BackendError: They are too many, or one of them says that all others will fail too.
        """
        for failure in (made.failure for made in predictions):
            if failure and failure.kind in HOPELESS:
                raise BackendError(_hopeless(failure))
        known = self._known[task]
        new = [p.failure for p in predictions if p.failure and p.sample_id not in known]
        self._note_start(task, predictions, new)
        if any(p.failure is None or p.failure.kind not in OUTAGE for p in predictions):
            self._in_a_row = 0
            return
        self._in_a_row += len(new)
        if self._in_a_row >= PATIENCE and new:
            raise BackendError(_gave_up(new[-1]))

    def _note_start(
        self, task: str, predictions: Sequence[Prediction], new: Sequence[Failure]
    ) -> None:
        """Count whatever may be the task's fault; one answer says that it is none."""
        if any(made.failure is None for made in predictions):
            self._at_start.pop(task, None)
        shared = [failure for failure in new if failure.kind not in OWN]
        if task in self._at_start and shared:
            self._at_start[task] -= len(shared)
            if self._at_start[task] <= 0:
                raise BackendError(_broken_start(task, shared[-1]))


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
