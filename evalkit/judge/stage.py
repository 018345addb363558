"""The judging of a run's tasks: a rubric, an asker and a journal of replies for each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from evalkit.judge.asking import Asker, Progress
from evalkit.judge.cache import VerdictCache
from evalkit.judge.design import place_of
from evalkit.judge.order import (
    JudgeOrder,
    cache_of,
    judge_workers,
    price_of,
    rubric_of,
    share_of,
    spec_of,
)
from evalkit.judge.purse import Purse
from evalkit.judge.receipts import Receipts
from evalkit.judge.recorded import Settled, recording_of, settled
from evalkit.judge.result import Judged, fingerprint_of, report_of
from evalkit.judge.units import units_of
from evalkit.records import Prediction, Sample
from evalkit.rubric import Rubric
from evalkit.task import Task

DIGITS = 8
"""Digits of a SHA-256 that a journal's name holds, of each of two."""


class JudgeStage:
    """A judge at work in one run folder; a context manager."""

    def __init__(self, order: JudgeOrder, folder: Path, tasks: Sequence[Task]) -> None:
        """Load the judge.

        Args:
            order: Which judge, and how it is asked.
            folder: The run's folder; replies are kept under `judge/`.
            tasks: Those that need a judge.

        Raises:
            EvalkitError: The judge, a rubric or the cache cannot be had.
        """
        self._order, self._folder = order, folder / "judge"
        self._rubrics = {task.name: rubric_of(task, order) for task in tasks}
        self._askers: dict[str, tuple[Asker, Receipts]] = {}
        self._undo, self._loaded = ExitStack(), ExitStack()
        with ExitStack() as undo:
            self._price = price_of(order)
            price = self._price and self._price[0]
            self._purse = Purse(order.budget, price, share_of(order))
            undo.callback(self.abandon)
            spec = spec_of(order)
            self._recording = recording_of(spec.name) if spec.backend == "replay" else None
            self._workers = self._loaded.enter_context(
                judge_workers(order, self._folder, self._purse)
            )
            self._count_paid()
            known = cache_of(order)
            self._cache = known and undo.enter_context(VerdictCache(known))
            self._undo = undo.pop_all()

    def __enter__(self) -> Self:
        """The stage itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the judge, its journals and the cache."""
        self._undo.close()

    def stop(self) -> None:
        """Ask nothing more, whichever thread is asking; what is out may still come."""
        self._purse.stopped = True

    def abandon(self) -> None:
        """Give up what is out, and close the judge."""
        self._loaded.close()

    def judge(
        self,
        task: Task,
        samples: Sequence[Sample],
        predictions: Mapping[str, Prediction],
        progress: Progress | None = None,
    ) -> Judged:
        """Verdicts on all answers of a task.

        Raises:
            BackendError: The judge cannot be asked any more; what it said is kept.
            UsageError: Recorded verdicts are not what the rubric reads.
        """
        rubric = self._rubrics[task.name]
        asker, journal = self._asker(task, rubric)
        swap = self._order.swap and rubric.pairwise
        units = units_of(samples, predictions, self._order.votes, swap=swap)
        known = self._recording and settled(self._recording, rubric, units)
        known = known or Settled(failed={}, notes=())
        verdicts = asker.verdicts(units, self._purse, progress, settled=known.failed)
        identity = self._workers.crew().identity
        return Judged(
            verdicts=tuple(verdicts),
            report=report_of(
                self._order,
                rubric,
                units,
                verdicts,
                paid=journal.paid,
                price=self._price,
                notes=(*known.notes, *asker.notes()),
            ),
            fingerprint=fingerprint_of(self._order, identity, rubric, verdicts),
        )

    def _count_paid(self) -> None:
        """Count all that this judge has cost in this run, whatever it was asked.

        Raises:
            StoreError: A journal of its replies is damaged.
        """
        if self._order.budget is None:
            return
        for path in sorted(self._folder.glob(f"*-{self._judge()}{'?' * DIGITS}.jsonl")):
            with Receipts(path) as journal:
                self._purse.paid(journal.paid)

    def _judge(self) -> str:
        """A digest of what has one price: the judge's name, wherever it is served."""
        identity = self._workers.crew().identity
        return _digest(f"{identity.backend} {identity.name}")

    def _asker(self, task: Task, rubric: Rubric) -> tuple[Asker, Receipts]:
        """One for a task; its journal's name holds digests of judge, and of rubric and server."""
        if task.name not in self._askers:
            identity = self._workers.crew().identity
            place = place_of(self._order, identity)
            who = f"{identity.backend} {identity.name} {identity.digest} {identity.revision}"
            about = f"{who} {rubric.digest} {place}"
            name = f"{task.file_stem}-{self._judge()}{_digest(about)}.jsonl"
            journal = self._undo.enter_context(Receipts(self._folder / name))
            cache = self._cache or None
            asker = Asker(task.name, rubric, self._workers, journal, cache=cache, place=place)
            self._askers[task.name] = asker, journal
        return self._askers[task.name]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
