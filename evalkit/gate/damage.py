"""How much worse a candidate is by one demand, and what is known of that: bounds, p-value, power.

Damage D is how much worse the candidate is, in the metric's unit. A demand allows a margin m. The
candidate passes if the one-sided upper bound of D is within m, so that a candidate that is truly
worse than m passes with probability alpha at most: the test of non-inferiority (Blackwelder,
Controlled Clinical Trials 3 (1982), 345-353). The p-value is that of "D is at most m".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit import stats
from evalkit.gate.demands import Demand
from evalkit.paired import Gap, Paired, gap_of
from evalkit.pairing import check_range
from evalkit.power import detectable, needed
from evalkit.records import SampleScore
from evalkit.standard_error import standard_error
from evalkit.sums import Statistics, statistics, weighty
from evalkit.task import Metric

_HUNDREDTH = 0.01
_HALVINGS = 30
_RESOLVED = 0.005  # the smallest level of a bound for which the draws of a lone metric are enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What one demand comes to in numbers; the fields are those of `Judgement`.

    Attributes:
        error: Standard error of the damage, or what the bounds make of it; None without bounds.
        df: Its degrees of freedom; None where they are not known.
        samples: Samples that were compared.
    """

    baseline: float | None = None
    candidate: float | None = None
    damage: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    p: float | None = None
    method: str = ""
    n: int = 0
    clusters: int = 0
    discordant: int = 0
    maximum: float | None = None
    error: float | None = None
    df: float | None = None
    samples: int = 0

    def detectable(self, alpha: float, power: float) -> float | None:
        """How far from the margin the damage must be to be settled with the power."""
        if self.error is None:
            return None
        return detectable(self.error, alpha=alpha, power=power, sides=1, df=self.df)

    def needed(self, alpha: float, power: float) -> int | None:
        """How many samples would settle it if the damage is what it seems; None if no number."""
        if not self.error or self.damage is None or self.margin is None:
            return None
        if self.high and self.margin > 0 and not (self.damage or self.discordant):
            # Where nothing differs the bound shrinks with the clusters, not with their root.
            return math.ceil(self.samples * self.high / self.margin)
        gap = self.damage - self.margin
        known = (gap, self.error, self.samples)
        return needed(*known, alpha=alpha, power=power, sides=1, df=self.df)


UNKNOWN = Damage()
"""Where nothing could be compared."""


def paired_damage(
    demand: Demand,
    metric: Metric,
    paired: Paired,
    *,
    samples: int,
    draws: int,
    seed: int,
) -> Damage | None:
    """The damage of a candidate beside its baseline, on the same samples.

    Args:
        demand: "max_drop" or "max_drop_relative".
        metric: The metric, of which more or less is better.
        paired: Its rows in both runs, the baseline first.
        samples: How many samples these are.
        draws: Resamples.
        seed: Of their generator.

    Returns:
        None where the metric is undefined on the samples.

    Raises:
        UsageError: A value is outside of the metric's range.
    """
    found = gap_of(metric, paired, draws=draws, seed=seed) if len(paired.codes) else None
    if found is None:
        return None
    margin = _margin(demand, found)
    sides = [_Side(metric=metric, gap=found, margin=margin, shift=0.0)]
    if demand.kind == "max_drop_relative":
        factor = 1 - _sign(metric) * demand.bound.size
        moved = gap_of(metric, paired, draws=draws, seed=seed, factor=factor)
        if moved is not None:
            sides.append(_Side(metric=metric, gap=moved, margin=0.0, shift=margin))
    made = _damage(metric, found, _widest(sides, _levels(demand)), margin)
    df = min((s.gap.bounding.df for s in sides if s.gap.bounding is not None), default=None)
    at_alpha = _widest(sides, (demand.alpha, demand.alpha))
    error = None if at_alpha is None else _error_of(at_alpha[:2], demand.alpha, df)
    return replace(made, samples=samples, error=error, df=df)


def _damage(metric: Metric, found: Gap, bounds: _Bounds | None, margin: float) -> Damage:
    low, high, p = bounds or (None, None, None)
    return Damage(
        baseline=found.first,
        candidate=found.second,
        damage=_sign(metric) * (found.first - found.second),
        low=low,
        high=high,
        margin=margin,
        p=p,
        method=found.method,
        n=found.n,
        clusters=found.clusters,
        discordant=found.discordant,
        maximum=metric.low + found.limit if metric.bounded else None,
    )


def _sign(metric: Metric) -> int:
    return 1 if metric.higher_is_better else -1


def _margin(demand: Demand, found: Gap) -> float:
    if demand.kind == "max_drop_relative":
        return demand.bound.size * found.first
    if demand.bound.points:
        return demand.bound.size * _HUNDREDTH * found.limit
    return demand.bound.size


_Bounds = tuple[float, float, float]
"""Lower and upper bound of the damage, and the p-value of "it is within the margin"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One way to look at the damage D: beside a fixed margin, or beside one that moves.

    That D is at most share · A, for the baseline's value A and the candidate's B, is that B is no
    worse than (1 - share) · A, or (1 + share) · A where less is better. Comparing these takes A's
    own uncertainty along.

    Attributes:
        metric: The metric.
        gap: The candidate beside the baseline, or beside that share of it.
        margin: How much worse the candidate may be in it.
        shift: What makes that the damage.
    """

    metric: Metric
    gap: Gap
    margin: float
    shift: float

    def bounds(self, levels: tuple[float, float]) -> _Bounds | None:
        """The one-sided bounds: ends of the intervals with the bound's level on either side."""
        upper, lower = (self.gap.bounds(1 - 2 * level) for level in levels)
        known = self.gap.bounding
        if known is None or upper is None or lower is None:
            return None
        if self.metric.higher_is_better:
            low, high, p = -lower[1], -upper[0], known.tail_below(-self.margin)
        else:
            low, high, p = lower[0], upper[1], known.tail_above(self.margin)
        return low + self.shift, high + self.shift, p


