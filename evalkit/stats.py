"""Intervals over any metric, by clusters.

Questions about one image are not independent, so what is resampled, and what is counted, is the
cluster. A metric is a sum of rows and a function of that sum (`evalkit.task.Metric`); three
intervals follow, of which `interval` chooses one:

- cluster-robust t: the delta method on the clusters' sums (Miller 2024, arXiv:2411.00640, equation
  4, with the factor G / (G - 1) and t quantiles; the linearisation of ratios is that of surveys);
- Wilson: for proportions with few clusters, or few right or few wrong ones, on an effective number
  of units (Wilson 1927; Korn and Graubard, Survey Methodology 24, 1998);
- cluster bootstrap: percentiles over resampled clusters, where the metric has no derivative.

A name says "(jackknife)" where clusters are of unlike weight, and "(stratified)" where the
benchmark has parts (`evalkit.standard_error`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from evalkit import leverage
from evalkit.pairing import check_range
from evalkit.records import MetricValue, SampleScore
from evalkit.sampling import UNDEFINED_SHARE, Draws
from evalkit.standard_error import (
    NO_VARIATION,
    StandardError,
    is_stratified,
    named,
    redrawn,
    slopes_of,
    standard_error,
)
from evalkit.sums import Statistics, statistics, weighty
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Bounds = tuple[float, float]
"""The lower and the upper end of an interval."""

LEVEL = 0.95
"""Every interval covers the true value in this share of repetitions, by design."""

FEW_CLUSTERS = 30
"""Below this many clusters a proportion has a Wilson interval."""

FEW_HITS = 10.0
"""With fewer effective right (or wrong) units than this a proportion has a Wilson interval."""


def _value(metric: Metric, counted: Statistics) -> float:
    return float(metric.value(counted.sums))


def interval(
    metric: Metric, scores: Sequence[SampleScore], strata: Mapping[str, str] | None = None
) -> MetricValue | None:
    """The metric over the scores with its 95 % interval; None where the metric is undefined.

    `low` and `high` are None, and `method` says why, where the scores tell nothing of the
    uncertainty: there is one cluster, or too many resamples leave the metric undefined. Where the
    metric has a weight, units without any are neither counted nor resampled.

    Args:
        metric: The metric.
        scores: The scores.
        strata: Cluster -> the part of the benchmark that it is drawn from; None is one.

    Raises:
        UsageError: A value is outside of the metric's range.
    """
    import math

    counted = statistics(metric, scores, strata)
    counted = counted.part(weighty(metric, counted))
    value = _value(metric, counted)
    if math.isnan(value):
        return None
    for sums in (counted.sums, counted.rows):
        check_range(metric, sums)
    if metric.reach is not None:
        metric = replace(metric, high=metric.reach(counted.sums))
    method, ends = bounds(metric, counted)
    return MetricValue(
        value=value,
        low=None if ends is None else ends[0],
        high=None if ends is None else ends[1],
        method=method,
        n=len(counted.rows),
        clusters=counted.clusters,
        maximum=metric.high if metric.bounded else None,
    )


def bounds(metric: Metric, counted: Statistics, level: float = LEVEL) -> tuple[str, Bounds | None]:
    """The name of the interval that suits the metric and the scores, and the interval.

    Args:
        metric: The metric, `high` being what the scores could have reached.
        counted: Its statistics, on which it is defined.
        level: What the interval covers.
    """
    found = standard_error(metric, counted)
    if metric.proportion and _is_sparse(metric, counted, found):
        how = found.how if found is not None and _tells_design(counted, found) else ""
        return named("Wilson", how), wilson_interval(metric, counted, level)
    if counted.clusters < 2:  # noqa: PLR2004 - a variance needs two
        return "none (one cluster)", None
    if found is None:
        return _bootstrapped(metric, counted, level)
    if not found.error:
        return "Wilson (no variation)", unvaried_interval(metric, counted, level)
    return named("cluster-robust t", found.how), delta_interval(metric, counted, level)


def bounding(metric: Metric, counted: Statistics, level: float) -> tuple[str, Bounds | None]:
    """As `bounds`, but wide enough on each side where few are wrong, or right, of many.

    t leans to neither side, and the shares of right answers near 0 and 1 do: of 400 questions of
    which one was wrong, a bound of t at 5 % was passed by 25 % of what was worse. So the interval
    also holds Wilson's, stretched from [0, 1] to the metric's range, on the effective number of
    units p (1 - p) / SE², and on no more than Kish's of the units' weights (Survey Sampling, 1965,
    section 11.7).

    Args:
        metric: The metric, `high` being what the scores could have reached.
        counted: Its statistics, on which it is defined.
        level: What the interval covers; each end is beyond the truth in half of the rest.

    Returns:
        No interval where one cluster outweighs the others and there are strata, or no gradient.
    """
    import numpy as np

    method, ends = bounds(metric, counted, level)
    heaviest = leverage.heaviest(leverage.leverages(counted.codes, counted.clusters))
    slopes = slopes_of(metric, counted)
    if heaviest and counted.clusters > 1 and (is_stratified(counted) or slopes is None):
        return f"none (one cluster has {heaviest:.0%} of the units)", None
    found = standard_error(metric, counted)
    if ends is None or slopes is None or found is None or not found.error or not metric.bounded:
        return method, ends
    scored = _stretched(metric, counted, np.abs(counted.rows) @ np.abs(slopes), found, level)
    return method, (min(ends[0], scored[0]), max(ends[1], scored[1]))


def _stretched(
    metric: Metric,
    counted: Statistics,
    weights: npt.NDArray[np.float64],
    known: StandardError,
    level: float,
) -> Bounds:
    """Wilson's interval over the metric's range, for a standard error.

    Args:
        metric: The metric.
        counted: Its statistics.
        weights: Shape (units,): how much each unit is in the value.
        known: The error.
        level: What the interval covers.
    """
    value, width = _value(metric, counted), metric.high - metric.low
    most = float(weights.sum() ** 2 / (weights @ weights))
    size = min(_effective_size((value - metric.low) / width, known.error / width), most)
    quantile = _t_quantile(known.df, level)
    low, high = wilson((value - metric.low) / width, max(size, 1.0), quantile)
    return _bounds(metric, value, metric.low + low * width, metric.low + high * width)


# The delta method


def delta_interval(metric: Metric, counted: Statistics, level: float = LEVEL) -> Bounds | None:
    """The cluster-robust interval, value ± t · SE, within the metric's range.

    SE² = G / (G - 1) · Σ_g u_g², with the clusters' shares u_g as in
    `evalkit.standard_error.influence` and the t quantile on G - 1 degrees of freedom. For a mean
    this is SE² = G / (G - 1) · Σ_g (Σ_i (s_i - s̄))² / n². Where the benchmark has parts it is that
    of each, added; parts of few clusters, and clusters of unlike weight, have theirs from
    `evalkit.leverage`.

    Returns:
        None where there are fewer than two clusters, no gradient, or no variation between clusters.
    """
    found = standard_error(metric, counted)
    if found is None or not found.error:
        return None
    value, reach = _value(metric, counted), _t_quantile(found.df, level) * found.error
    return _bounds(metric, value, value - reach, value + reach)


def _t_quantile(df: float, level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + level) / 2))


def _bounds(metric: Metric, value: float, low: float, high: float) -> Bounds:
    """The interval cut to the metric's range; it always holds the value."""
    return min(max(low, metric.low), value), max(min(high, metric.high), value)


