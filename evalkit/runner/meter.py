"""How fast a run is, and where its time goes: outcomes -> telemetry."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from evalkit.records import Prediction
from evalkit.runner.engine import Watch
from evalkit.runner.workers import Crew, Outcome
from evalkit.telemetry import TaskSpeed, Telemetry


@dataclass(slots=True)
class _Clock:
    samples: int = 0
    seconds: float = 0.0
    prompt_tokens: int = 0
    output_tokens: int = 0
    model: float = 0.0
    waiting: float = 0.0
    writing: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)


class Meter(Watch):
    """Adds up what the engine tells of a session."""

    def __init__(self, crew: Crew, clock: Callable[[], float] = time.perf_counter) -> None:
        """Start the clock.

        Args:
            crew: Who answers.
            clock: Seconds that never go back.
        """
        self._crew = crew
        self._clock = clock
        self._tasks: dict[str, _Clock] = {}
        self._last = clock()

    def came(self, outcome: Outcome) -> None:
        """Take in an outcome: the time since the last event belongs to its task."""
        own = self._of(outcome.lease.task)
        own.model += outcome.model_seconds
        own.waiting += outcome.waiting_seconds
        own.counts.update(outcome.counts)

    def wrote(self, task: str, predictions: Sequence[Prediction]) -> None:
        """Take in predictions that are on disk now."""
        before = self._last
        own = self._of(task)
        own.writing += self._last - before
        own.samples += len(predictions)
        own.prompt_tokens += sum(made.prompt_tokens or 0 for made in predictions)
        own.output_tokens += sum(made.output_tokens or 0 for made in predictions)

    def _of(self, task: str) -> _Clock:
        now = self._clock()
        own = self._tasks.setdefault(task, _Clock())
        own.seconds += now - self._last
        self._last = now
        return own

    def telemetry(self, peaks: Mapping[str, float], *, resumed: bool) -> Telemetry:
        """What was measured.

        Args:
            peaks: Peak memory in MiB by name.
            resumed: Whether earlier sessions answered some of the samples.
        """
        counts = Counter[str]()
        for own in self._tasks.values():
            counts.update(own.counts)
        return Telemetry(
            workers=self._crew.size,
            note=self._crew.note,
            resumed=resumed,
            tasks=tuple(self._speed(task, own) for task, own in self._tasks.items()),
            peak_mib={name: round(peak, 1) for name, peak in peaks.items()},
            counters={name: round(count, 6) for name, count in counts.items()},
        )

    def _speed(self, task: str, own: _Clock) -> TaskSpeed:
        seconds = max(own.seconds, 1e-9)
        theirs = seconds * self._crew.size * self._crew.leases
        read = own.counts.get("prompt_tokens")
        rate = (
            own.counts["shared_tokens"] / read if read and "shared_tokens" in own.counts else None
        )
        return TaskSpeed(
            task=task,
            samples=own.samples,
            seconds=round(own.seconds, 3),
            samples_per_second=round(own.samples / seconds, 3),
            prompt_tokens_per_second=round(own.prompt_tokens / seconds, 1),
            output_tokens_per_second=round(own.output_tokens / seconds, 1),
            model_share=round(min(own.model / theirs, 1.0), 4),
            waiting_share=round(min(own.waiting / theirs, 1.0), 4),
            writing_share=round(min(own.writing / seconds, 1.0), 4),
            prefix_hit_rate=None if rate is None else round(rate, 4),
        )


def summary(telemetry: Telemetry, crew: Crew) -> str:
    """A session's telemetry in one line; empty where nothing was asked.

    Where leases overlap, a place is busy while others keep the server from it, so that the shares
    say nothing of the model, and are left out.
    """
    samples = sum(task.samples for task in telemetry.tasks)
    seconds = sum(task.seconds for task in telemetry.tasks)
    if not samples or not seconds:
        return ""
    busy = sum(task.model_share * task.seconds for task in telemetry.tasks) / seconds
    waited = sum(task.waiting_share * task.seconds for task in telemetry.tasks) / seconds
    parts = [f"{samples} samples in {seconds:.1f} s ({samples / seconds:.1f}/s)"]
    if crew.leases == 1:
        parts += [f"model {busy:.0%} of the time, waiting for data {waited:.0%}"]
    parts += [f"peak memory {max(telemetry.peak_mib.values(), default=0):.0f} MiB"]
    read, hits = (telemetry.counters.get(n, 0) for n in ("prompt_tokens", "shared_tokens"))
    parts += [f"{hits / read:.0%} of the prompt tokens from shared prefixes"] if hits else []
    cost = telemetry.counters.get("cost_usd")
    parts += [f"{cost:.4f} USD"] if cost else []
    return "; ".join(parts)
