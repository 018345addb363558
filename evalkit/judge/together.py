"""Workers whose replies are handed on together: one write for all that came at the same time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evalkit.runner.workers import Crew, Lease, Outcome, Workers


class Together(Workers):
    """Other workers; replies that came at the same time are one outcome."""

    def __init__(self, workers: Workers) -> None:
        """Stand before other workers, which are not closed from here."""
        self._workers = workers

    def crew(self) -> Crew:
        """What is known of the workers."""
        return self._workers.crew()

    def takes(self, lease: Lease) -> bool:
        """Whether the lease can be submitted now."""
        return self._workers.takes(lease)

    def submit(self, lease: Lease) -> None:
        """Hand out a lease."""
        self._workers.submit(lease)

    def wait(self) -> Sequence[Outcome]:
        """Outcomes; the first holds all predictions, those of other leases hold none."""
        return _together(self._workers.wait())

    def rest(self, seconds: float) -> Sequence[Outcome]:
        """The outcomes of leases that are out, as `wait`."""
        return _together(self._workers.rest(seconds))

    def peaks(self) -> Mapping[str, float]:
        """Peak memory by name."""
        return self._workers.peaks()

    def close(self) -> None:
        """Nothing: whoever made the workers closes them."""


def _together(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    made = [one for outcome in outcomes for one in outcome.predictions or ()]
    emptied = [o if o.predictions is None else replace(o, predictions=()) for o in outcomes]
    for place, outcome in enumerate(outcomes):
        if outcome.predictions is not None:
            return [replace(emptied.pop(place), predictions=made), *emptied]
    return emptied
