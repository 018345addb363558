"""A task's metrics over the samples that two runs share: values, difference, interval, p."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalkit.compare.matching import Pairs
from evalkit.comparison import Difference
from evalkit.errors import UsageError
from evalkit.paired import Estimate, Paired, estimate, pair
from evalkit.power import ALPHA, detectable
from evalkit.strata import strata_of
from evalkit.task import Metric, Task


def measure(
    task: Task,
    pairs: Pairs,
    metrics: Sequence[Metric],
    *,
    draws: int,
    seed: int,
    alpha: float = ALPHA,
    rows: Mapping[str, Paired] | None = None,
) -> tuple[Difference, ...]:
    """The differences of some of a task's metrics; what is undefined in one of the runs is absent.

    Args:
        task: Whose metrics they are; it says which parts the benchmark has.
        pairs: The samples, of which there are some.
        metrics: Which metrics.
        draws: Resamples, and exchanges, of each.
        seed: Of their generator.
        alpha: Intervals are of the level 1 - alpha.
        rows: What `rows_by_metric` makes of them, where it was made before.

    Raises:
        UsageError: A metric does not fit the scores.
    """
    known = rows_by_metric(task, pairs, metrics) if rows is None else rows
    found = []
    for metric in metrics:
        paired = known[metric.name]
        made = estimate(metric, paired, draws=draws, seed=seed) if len(paired.codes) else None
        if made is not None:
            headline = metric.name in task.headline
            found.append(_difference(metric, made, alpha, headline=headline))
    return tuple(found)


def rows_by_metric(task: Task, pairs: Pairs, metrics: Sequence[Metric]) -> dict[str, Paired]:
    """The rows of some of a task's metrics by name, within the parts of the benchmark.

    Raises:
        UsageError: A metric does not fit the scores.
    """
    strata = strata_of(pairs.first, task.parts)
    return {metric.name: rows_of(task, metric, pairs, strata) for metric in metrics}


def rows_of(
    task: Task, metric: Metric, pairs: Pairs, strata: dict[str, str] | None = None
) -> Paired:
    """One metric's rows in both runs.

    Raises:
        UsageError: The metric does not fit the scores.
    """
    try:
        return pair(metric, pairs.first, pairs.second, strata=strata)
    except (LookupError, TypeError, ValueError) as error:
        message = (
            f"The metric {metric.name!r} of the task {task.name!r} does not fit the scores of both "
            f"runs: {type(error).__name__}: {error}."
        )
        raise UsageError(message) from error


def _difference(metric: Metric, made: Estimate, alpha: float, *, headline: bool) -> Difference:
    low, high = made.interval(1 - alpha) or (None, None)
    df = None if made.sampling is None else made.sampling.df
    return Difference(
        metric=metric.name,
        headline=headline,
        first=made.first,
        second=made.second,
        difference=made.difference,
        error=made.error,
        low=low,
        high=high,
        method=made.method,
        n=made.n,
        clusters=made.clusters,
        discordant=made.discordant,
        won=made.won,
        lost=made.lost,
        correlation=made.correlation,
        p=made.p,
        p_method=made.p_method,
        adjusted=None,
        detectable=None if made.error is None else detectable(made.error, alpha=alpha, df=df),
        better=metric.higher_is_better,
        maximum=metric.low + made.limit if metric.bounded else None,
    )