# The bootstrap


def bootstrap_interval(
    metric: Metric, counted: Statistics, draws: int = 2000, seed: int = 0, level: float = LEVEL
) -> Bounds | None:
    """Percentiles of the metric over resampled clusters, of each part of the benchmark its own.

    They are at the shares of t, as `evalkit.sampling.Draws` has them for differences, too.

    Args:
        metric: The metric.
        counted: Its statistics.
        draws: Number of resamples.
        seed: Of the generator; the interval is a function of it.
        level: Share of the draws between the two ends.

    Returns:
        None where there are fewer than two clusters, all draws agree, or more than 5 % of the draws
        are undefined; fewer are left out.
    """
    import numpy as np

    if counted.clusters < 2:  # noqa: PLR2004 - one cluster is always drawn whole
        return None
    drawn = redrawn(metric, counted, draws, seed)
    defined = np.sort(drawn.values[np.isfinite(drawn.values)])
    if len(defined) < (1 - UNDEFINED_SHARE) * draws:
        return None
    low, high = Draws(values=defined, df=drawn.df).interval(level)
    if high - low <= NO_VARIATION * (metric.high - metric.low):
        return None
    return _bounds(metric, _value(metric, counted), low, high)


def _bootstrapped(metric: Metric, counted: Statistics, level: float) -> tuple[str, Bounds | None]:
    """The bootstrap's name and interval, or why there is none."""
    found = bootstrap_interval(metric, counted, level=level)
    if found is None:
        return "none (undefined on resamples)", None
    return named("cluster bootstrap", "stratified" if is_stratified(counted) else ""), found


