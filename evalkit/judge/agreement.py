"""The judge is judged: how far its verdicts agree with those that people gave to the same answers.

Everything is a pure function of pairs of verdicts. Intervals are those of `evalkit.stats`, by
clusters. Whatever cannot be said is None, and a sentence says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalkit.judge.kinds import Kind
from evalkit.judge.measures import (
    HUMAN,
    JUDGE,
    kappa_of_labels,
    kappa_of_ratings,
    mean_difference,
    prediction_powered,
)
from evalkit.judge.pairs import Pair, checked_kind, ends_of, has_both, score_of
from evalkit.metrics.basic import accuracy, mean
from evalkit.records import MetricValue, SampleScore
from evalkit.stats import FEW_CLUSTERS, FEW_HITS, interval
from evalkit.sums import total
from evalkit.task import Metric

__all__ = ["Calibration", "Confusion", "Figure", "LengthBias", "Pair", "calibrate"]

FEW_FOR_RHO = 10
"""With fewer samples than this the p-value of a rank correlation is not to be trusted."""

_SAME = 1e-9  # differences that are closer than this share of the scale are equal


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number with its interval, or None and the reason why there is none.

    Attributes:
        value: The number. Where it has no interval, its `method` says why.
        reason: A sentence; empty where there is a number.
    """

    value: MetricValue | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """How often the judge said one thing where the human said another.

    Attributes:
        labels: Every label or rating that occurs in a pair, in order.
        counts: Rows by the judge's, columns by the human's verdict, in the order of `labels`.
    """

    labels: tuple[str | float, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthBias:
    """Whether the judge is milder than people on longer answers.

    Attributes:
        rho: Spearman's rank correlation of judge - human with the length of the answer (Spearman,
            American Journal of Psychology 15 (1904), 72-101; `scipy.stats.spearmanr`); None where
            `reason` says why.
        p: Its p-value by the t approximation, which takes samples for independent.
        reason: Why there is no correlation; else empty.
        median: Middle length of the labelled answers; None where there is none.
        shorter: The mean of judge - human over answers of at most the median length.
        longer: The same over the others.
    """

    rho: float | None
    p: float | None
    reason: str
    median: float | None
    shorter: Figure
    longer: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What human labels say of a judge.

    Attributes:
        kind: Whether verdicts are labels or ratings.
        positive: The label that counts as 1, the others as 0; None for ratings, or where none was
            named.
        tolerance: Ratings that differ by this much agree.
        scale: The smallest and the largest possible number; None where there is no number.
        answers: Pairs that were given.
        judged: Pairs with a verdict of the judge.
        labelled: Pairs with a human label.
        n: Pairs with both.
        agreement: The share of pairs whose two verdicts agree.
        kappa: Cohen's kappa: nominal for labels, with quadratic weights for ratings.
        difference: The mean of judge - human.
        confusion: The confusion table.
        length: Bias towards length.
        corrected: The mean human verdict, from the judge on all and humans on a few.
        human_mean: The mean human verdict, from the labelled samples alone.
        judge_mean: The mean verdict of the judge over all judged samples.
        notes: Sentences on what a reader must know.
    """

    kind: Kind
    positive: str | None
    tolerance: float
    scale: tuple[float, float] | None
    answers: int
    judged: int
    labelled: int
    n: int
    agreement: Figure
    kappa: Figure
    difference: Figure
    confusion: Confusion
    length: LengthBias
    corrected: Figure
    human_mean: Figure
    judge_mean: Figure
    notes: tuple[str, ...]


def calibrate(
    pairs: Iterable[Pair],
    *,
    positive: str | None = None,
    tolerance: float = 0.0,
    labels: Sequence[str] = (),
    scale: tuple[float, float] | None = None,
) -> Calibration:
    """Compare a judge with people.

    Args:
        pairs: One a sample, in any order: the result is the same to the last digit.
        positive: For labels: the one that counts as 1. Without it labels have no mean.
        tolerance: For ratings: those that differ by this much agree.
        labels: For labels: all that the rubric knows; none is any.
        scale: For ratings: the smallest and the largest that the rubric knows; None is those that
            occur.

    Raises:
        UsageError: A sample is given twice, labels and ratings are mixed, a verdict is no label
            that is known and no number on the scale, or an option does not fit the verdicts.
    """
    ordered = sorted(pairs, key=lambda pair: pair.sample_id)
    kind = checked_kind(ordered, positive, tolerance, labels, scale)
    ends = ends_of(ordered, kind, positive, scale)
    scores = [score_of(pair, kind, positive, tolerance) for pair in ordered]
    found = _compared(ordered, scores, kind, ends, positive=positive, tolerance=tolerance)
    return replace(found, notes=tuple(_notes(ordered, found, scale)))


def _compared(
    pairs: Sequence[Pair],
    scores: Sequence[SampleScore],
    kind: Kind,
    ends: tuple[float, float] | None,
    *,
    positive: str | None,
    tolerance: float,
) -> Calibration:
    """The calibration of checked pairs and their scores, without its notes."""
    both = [s for s, pair in zip(scores, pairs, strict=True) if has_both(pair)]
    paired = [pair for pair in pairs if has_both(pair)]
    return Calibration(
        kind=kind,
        positive=positive,
        tolerance=tolerance,
        scale=ends,
        answers=len(pairs),
        judged=sum(pair.judge is not None for pair in pairs),
        labelled=sum(pair.human is not None for pair in pairs),
        n=len(both),
        agreement=_figure(accuracy("agreement", of="agreed"), both) if both else _NO_PAIR,
        kappa=_kappa(paired, both, kind),
        difference=_difference(both, ends),
        confusion=_confusion(paired),
        length=_length_bias(paired, both, ends),
        corrected=_corrected(scores, ends),
        human_mean=_mean(scores, HUMAN, ends, kind),
        judge_mean=_mean(scores, JUDGE, ends, kind),
        notes=(),
    )


_NO_PAIR = Figure(reason="No sample has both a verdict of the judge and a human label.")
_NO_NUMBER = Figure(reason="Labels have a mean only if one of them is named as positive.")
_NO_SCALE = Figure(
    reason="All ratings are one number and the scale is not known, so nothing is known of how far "
    "they could lie apart."
)


def _figure(metric: Metric, scores: Sequence[SampleScore]) -> Figure:
    value = interval(metric, scores)
    return Figure(value=value, reason="" if value else f"The {metric.name} is undefined here.")


def _kappa(pairs: Sequence[Pair], scores: Sequence[SampleScore], kind: Kind) -> Figure:
    """Kappa, where both raters tell at least two things apart; else it compares nothing."""
    if not pairs:
        return _NO_PAIR
    for who, key in (("judge", _judge_of), ("humans", _human_of)):
        if len(given := {key(pair) for pair in pairs}) == 1:
            reason = f"The {who} gave one verdict alone, {given.pop()!r}; kappa compares nothing."
            return Figure(reason=reason)
    occurring = _occurring(pairs)
    if kind == "labels":
        return _figure(kappa_of_labels([str(label) for label in occurring]), scores)
    return _figure(kappa_of_ratings(float(occurring[0]), float(occurring[-1])), scores)


def _judge_of(pair: Pair) -> Any:
    return pair.judge if isinstance(pair.judge, str) else float(pair.judge or 0)


def _human_of(pair: Pair) -> Any:
    return pair.human if isinstance(pair.human, str) else float(pair.human or 0)


def _occurring(pairs: Iterable[Pair]) -> list[Any]:
    return sorted({verdict for pair in pairs for verdict in (_judge_of(pair), _human_of(pair))})


def _confusion(pairs: Sequence[Pair]) -> Confusion:
    occurring = _occurring(pairs)
    places = {verdict: place for place, verdict in enumerate(occurring)}
    counts = [[0] * len(occurring) for _ in occurring]
    for pair in pairs:
        counts[places[_judge_of(pair)]][places[_human_of(pair)]] += 1
    return Confusion(labels=tuple(occurring), counts=tuple(map(tuple, counts)))


def _difference(both: Sequence[SampleScore], ends: tuple[float, float] | None) -> Figure:
    if not both:
        return _NO_PAIR
    if ends is None:
        return _without_numbers(both)
    return _figure(mean_difference(ends[1] - ends[0]), both)


def _without_numbers(scores: Sequence[SampleScore]) -> Figure:
    return _NO_SCALE if any(JUDGE in s.values or HUMAN in s.values for s in scores) else _NO_NUMBER


def _mean(
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
    return _figure(replace(metric, low=ends[0], high=ends[1], proportion=labels), scores)


def _corrected(scores: Sequence[SampleScore], ends: tuple[float, float] | None) -> Figure:
    """The prediction-powered mean; without an interval where labels cannot tell how far it is off.

    Where human - judge is the same in all labelled samples, as where all agree, the delta method
    would take the correction for known, and be as narrow with three labels as with three thousand.
    """
    both = [s for s in scores if JUDGE in s.values and HUMAN in s.values]
    if ends is None or not both:
        judged = any("agreed" in s.values for s in scores)
        return _without_numbers(scores) if judged else _NO_PAIR
    metric = prediction_powered(*ends)
    gaps = [s.values[HUMAN] - s.values[JUDGE] for s in both]
    silent = ""
    if len({s.cluster for s in both}) == 1:
        silent = "none (labels in one cluster)"
    elif max(gaps) - min(gaps) <= _SAME * (ends[1] - ends[0]):
        silent = "none (all labels differ alike from the judge)"
    if not silent:
        return _figure(metric, scores)
    counted = [s for s in scores if JUDGE in s.values]
    value = MetricValue(
        value=total(metric, scores),
        low=None,
        high=None,
        method=silent,
        n=len(counted),
        clusters=len({s.cluster for s in counted}),
        maximum=metric.high,
    )
    return Figure(value=value)


# Length


def _length_bias(
    pairs: Sequence[Pair], both: Sequence[SampleScore], ends: tuple[float, float] | None
) -> LengthBias:
    from statistics import median

    middle = float(median(pair.length for pair in pairs)) if pairs else None
    rho, p, reason = _correlation(pairs, both, ends)

    def half(belongs: Callable[[float], bool]) -> Figure:
        held = [s for s, pair in zip(both, pairs, strict=True) if belongs(pair.length)]
        if both and not held:
            return Figure(reason="All labelled answers are of the median length or shorter.")
        return _difference(held, ends)

    return LengthBias(
        rho=rho,
        p=p,
        reason=reason,
        median=middle,
        shorter=half(lambda length: middle is not None and length <= middle),
        longer=half(lambda length: middle is not None and length > middle),
    )


def _correlation(
    pairs: Sequence[Pair], both: Sequence[SampleScore], ends: tuple[float, float] | None
) -> tuple[float | None, float | None, str]:
    """Spearman's rho of judge - human with the length, its p-value, or the reason for neither."""
    if not both or ends is None:
        return None, None, _difference(both, ends).reason
    # Rounded, so that 0.3 - 0.2 and 0.2 - 0.1 have one rank.
    gaps = [round((s.values[JUDGE] - s.values[HUMAN]) / (ends[1] - ends[0]), 9) for s in both]
    if len(pairs) < FEW_FOR_RHO:
        return None, None, f"Fewer than {FEW_FOR_RHO} samples have both verdicts."
    if len(set(gaps)) == 1:
        return None, None, "The judge is equally far from the human label in all samples."
    if len({pair.length for pair in pairs}) == 1:
        return None, None, "All labelled answers are of one length."
    from scipy.stats import spearmanr

    found = spearmanr(gaps, [pair.length for pair in pairs])
    return float(found.statistic), float(found.pvalue), ""


# What a reader must know


def _notes(
    pairs: Sequence[Pair], found: Calibration, scale: tuple[float, float] | None
) -> Iterable[str]:
    if failed := found.answers - found.judged:
        yield (
            f"{failed} of {found.answers} answers have no verdict of the judge; they count in the "
            "human mean alone, if labelled."
        )
    if found.kind == "ratings" and scale is None:
        yield "The scale was not given; it is taken to end at the ratings that occur."
    if found.corrected.value is None:
        return
    if found.n == found.answers:
        yield "Every answer is labelled, so the corrected mean is the humans' own."
        return
    yield "The corrected mean is right only if the labelled answers were drawn at random."
    if found.corrected.value.low is not None:
        yield from _few(pairs, found.kind)
    if _wider(found.corrected, found.human_mean):
        yield "The judge adds nothing here: the labels alone give as narrow an interval."


def _few(pairs: Sequence[Pair], kind: Kind) -> Iterable[str]:
    """Why the interval of the corrected mean covers less than it says: t intervals need many."""
    both = [pair for pair in pairs if has_both(pair)]
    clusters = len({pair.cluster for pair in both})
    apart = sum(pair.judge != pair.human for pair in both)
    few = f"labels from {clusters} independent clusters" if clusters < FEW_CLUSTERS else ""
    if not few and kind == "labels" and apart < FEW_HITS:
        few = f"{len(both)} labels, and the {apart} of them that differ from the judge's verdict"
    if few:
        yield f"The corrected mean rests on {few}: its interval is narrower than it ought to be."


def _wider(one: Figure, two: Figure) -> bool:
    first, second = _width(one), _width(two)
    return first is not None and second is not None and first >= second


def _width(figure: Figure) -> float | None:
    value = figure.value
    return (
        None if value is None or value.low is None or value.high is None else value.high - value.low
    )
