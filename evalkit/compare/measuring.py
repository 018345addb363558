"""A task's metrics over the samples that two runs share: values, difference, interval, p."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalkit.comparison import Difference
from evalkit.compare.matching import Pairs, strata_of
from evalkit.errors import UsageError
from evalkit.paired import Estimate, estimate, pair
from evalkit.power import detectable
from evalkit.task import Metric, Task

LEVEL = 0.95
"""What the intervals of differences cover."""


def measure(
    task: Task, pairs: Pairs, metrics: Sequence[Metric], *, draws: int, seed: int
) -> tuple[Difference, ...]:
    """The differences of some of a task's metrics; what is undefined in one of the runs is absent.

    Args:
        task: Whose metrics they are; it says which parts the benchmark has.
        pairs: The samples.
        metrics: Which metrics.
        draws: Resamples, and exchanges, of each.
        seed: Of their generator.

    Raises:
        UsageError: A metric does not fit the scores.
    """
    strata = strata_of(pairs.first, task.parts)
    found = (
        (metric, estimated(task, metric, pairs, strata, draws=draws, seed=seed))
        for metric in metrics
    )
    return tuple(
        _difference(metric, one, headline=metric.name in task.headline)
        for metric, one in found
        if one is not None
    )


def estimated(
    task: Task,
    metric: Metric,
    pairs: Pairs,
    strata: Mapping[str, str] | None,
    *,
    draws: int,
    seed: int,
) -> Estimate | None:
    """One metric, paired; None where it is undefined in one of the two runs.

    Raises:
        UsageError: The metric does not fit the scores.
    """
    try:
        paired = pair(metric, pairs.first, pairs.second, strata=strata)
        return estimate(metric, paired, draws=draws, seed=seed)
    except (LookupError, TypeError, ValueError) as error:
        message = (
            f"The metric {metric.name!r} of the task {task.name!r} does not fit the scores of both "
            f"runs: {type(error).__name__}: {error}."
        )
        raise UsageError(message) from error
