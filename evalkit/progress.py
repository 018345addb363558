"""How far a run is: counts, speed and the running headline, for whoever watches."""

from __future__ import annotations

import math
import time
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path

from evalkit.numbering import Numbering
from evalkit.records import Prediction, Sample, SampleScore
from evalkit.score import scored, total
from evalkit.spool import Lazy, Spool
from evalkit.task import Task

HEADLINE_SHARE = 0.02
"""Share of the time that computing the running headline may take."""

_NONE = -1
"""In the place of a score's number: the sample has none."""


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


Watched = tuple[Task, Sequence[Sample], Numbering]
"""A task, its samples, and where each stands among them, by its id."""


class Progress:
    """Turns batches of predictions into `TaskProgress`, and tells an observer."""

    def __init__(self, tasks: Mapping[str, Watched], observer: Observer) -> None:
        """Watch the given tasks with their samples."""
        self._running = {name: _Running(*watched) for name, watched in tasks.items()}
        self._observer = observer
        self._last_event = 0.0

    def start(self, known: Mapping[str, Mapping[str, Prediction]]) -> None:
        """Take in what earlier sessions made."""
        for name, predictions in known.items():
            self._running[name].add(predictions.values(), seconds=None)
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
    """One task's scores so far, on disk."""

    def __init__(self, task: Task, samples: Sequence[Sample], places: Numbering) -> None:
        self._task = task
        self._samples = samples
        self._places = places
        groups = (sample.group for sample in samples if sample.group is not None)
        self._sizes = Counter(groups)
        self._scores = Spool(SampleScore)
        self._latest = array("q", [_NONE]) * len(samples)
        self._done = 0
        self._failed = 0
        self._clock = 0.0
        self._this_session = 0
        self._headline: Mapping[str, float] = {}
        self._headline_seconds = 0.0

    def add(self, predictions: Iterable[Prediction], *, seconds: float | None) -> None:
        """Score predictions; `seconds` is what they took, None for those of earlier sessions."""
        for made in predictions:
            place = self._places.get(made.sample_id)
            if place is None:
                continue
            self._forget(place)
            score = scored(self._task, self._samples[place], made.text)
            self._latest[place] = len(self._scores)
            self._scores.append(score)
            self._done += 1
            self._failed += score.failed
            self._this_session += seconds is not None
        self._clock += seconds or 0.0

    def _forget(self, place: int) -> None:
        """A sample that failed may be asked again."""
        if (number := self._latest[place]) != _NONE:
            self._done -= 1
            self._failed -= self._scores[number].failed

    def state(self) -> TaskProgress:
        return TaskProgress(
            task=self._task.name,
            total=len(self._samples),
            done=self._done,
            failed=self._failed,
            per_second=self._this_session / self._clock if self._clock else 0.0,
            headline=self._current_headline(),
        )

    def _current_headline(self) -> Mapping[str, float]:
        """The headline, computed anew only when that takes a small share of the time."""
        whole_task = self._done == len(self._samples)
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

    def _whole_groups(self) -> Sequence[SampleScore]:
        """The scores of samples whose whole group is scored, in the samples' order."""
        numbers = array("q", (number for number in self._latest if number != _NONE))
        found = Lazy(numbers, self._scores.__getitem__)
        if not self._sizes:
            return found
        done = Counter(score.group for score in found)
        whole = [s.group is None or done[s.group] == self._sizes[s.group] for s in found]
        return Lazy(array("q", compress(numbers, whole)), self._scores.__getitem__)
