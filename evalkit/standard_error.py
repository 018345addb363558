"""How far a metric's value may lie from the truth: its standard error over clusters, or draws.

Which variance it is depends on the clusters: many of like weight, some that outweigh the rest,
parts of the benchmark, parts of few clusters (`evalkit.leverage`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit import leverage
from evalkit.gradient import gradient
from evalkit.resampling import resampled, settled
from evalkit.sums import Statistics
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NO_VARIATION = 1e-9
"""Standard errors below this share of the metric's range are rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardError:
    """The standard error of a number.

    Attributes:
        error: In the metric's unit; 0 where all clusters agree.
        df: Degrees of freedom of its square.
        how: What makes it another one than that of like clusters, in words: "stratified",
            "jackknife", or both; empty where nothing does.
    """

    error: float
    df: float
    how: str = ""


def named(method: str, how: str) -> str:
    """The name of an interval, with what was done to its standard error.

    Args:
        method: The name.
        how: As `StandardError.how`.
    """
    return f"{method} ({how})" if how else method


def influence(metric: Metric, counted: Statistics) -> npt.NDArray[np.float64] | None:
    """How far each cluster moves the metric, to first order: shape (G,), around 0.

    u_g = J · S_g - mean, with the cluster's sums S_g and the gradient J of the value at the sums.

    Returns:
        None where the value has no gradient there: it has a kink, or is undefined beside the sums.
    """
    slopes = slopes_of(metric, counted)
    if slopes is None:
        return None
    moved = counted.cluster_sums @ slopes
    centred: npt.NDArray[np.float64] = moved - moved.mean()
    return centred


def slopes_of(metric: Metric, counted: Statistics) -> npt.NDArray[np.float64] | None:
    """Shape (k,): the gradient of the value at the sums; None where there is none."""
    import numpy as np

    return gradient(metric, counted.sums, np.abs(counted.rows).sum(axis=0))


def standard_error(metric: Metric, counted: Statistics) -> StandardError | None:
    """The cluster-robust standard error, by the delta method.

    Where the benchmark has parts its square is that of each, added; parts of few clusters, and
    clusters of unlike weight, have theirs from `evalkit.leverage`.

    Returns:
        None where there are fewer than two clusters, or no gradient.
    """
    slopes = slopes_of(metric, counted)
    if slopes is None or counted.clusters < 2:  # noqa: PLR2004 - a variance needs two
        return None
    strata = _strata(counted)
    moved = leverage.centred(counted.cluster_sums @ slopes, strata)
    shares = leverage.leverages(counted.codes, counted.clusters)
    *inner, uneven = leverage.variance_of(moved, shares, strata)
    variance, df = _added(metric, counted).to(*inner)
    error = variance**0.5
    how = ["stratified"] * is_stratified(counted) + ["jackknife"] * uneven
    return StandardError(
        error=error if error > NO_VARIATION * (metric.high - metric.low) else 0.0,
        df=df,
        how=", ".join(how),
    )


def _strata(counted: Statistics) -> npt.NDArray[np.intp]:
    import numpy as np

    if counted.strata is None:
        return np.zeros(counted.clusters, dtype=np.intp)
    return counted.strata


def is_stratified(counted: Statistics) -> bool:
    """Whether the clusters are of several strata."""
    return leverage.is_stratified(_strata(counted))


def _added(metric: Metric, counted: Statistics) -> leverage.Added:
    """What strata of few clusters add to the variance.

    What a cluster does to its stratum of n is the difference that it makes if it is left out, times
    n - 1; of the only one it is all.
    """
    import numpy as np

    strata = _strata(counted)
    others = np.maximum(np.bincount(strata) - 1, 1)[strata]

    def effects() -> npt.NDArray[np.float64]:
        without = metric.value(counted.sums - counted.cluster_sums)
        found: npt.NDArray[np.float64] = np.nan_to_num(metric.value(counted.sums) - without)
        return found * others

    return leverage.added(effects, strata)


# Draws


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampled:
    """A metric over clusters that were drawn again.

    Attributes:
        values: Shape (draws,); NaN where it is undefined.
        df: Degrees of freedom of their variance.
        how: As `StandardError.how`.
    """

    values: npt.NDArray[np.float64]
    df: float
    how: str = ""


def redrawn(metric: Metric, counted: Statistics, draws: int, seed: int) -> Resampled:
    """The metric over clusters that were drawn again, within each stratum.

    How they are drawn `evalkit.resampling` says; it is the same as for differences. What strata of
    few clusters add is a normal number, added to each draw.

    Args:
        metric: The metric.
        counted: Its statistics, of two clusters or more.
        draws: Number of resamples.
        seed: Of the generator; the draws are a function of it.
    """
    import numpy as np

    strata = _strata(counted)
    values = metric.value(resampled(settled(counted.cluster_sums), strata, draws, seed))
    df, added = float(counted.clusters - len(set(strata.tolist()))), _added(metric, counted)
    if added.variance:
        df = added.to(float(np.nanvar(values, ddof=1)), max(df, 1.0))[1]
        noise = np.random.default_rng([seed, 1]).standard_normal(draws)
        values = values + noise * added.variance**0.5
    how = "stratified" if is_stratified(counted) else ""
    return Resampled(values=values, df=max(df, 1.0), how=how)
