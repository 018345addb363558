"""The judge is judged: how far its verdicts agree with those that people gave to the same answers.

Everything is a pure function of pairs of verdicts. Intervals are those of `evalkit.stats`, by
clusters. Whatever cannot be said is None, and a sentence says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalkit.judge.figures import (
    NO_PAIR,
    Figure,
    corrected,
    difference,
    figure_of,
    kappa,
    mean_of,
)
from evalkit.judge.kinds import Kind
from evalkit.judge.length_bias import LengthBias, length_bias
from evalkit.judge.measures import HUMAN, JUDGE
from evalkit.judge.pairs import (
    Pair,
    checked_kind,
    ends_of,
    has_both,
    human_of,
    judge_of,
    occurring,
    score_of,
)
from evalkit.metrics.basic import accuracy
from evalkit.records import SampleScore
from evalkit.stats import FEW_CLUSTERS, FEW_HITS

__all__ = ["Calibration", "Confusion", "Figure", "LengthBias", "Pair", "calibrate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """How often the judge said one thing where the human said another.

    Attributes:
        labels: Every label or rating that occurs in a pair, in order; ratings in six digits.
        counts: Rows by the judge's, columns by the human's verdict, in the order of `labels`.
    """

    labels: tuple[str | float, ...]
    counts: tuple[tuple[int, ...], ...]


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
    notes: Sequence[str] = (),
) -> Calibration:
    """Compare a judge with people.

    Args:
        pairs: One a sample, in any order: the result is the same to the last digit.
        positive: For labels: the one that counts as 1. Without it labels have no mean.
        tolerance: For ratings: those that differ by this much agree.
        labels: For labels: all that the rubric knows; none is any.
        scale: For ratings: the smallest and the largest that the rubric knows; None is those that
            occur.
        notes: Sentences on the pairs that a reader must know.

    Raises:
        UsageError: A sample is given twice, labels and ratings are mixed, a verdict is no label
            that is known and no number on the scale, or an option does not fit the verdicts.
    """
    ordered = sorted(pairs, key=lambda pair: pair.sample_id)
    kind = checked_kind(ordered, positive, tolerance, labels, scale)
    ends = ends_of(ordered, kind, positive, scale)
    scores = [score_of(pair, kind, positive, tolerance) for pair in ordered]
    found = _compared(ordered, scores, kind, ends, positive=positive, tolerance=tolerance)
    return replace(found, notes=(*notes, *_notes(ordered, found, scale)))


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
        agreement=figure_of(accuracy("agreement", of="agreed"), both) if both else NO_PAIR,
        kappa=kappa(paired, both, kind),
        difference=difference(both, ends),
        confusion=_confusion(paired),
        length=length_bias(paired, both, ends),
        corrected=corrected(scores, ends),
        human_mean=mean_of(scores, HUMAN, ends, kind),
        judge_mean=mean_of(scores, JUDGE, ends, kind),
        notes=(),
    )


def _confusion(pairs: Sequence[Pair]) -> Confusion:
    known = sorted({_rounded(verdict) for verdict in occurring(pairs)})
    places = {verdict: place for place, verdict in enumerate(known)}
    counts = [[0] * len(known) for _ in known]
    for pair in pairs:
        counts[places[_rounded(judge_of(pair))]][places[_rounded(human_of(pair))]] += 1
    return Confusion(labels=tuple(known), counts=tuple(map(tuple, counts)))


def _rounded(verdict: Any) -> Any:
    """A rating in the six digits that are shown: a mean of votes may be next to another."""
    return verdict if isinstance(verdict, str) else float(f"{verdict:g}")


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
    if 0 < found.length.n < found.n:
        yield f"The length of {found.n - found.length.n} labelled answers is not known."
    both = [pair for pair in pairs if has_both(pair)]
    if found.kappa.value is not None and found.kappa.value.low is not None:
        yield from _few_of_kappa(both)
    if found.corrected.value is not None:
        yield from _notes_on_the_mean(both, found)


def _notes_on_the_mean(both: Sequence[Pair], found: Calibration) -> Iterable[str]:
    if found.n == found.answers:
        yield "Every answer is labelled, so the corrected mean is the humans' own."
        return
    yield "The corrected mean is right only if the labelled answers were drawn at random."
    if found.corrected.value and found.corrected.value.low is not None:
        yield from _few(both, found.kind)
    if _wider(found.corrected, found.human_mean):
        yield "The judge adds nothing here: the labels alone give as narrow an interval."


def _few_of_kappa(both: Sequence[Pair]) -> Iterable[str]:
    """Why kappa's interval covers less than it says: it hangs on what is not the common verdict."""
    clusters = len({pair.cluster for pair in both})
    times = Counter(verdict for pair in both for verdict in (judge_of(pair), human_of(pair)))
    common, _ = times.most_common(1)[0]
    others = sum(judge_of(pair) != common or human_of(pair) != common for pair in both)
    few = f"labels from {clusters} independent clusters" if clusters < FEW_CLUSTERS else ""
    if not few and others < FEW_HITS:
        few = f"the {others} of {len(both)} samples on which not both say {common!r}"
    if few:
        yield f"Kappa rests on {few}: its interval may be too narrow."


def _few(both: Sequence[Pair], kind: Kind) -> Iterable[str]:
    """Why the interval of the corrected mean may cover less than it says: t needs many."""
    clusters = len({pair.cluster for pair in both})
    apart = sum(pair.judge != pair.human for pair in both)
    few = f"labels from {clusters} independent clusters" if clusters < FEW_CLUSTERS else ""
    if not few and kind == "labels" and apart < FEW_HITS:
        few = f"{len(both)} labels, and the {apart} of them that differ from the judge's verdict"
    if few:
        yield f"The corrected mean rests on {few}: its interval may be too narrow."


def _wider(one: Figure, two: Figure) -> bool:
    first, second = _width(one), _width(two)
    return first is not None and second is not None and first >= second


def _width(figure: Figure) -> float | None:
    value = figure.value
    return (
        None if value is None or value.low is None or value.high is None else value.high - value.low
    )
