"""Two runs side by side: a metric's rows in both, unit by unit, and what each unit moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.errors import UsageError
from evalkit.gradient import gradient
from evalkit.records import SampleScore
from evalkit.strata import numbered
from evalkit.sums import Statistics, statistics, weighty
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_NO_SPREAD = 1e-9  # of the metric's range: units that differ by less do not differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """One metric's rows in two runs, unit by unit.

    Attributes:
        first: Shape (units, k): the metric's row of each unit in the first run.
        second: Shape (units, k): the rows of the same units in the second run, in the same order.
        codes: Shape (units,): the cluster of each unit, from 0 on.
        clusters: Number of clusters, G.
        strata: Shape (G,): the stratum of each cluster, from 0 on; all 0 where there are none.
        pairwise: Whether the rows are added in pairs, as `Metric.pairwise` says.
    """

    first: npt.NDArray[np.float64]
    second: npt.NDArray[np.float64]
    codes: npt.NDArray[np.intp]
    clusters: int
    strata: npt.NDArray[np.intp]
    pairwise: bool = False

    @property
    def runs(self) -> tuple[Statistics, Statistics]:
        """The statistics of the two runs."""
        one, two = (
            Statistics(
                rows=rows,
                codes=self.codes,
                clusters=self.clusters,
                pairwise=self.pairwise,
                strata=self.strata,
            )
            for rows in (self.first, self.second)
        )
        return one, two


# From scores to rows


def pair(
    metric: Metric,
    first: Sequence[SampleScore],
    second: Sequence[SampleScore],
    *,
    strata: Mapping[str, str] | None = None,
) -> Paired:
    """The metric's rows in two runs, unit by unit; without those that carry weight in neither.

    Args:
        metric: The metric; its `only` chooses the units.
        first: Scores of the first run.
        second: Scores of the second run: the same samples in the same order.
        strata: Cluster -> the name of its stratum; None is one stratum.

    Raises:
        UsageError: The samples are not the same, or lie in other clusters or groups, or only one
            run's count; or a cluster has no stratum.
    """
    import numpy as np

    one, two = statistics(metric, first), statistics(metric, second)
    _refuse_others(metric, first, second)
    layers = numbered(metric, first, strata, one.clusters)
    if metric.weight is not None:
        keep = weighty(metric, one) | weighty(metric, two)
        layers = layers[np.unique(one.codes[keep])]
        one, two = one.part(keep), two.part(keep)
    return Paired(
        first=one.rows,
        second=two.rows,
        codes=one.codes,
        clusters=one.clusters,
        strata=layers,
        pairwise=metric.pairwise,
    )


def _refuse_others(
    metric: Metric, first: Sequence[SampleScore], second: Sequence[SampleScore]
) -> None:
    if len(first) != len(second):
        message = (
            f"{metric.name}: one run has {len(first):,} samples and the other {len(second):,}; "
            "compare the samples that both have."
        )
        raise UsageError(message)
    only = metric.only or _every
    for a, b in zip(first, second, strict=True):
        if (a.sample_id, a.cluster, a.group) != (b.sample_id, b.cluster, b.group):
            message = (
                f"{metric.name}: sample {a.sample_id!r} (cluster {a.cluster!r}) stands beside "
                f"{b.sample_id!r} (cluster {b.cluster!r}); pair the two runs by id, and score both "
                "with one version of the task."
            )
            raise UsageError(message)
        if only(a) != only(b):
            message = (
                f"{metric.name}: sample {a.sample_id!r} counts in one run and not in the other, so "
                "the two numbers are not about the same samples."
            )
            raise UsageError(message)


def _every(_: SampleScore) -> bool:
    return True


def check_range(metric: Metric, sums: npt.NDArray[np.float64]) -> None:
    """Refuse values outside of the range that a metric declares, if it is `bounded`.

    How sure a number is rests on it: no difference is larger, and no cluster moves it by more. A
    mean of percentages with the range of shares would have bounds that do not even hold the value.

    Args:
        metric: The metric.
        sums: Shape (..., k): sums of rows, or single rows.

    Raises:
        UsageError: A value is outside; what is undefined (NaN) is not.
    """
    import numpy as np

    if not metric.bounded:
        return
    values = np.asarray(metric.value(sums))
    slack = _NO_SPREAD * max(metric.high - metric.low, abs(metric.high), abs(metric.low))
    outside = values[(values < metric.low - slack) | (values > metric.high + slack)]
    if len(outside):
        message = (
            f"{metric.name} is {outside.flat[0]:.6g} somewhere, outside of the range from "
            f"{metric.low:g} to {metric.high:g} that its task declares, so nothing can be said of "
            "how sure it is: give the metric its true range (such as high=100)."
        )
        raise UsageError(message)


# What the units move


def gains(metric: Metric, paired: Paired) -> npt.NDArray[np.float64] | None:
    """How much better each unit is in the second run: shape (units,), around 0.

    The metric's change if this unit alone changed, times the number of units, to first order at
    the middle of the two runs. For an accuracy it is 1, 0 or -1.

    Returns:
        None where more is neither better nor worse, or the metric has no gradient there.
    """
    slopes = None if metric.higher_is_better is None else _middle_gradient(metric, paired)
    if slopes is None:
        return None
    sign = 1 if metric.higher_is_better else -1
    gained: npt.NDArray[np.float64] = (paired.second - paired.first) @ slopes
    gained *= sign * len(paired.codes)
    return gained


def _middle_gradient(metric: Metric, paired: Paired) -> npt.NDArray[np.float64] | None:
    middle = (paired.first.sum(axis=0) + paired.second.sum(axis=0)) / 2
    return gradient(metric, middle, scale(paired))


def scale(paired: Paired) -> npt.NDArray[np.float64]:
    """Shape (k,): what each column could have summed to, the mean of both runs."""
    import numpy as np

    both: npt.NDArray[np.float64] = np.abs(paired.first).sum(axis=0)
    both += np.abs(paired.second).sum(axis=0)
    return both / 2


def correlation(metric: Metric, paired: Paired) -> float | None:
    """The correlation of what the units add to the metric, to first order."""
    import numpy as np

    slopes = _middle_gradient(metric, paired)
    if slopes is None:
        return None
    one, two = (rows @ slopes for rows in (paired.first, paired.second))
    one, two = one - one.mean(), two - two.mean()
    least = (_NO_SPREAD * (metric.high - metric.low)) ** 2 / len(one)
    if min(one @ one, two @ two) <= least:
        return None
    return float(np.clip(one @ two / ((one @ one) * (two @ two)) ** 0.5, -1, 1))