# Wilson


def wilson(share: float, n: float, quantile: float) -> Bounds:
    """Wilson's score interval, with a number of units that need not be whole.

    (p + z²/2n ± z √(p (1 - p) / n + z²/4n²)) / (1 + z²/n): Wilson, JASA 22 (1927), 209-212.

    Args:
        share: p, in [0, 1].
        n: Units, above 0.
        quantile: z.
    """
    square = quantile**2 / n
    centre = share + square / 2
    reach = quantile * (share * (1 - share) / n + square / (4 * n)) ** 0.5
    return (centre - reach) / (1 + square), (centre + reach) / (1 + square)


def wilson_interval(metric: Metric, counted: Statistics, level: float = LEVEL) -> Bounds:
    """Wilson's interval of a proportion on its effective number of units.

    The effective number is p (1 - p) / SE², that is n by the design effect, and at most n; with t
    in place of z, as the design effect is estimated from G clusters. Where all clusters agree,
    nothing is known of the design effect, and what `leverage.trials` says stands for n. Where each
    unit is a cluster of its own the interval is the plain one.

    Args:
        metric: A proportion with a defined value.
        counted: Its statistics.
        level: What the interval covers.
    """
    from scipy.special import ndtri

    share, found = _value(metric, counted), standard_error(metric, counted)
    if found is None or not _tells_design(counted, found):
        trials = leverage.trials(counted.codes, counted.clusters)
        low, high = wilson(share, trials, float(ndtri((1 + level) / 2)))
    else:
        size = min(_effective_size(share, found.error), len(counted.rows))
        low, high = wilson(share, size, _t_quantile(found.df, level))
    return _bounds(metric, share, low, high)


def unvaried_interval(metric: Metric, counted: Statistics, level: float = LEVEL) -> Bounds:
    """An interval where all clusters agree: Wilson's, over the metric's range.

    Nothing varies, so no variance can be estimated. But no quantity between two bounds varies more
    than one that only takes the bounds (Bhatia and Davis, Am. Math. Monthly 107 (2000), 353-357),
    and a mean of clusters no more than that of as many equal ones as fit the heaviest
    (`leverage.trials`: G, where they are equal). So a proportion of so many trials, stretched from
    [0, 1] to the range, errs on the wide side. For a mean that is a bound; for other functions of
    sums, such as F1, and for parts of a benchmark, a convention.
    """
    from scipy.special import ndtri

    value, width = _value(metric, counted), metric.high - metric.low
    trials = leverage.trials(counted.codes, counted.clusters)
    low, high = wilson((value - metric.low) / width, trials, float(ndtri((1 + level) / 2)))
    return _bounds(metric, value, metric.low + low * width, metric.low + high * width)


def _effective_size(share: float, error: float) -> float:
    """The number of units p (1 - p) / SE², for a standard error above 0."""
    return share * (1 - share) / error**2


def _tells_design(counted: Statistics, found: StandardError) -> bool:
    """Whether a proportion's design effect is known from its standard error, and is not 1."""
    return bool(found.error) and len(counted.rows) != counted.clusters


def _is_sparse(metric: Metric, counted: Statistics, found: StandardError | None) -> bool:
    """Whether the clusters, or what is right or wrong in them, are too few for a t interval."""
    if found is None or not found.error or counted.clusters < FEW_CLUSTERS:
        return True
    share = _value(metric, counted)
    return min(share, 1 - share) * _effective_size(share, found.error) < FEW_HITS
