"""Whether a run's scored samples bear out what its record says of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from evalkit.errors import StaleError
from evalkit.records import SampleScore
from evalkit.run_record import TaskResult
from evalkit.score import coverage, total
from evalkit.sums import statistics
from evalkit.task import Metric, Task

_SAME = 1e-9
"""Numbers that differ by less, of themselves, are the same: numpy adds up otherwise elsewhere."""


def check_numbers(task: Task, result: TaskResult, scores: Sequence[SampleScore], name: str) -> None:
    """Check that the task's metrics over the scores are the recorded ones.

    Args:
        task: With the metrics of the result.
        result: What was recorded.
        scores: The scored samples.
        name: Whose result it is, for the error's text.

    Raises:
        StaleError: One is another, or is missing; or what is said of one (its interval, counts and
            largest possible value) cannot be.
    """
    for metric in task.metrics:
        told = result.metrics.get(metric.name)
        then = math.nan if told is None else told.value
        if (now := other_than(then, task, metric, scores)) is not None:
            message = (
                f"{name}: the scores of {result.task} give {metric.name} = {now:.6g}, the record "
                f"says {then:.6g}: the task's code has changed without a new version, or a file "
                "was edited. The command that made the run, given again, scores its answers anew."
            )
            raise StaleError(message)
    _check_headline(task, result, name)
    counts = len(scores), len({score.cluster for score in scores})
    for metric in task.metrics:
        if metric.name in result.metrics and not _can_be(metric, result, scores, counts):
            message = (
                f"{name}: what the record says of {metric.name} of {result.task} (its interval, "
                "how much was counted, and the largest possible value) is not what its scores "
                "give. The command that made the run, given again, scores its answers anew."
            )
            raise StaleError(message)


def _check_headline(task: Task, result: TaskResult, name: str) -> None:
    """Check that a result has its task's headline.

    Further metrics may stand beside it: a benchmark's own files give some that are no sums over
    samples (`evalkit.official`), and nothing is decided by them.
    """
    if result.headline != task.headline:
        message = (
            f"{name}: the record says that {result.task} has the headline "
            f"{', '.join(result.headline)!r}, which the task has not: its code has changed without "
            "a new version, or a file was edited. The command that made the run, given again, "
            "scores its answers anew."
        )
        raise StaleError(message)


def _can_be(
    metric: Metric, result: TaskResult, scores: Sequence[SampleScore], counts: tuple[int, int]
) -> bool:
    """Whether what is said of a metric beside its value can be; `counts`: samples, clusters."""
    told = result.metrics[metric.name]
    held = told.n, told.clusters
    plain = metric.unit == "sample" and metric.only is None and metric.weight is None
    if told.n is None or told.clusters is None:  # as in a publication, and of no run
        return False
    counted = held == counts if plain else 0 <= told.clusters <= told.n <= counts[0]
    ordered = (told.low is None) == (told.high is None) and (told.low or 0) <= (told.high or 0)
    high: float | None = metric.high if metric.bounded else None
    if high is not None and metric.reach is not None:
        high = metric.reach(statistics(metric, scores).sums)
    if high is None or told.maximum is None:
        return counted and ordered and high is told.maximum
    return counted and ordered and abs(high - told.maximum) <= _SAME * max(1.0, abs(high))


def check_coverage(result: TaskResult, scores: Sequence[SampleScore], name: str) -> None:
    """Check that the recorded coverage is that of the scores, and of failed samples beside them.

    Args:
        result: What was recorded.
        scores: The scored samples; those that failed need not be among them.
        name: Whose result it is, for the error's text.

    Raises:
        StaleError: It is not.
    """
    told, found = result.coverage, coverage(scores)
    beside = told.asked - found.asked
    if beside < 0 or told != replace(found, asked=told.asked, failed=found.failed + beside):
        message = (
            f"{name}: the record says that {told.asked:,} samples were asked of {result.task}, "
            f"{told.answered:,} answered, {told.failed:,} failed and {told.unparsed:,} unparsed, "
            f"which its {found.asked:,} scores do not bear out ({found.answered:,} answered, "
            f"{found.failed:,} failed). The command that made the run, given again, scores its "
            "answers anew."
        )
        raise StaleError(message)


def other_than(
    then: float, task: Task, metric: Metric, scores: Sequence[SampleScore]
) -> float | None:
    """What a metric makes of scores where that is not what was recorded; None where it is.

    Args:
        then: What was recorded; NaN where it was undefined.
        task: Whose metric it is, for errors.
        metric: The metric.
        scores: The scored samples.

    Raises:
        UsageError: The metric needs what the scorer does not give.
    """
    now = total(task, metric, scores)
    if math.isnan(now) != math.isnan(then) or abs(now - then) > _SAME * max(1.0, abs(now)):
        return now
    return None