def _widest(sides: Sequence[_Side], levels: tuple[float, float]) -> _Bounds | None:
    """Bounds that hold from all sides; None where one has none."""
    found = [bounds for side in sides if (bounds := side.bounds(levels)) is not None]
    if len(found) < len(sides):
        return None
    lows, highs, p_values = zip(*found, strict=True)
    return min(lows), max(highs), max(p_values)


def _levels(demand: Demand) -> tuple[float, float]:
    """The levels of the upper and of the lower bound."""
    return demand.levels or (demand.alpha, demand.alpha)


def counted_samples(metric: Metric, scores: Sequence[SampleScore]) -> int:
    """How many of the samples a metric counts."""
    return len(scores) if metric.only is None else sum(map(bool, map(metric.only, scores)))


# The candidate alone


def _reached(metric: Metric, counted: Statistics) -> Metric:
    """The metric, `high` being what its scores could have reached.

    Raises:
        UsageError: A value is outside of the metric's range.
    """
    for sums in (counted.sums, counted.rows):
        check_range(metric, sums)
    return metric if metric.reach is None else replace(metric, high=metric.reach(counted.sums))


def lone_damage(
    demand: Demand,
    metric: Metric,
    scores: Sequence[SampleScore],
    strata: Mapping[str, str] | None = None,
) -> Damage | None:
    """By how much a candidate is below a floor, or above a ceiling; None where it has no value.

    Args:
        demand: "min" or "max".
        metric: The metric.
        scores: The candidate's.
        strata: Cluster -> the name of its stratum; None is one stratum.

    Raises:
        UsageError: A value is outside of the metric's range.
    """
    counted = _counted(metric, scores, strata)
    value = float(metric.value(counted.sums))
    if math.isnan(value):
        return None
    metric, sign, floor = _reached(metric, counted), _sign(metric), demand.bound.size
    method, ends = _ends(metric, counted, demand)
    low, high = (None, None) if ends is None else sorted(sign * (floor - end) for end in ends)
    df = _freedom(metric, counted)
    return Damage(
        candidate=value,
        damage=sign * (floor - value),
        low=low,
        high=high,
        margin=0.0,
        p=None if ends is None else _p_of(metric, counted, floor),
        method=method,
        n=len(counted.rows),
        clusters=counted.clusters,
        maximum=metric.high if metric.bounded else None,
        error=_error_of(ends, demand.alpha, df),
        df=df,
        samples=counted_samples(metric, scores),
    )


def _counted(
    metric: Metric, scores: Sequence[SampleScore], strata: Mapping[str, str] | None
) -> Statistics:
    """The statistics of what carries weight."""
    counted = statistics(metric, scores, strata)
    return counted.part(weighty(metric, counted))


def _ends(
    metric: Metric, counted: Statistics, demand: Demand
) -> tuple[str, tuple[float, float] | None]:
    """The end of the value's interval on its bad side, that on its good one, and the method.

    On the bad side the value ends where the damage's upper bound is, so by that bound's level.
    """
    method, upper = stats.bounding(metric, counted, 1 - 2 * _levels(demand)[0])
    lower = stats.bounding(metric, counted, 1 - 2 * _levels(demand)[1])[1]
    unresolved = method.startswith("cluster bootstrap") and min(_levels(demand)) < _RESOLVED
    if upper is None or lower is None or unresolved:
        return method, None
    return method, (upper[0], lower[1]) if metric.higher_is_better else (upper[1], lower[0])


def _freedom(metric: Metric, counted: Statistics) -> float | None:
    """Degrees of freedom of the value's error; None where they are not known."""
    known = standard_error(metric, counted)
    return None if known is None else known.df


def _error_of(ends: tuple[float, float] | None, alpha: float, df: float | None) -> float | None:
    """The standard error that bounds are worth, by quantiles of t, or of normal numbers."""
    from scipy.special import ndtri, stdtrit

    if ends is None:
        return None
    quantile = ndtri(1 - alpha) if df is None else stdtrit(df, 1 - alpha)
    return abs(ends[1] - ends[0]) / (2 * float(quantile))


def _p_of(metric: Metric, counted: Statistics, floor: float) -> float:
    """One-sided p-value of "the value is on the right side of the floor", from its intervals.

    It is the alpha at which the interval with alpha on either side just reaches the floor.
    """
    value = float(metric.value(counted.sums))
    wrong = value < floor if metric.higher_is_better else value > floor
    least, most = 0.0, 0.5
    for _ in range(_HALVINGS):
        alpha = (least + most) / 2
        _, ends = stats.bounding(metric, counted, 1 - 2 * alpha)
        reaches = ends is None or ends[0] <= floor <= ends[1]
        least, most = (alpha, most) if reaches else (least, alpha)
    return most if wrong else 1 - most
