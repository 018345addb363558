"""How far a run is: counts, speed and the running headline, for whoever watches."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.records import Prediction, Sample, SampleScore
from evalkit.score import score_predictions, total
from evalkit.task import Task

HEADLINE_SHARE = 0.02
"""Share of the time that computing the running headline may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskProgress:
    """How far one task is.

    Attributes:
        task: Its name.
        total: Samples to ask.
        done: Samples with a prediction, those of earlier sessions included.
        failed: Those of them that failed.
        per_second: Samples per second of this session.
        headline: The headline metrics over whole groups so far; empty until there is one.
    """

    task: str
    total: int
    done: int
    failed: int
    per_second: float
    headline: Mapping[str, float] = field(default_factory=dict)


class Observer:
    """Who watches a run; this one sees nothing. The command line's draws and prints."""

    def note(self, text: str) -> None:
        """One sentence that a person should see."""

    def started(self, tasks: Sequence[TaskProgress]) -> None:
        """Generation begins; what is done is from earlier sessions."""

    def progressed(self, task: TaskProgress) -> None:
        """A batch of this task is on disk."""

    def done(self) -> None:
        """Generation ended."""

    def judged(self, task: str, done: int, total: int) -> None:
        """So many of a task's verdicts are there; said before each wave of questions."""

    def stored(self, folder: Path) -> None:
        """The record and all that belongs to it stand in this folder."""


class Progress:
    """Turns batches of predictions into `TaskProgress`, and tells an observer."""

    def __init__(
        self, tasks: Mapping[str, tuple[Task, Sequence[Sample]]], observer: Observer
    ) -> None:
        """Watch the given tasks with their samples."""
        self._running = {name: _Running(task, samples) for name, (task, samples) in tasks.items()}
        self._observer = observer
        self._last_event = 0.0

    def start(self, known: Mapping[str, Mapping[str, Prediction]]) -> None:
        """Take in what earlier sessions made."""
        for name, predictions in known.items():
            self._running[name].add(tuple(predictions.values()), seconds=None)
        self._last_event = time.perf_counter()
        self._observer.started([running.state() for running in self._running.values()])

    def predicted(self, task: str, predictions: Sequence[Prediction]) -> None:
        """Take in a batch."""
        running = self._running[task]
        now = time.perf_counter()
        running.add(predictions, seconds=now - self._last_event)
        self._last_event = now
        self._observer.progressed(running.state())


class _Running:
    def __init__(self, task: Task, samples: Sequence[Sample]) -> None:
        self._task = task
        self._samples = {sample.id: sample for sample in samples}
        self._sizes = Counter(_unit(sample) for sample in samples)
        self._scores: dict[str, SampleScore] = {}
        self._failed = 0
        self._clock = 0.0
        self._this_session = 0
        self._headline: Mapping[str, float] = {}
        self._headline_seconds = 0.0

    def add(self, predictions: Sequence[Prediction], *, seconds: float | None) -> None:
        """Score predictions; `seconds` is what they took, None for those of earlier sessions."""
        found = {p.sample_id: p for p in predictions if p.sample_id in self._samples}
        samples = [self._samples[sample_id] for sample_id in found]
        for score in score_predictions(self._task, samples, found):
            before = self._scores.get(score.sample_id)
            self._failed += score.failed - (before.failed if before else 0)
            self._scores[score.sample_id] = score
        if seconds is not None:
            self._this_session += len(found)
            self._clock += seconds

    def state(self) -> TaskProgress:
        return TaskProgress(
            task=self._task.name,
            total=len(self._samples),
            done=len(self._scores),
            failed=self._failed,
            per_second=self._this_session / self._clock if self._clock else 0.0,
            headline=self._current_headline(),
        )

    def _current_headline(self) -> Mapping[str, float]:
        """The headline, computed anew only when that takes a small share of the time."""
        whole_task = len(self._scores) == len(self._samples)
        if not whole_task and self._headline_seconds > HEADLINE_SHARE * self._clock:
            return self._headline
        begun = time.perf_counter()
        whole = self._whole_groups()
        metrics = [m for m in self._task.metrics if m.name in self._task.headline]
        values = (
            {metric.name: total(self._task, metric, whole) for metric in metrics} if whole else {}
        )
        self._headline = {name: v for name, v in values.items() if not math.isnan(v)}
        self._headline_seconds += time.perf_counter() - begun
        return self._headline

    def _whole_groups(self) -> list[SampleScore]:
        done = Counter(_unit(self._samples[sample_id]) for sample_id in self._scores)
        return [
            score
            for sample_id, score in self._scores.items()
            if done[unit := _unit(self._samples[sample_id])] == self._sizes[unit]
        ]


def _unit(sample: Sample) -> str:
    return sample.group if sample.group is not None else f"\0{sample.id}"
