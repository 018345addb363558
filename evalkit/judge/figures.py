"""Numbers about a judge, each with its interval or the reason why there is none. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evalkit.judge.kinds import Kind
from evalkit.judge.measures import (
    HUMAN,
    JUDGE,
    has_both_numbers,
    kappa_of_labels,
    kappa_of_ratings,
    mean_difference,
    prediction_powered,
)
from evalkit.judge.pairs import Pair, human_of, judge_of, occurring
from evalkit.metrics.basic import mean
from evalkit.records import MetricValue, SampleScore
from evalkit.standard_error import standard_error
from evalkit.stats import LEVEL, Bounds, delta_interval, interval
from evalkit.sums import Statistics, statistics, total
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SAME = 1e-9
"""Differences that are closer than this share of the scale are equal."""

_FAR = 20.0  # the inverse hyperbolic tangent of every kappa but 1 and -1 is nearer to 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number with its interval, or None and the reason why there is none.

    Attributes:
        value: The number. Where it has no interval, its `method` says why.
        reason: A sentence; empty where there is a number.
    """

    value: MetricValue | None = None
    reason: str = ""


NO_PAIR = Figure(reason="No sample has both a verdict of the judge and a human label.")
_NO_NUMBER = Figure(reason="Labels have a mean only if one of them is named as positive.")
_NO_SCALE = Figure(
    reason="All ratings are one number and the scale is not known, so nothing is known of how far "
    "they could lie apart."
)


def figure_of(metric: Metric, scores: Sequence[SampleScore]) -> Figure:
    """A metric over scores."""
    value = interval(metric, scores)
    return Figure(value=value, reason="" if value else f"The {metric.name} is undefined here.")


def kappa(pairs: Sequence[Pair], scores: Sequence[SampleScore], kind: Kind) -> Figure:
    """Kappa, where both raters tell at least two things apart; else it compares nothing.

    Its interval is the delta method's for the inverse hyperbolic tangent, as Fisher's of a
    correlation (Metron 1 (1921), 3-32): kappa is the more skewed the nearer to 1 it is and the
    rarer a label, and an interval of equal halves then covers too little.
    """
    if not pairs:
        return NO_PAIR
    for who, key in (("judge", judge_of), ("humans", human_of)):
        if len(given := {key(pair) for pair in pairs}) == 1:
            reason = f"The {who} gave one verdict alone, {given.pop()!r}; kappa compares nothing."
            return Figure(reason=reason)
    known = occurring(pairs)
    if kind == "labels":
        metric = kappa_of_labels([str(label) for label in known])
    else:
        metric = kappa_of_ratings(float(known[0]), float(known[-1]))
    found = figure_of(metric, scores)
    bounds = _bent(metric, statistics(metric, scores))
    if found.value is None or bounds is None:
        return found
    method = "cluster-robust t of the inverse hyperbolic tangent"
    low, high = bounds
    return Figure(value=replace(found.value, low=low, high=high, method=method))


def _bent(metric: Metric, counted: Statistics) -> Bounds | None:
    """The interval in a scale where kappa has no ends; None where it is at one, or no variation."""
    import numpy as np

    def bent(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        with np.errstate(divide="ignore", invalid="ignore"):
            turned: npt.NDArray[np.float64] = np.arctanh(metric.value(sums))
        return turned

    if abs(metric.value(counted.sums)) >= 1:
        return None
    ends = delta_interval(replace(metric, value=bent, low=-_FAR, high=_FAR), counted)
    return ends and (float(np.tanh(ends[0])), float(np.tanh(ends[1])))


def difference(both: Sequence[SampleScore], ends: tuple[float, float] | None) -> Figure:
    """The mean of judge - human over samples with both."""
    if not both:
        return NO_PAIR
    if ends is None:
        return _without_numbers(both)
    return figure_of(mean_difference(ends[1] - ends[0]), both)


def _without_numbers(scores: Sequence[SampleScore]) -> Figure:
    return _NO_SCALE if any(JUDGE in s.values or HUMAN in s.values for s in scores) else _NO_NUMBER


def mean_of(
    scores: Sequence[SampleScore], who: str, ends: tuple[float, float] | None, kind: Kind
) -> Figure:
    """The plain mean of one rater's verdicts, over all that this rater gave."""
    if not any(who in s.values or who in s.tags for s in scores):
        return Figure(reason=f"There is no verdict of the {who}.")
    if ends is None:
        return _without_numbers(scores)

    def given(score: SampleScore) -> bool:
        return who in score.values

    metric = mean(f"{who} mean", of=who, only=given)
    labels = kind == "labels"
    return figure_of(replace(metric, low=ends[0], high=ends[1], proportion=labels), scores)


def corrected(scores: Sequence[SampleScore], ends: tuple[float, float] | None) -> Figure:
    """The prediction-powered mean; without an interval where labels cannot tell how far it is off.

    Where human - judge is the same in all labelled samples, as where all agree, the delta method
    would take the correction for known, and be as narrow with three labels as with three thousand.
    """
    both = [score for score in scores if has_both_numbers(score)]
    if ends is None or not both:
        judged = any("agreed" in score.values for score in scores)
        return _without_numbers(scores) if judged else NO_PAIR
    metric, counted = prediction_powered(*ends), [s for s in scores if JUDGE in s.values]
    gaps = [score.values[HUMAN] - score.values[JUDGE] for score in both]
    labelled, bounds = len({score.cluster for score in both}), None
    if labelled == 1:
        method = "none (labels in one cluster)"
    elif max(gaps) - min(gaps) <= SAME * (ends[1] - ends[0]):
        method = "none (all labels differ alike from the judge)"
    else:
        method = f"cluster-robust t on {labelled} labelled clusters"
        bounds = _known_from(labelled, metric, counted)
    value = MetricValue(
        value=total(metric, scores),
        low=bounds and bounds[0],
        high=bounds and bounds[1],
        method=method if bounds or method.startswith("none") else "none (no variation)",
        n=len(counted),
        clusters=len({score.cluster for score in counted}),
        maximum=metric.high,
    )
    return Figure(value=value)


def _known_from(labelled: int, metric: Metric, scores: Sequence[SampleScore]) -> Bounds | None:
    """The delta method's interval where few of the clusters tell how far the judge is off.

    The variance is as well known as that of human - judge is, which the labelled clusters alone
    tell: so many less one are the degrees of freedom (or fewer, where clusters are of unlike
    weight), and the factor of its estimate is theirs.
    """
    from scipy.special import stdtrit

    counted = statistics(metric, scores)
    found = standard_error(metric, counted)
    if found is None or found.error <= SAME * (metric.high - metric.low):
        return None
    factor = labelled / (labelled - 1) * (counted.clusters - 1) / counted.clusters
    value = float(metric.value(counted.sums))
    quantile = float(stdtrit(min(labelled - 1, found.df), (1 + LEVEL) / 2))
    reach = quantile * factor**0.5 * found.error
    return min(max(value - reach, metric.low), value), max(min(value + reach, metric.high), value)
