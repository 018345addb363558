"""Workers whose last replies can still be had after the asking was stopped: they are paid for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evalkit.records import HOPELESS, Prediction
from evalkit.runner.workers import Crew, Lease, Outcome, Workers


class Retrieving(Workers):
    """Other workers; knows which leases are out, and hands replies on together.

    Replies that came at the same time are one outcome, so that they are written in one go.
    """

    def __init__(self, workers: Workers) -> None:
        """Stand before other workers, which are not closed from here."""
        self._workers = workers
        self._out = 0
        self._hopeless = False

    def crew(self) -> Crew:
        """What is known of the workers."""
        return self._workers.crew()

    def takes(self, lease: Lease) -> bool:
        """Whether the lease can be submitted now."""
        return self._workers.takes(lease)

    def submit(self, lease: Lease) -> None:
        """Hand out a lease."""
        self._out += 1
        self._workers.submit(lease)

    def wait(self) -> Sequence[Outcome]:
        """Outcomes; the first holds all predictions, those of other leases hold none."""
        outcomes = self._workers.wait()
        self._out -= len(outcomes)
        made = [one for outcome in outcomes for one in outcome.predictions or ()]
        self._hopeless |= any(one.failure and one.failure.kind in HOPELESS for one in made)
        emptied = [o if o.predictions is None else replace(o, predictions=()) for o in outcomes]
        for place, outcome in enumerate(outcomes):
            if outcome.predictions is not None:
                return [replace(emptied.pop(place), predictions=made), *emptied]
        return emptied

    def rest(self) -> list[Prediction]:
        """Answers that are on their way after the asking was stopped.

        They are waited for only where the judge sends nothing more: a key that has expired lets
        what is out come back. From a server that is gone nothing may ever come.
        """
        found: list[Prediction] = []
        while self._hopeless and self._out:
            for outcome in self.wait():
                found += [made for made in outcome.predictions or () if made.failure is None]
        return found

    def peaks(self) -> Mapping[str, float]:
        """Peak memory by name."""
        return self._workers.peaks()
