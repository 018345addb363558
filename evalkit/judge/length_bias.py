"""Whether a judge is milder than people on longer answers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evalkit.judge.figures import Figure, difference
from evalkit.judge.measures import HUMAN, JUDGE
from evalkit.judge.pairs import Pair
from evalkit.records import SampleScore

FEW_FOR_RHO = 10
"""With fewer samples than this the p-value of a rank correlation is not to be trusted."""

_UNKNOWN = "The length of no labelled answer is known."


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthBias:
    """Whether the judge is milder than people on longer answers; of answers of known length.

    Attributes:
        n: Labelled answers whose length is known.
        rho: Spearman's rank correlation of judge - human with the length of the answer (Spearman,
            American Journal of Psychology 15 (1904), 72-101; `scipy.stats.spearmanr`); None where
            `reason` says why.
        p: Its p-value by the t approximation, which takes samples for independent.
        reason: Why there is no correlation; else empty.
        median: Middle length of the labelled answers; None where there is none.
        shorter: The mean of judge - human over answers of at most the median length.
        longer: The same over the others.
    """

    n: int
    rho: float | None
    p: float | None
    reason: str
    median: float | None
    shorter: Figure
    longer: Figure


def length_bias(
    pairs: Sequence[Pair], both: Sequence[SampleScore], ends: tuple[float, float] | None
) -> LengthBias:
    """The bias over pairs with both verdicts.

    Args:
        pairs: All have both verdicts.
        both: Their scores, in the same order.
        ends: The smallest and the largest possible number; None where there is none.
    """
    from statistics import median

    known = [
        (score, pair.length)
        for score, pair in zip(both, pairs, strict=True)
        if pair.length is not None
    ]
    middle = float(median(length for _, length in known)) if known else None
    rho, p, reason = _correlation(both, known, ends)

    def half(belongs: Callable[[float], bool]) -> Figure:
        held = [score for score, length in known if belongs(length)]
        if both and not known:
            return Figure(reason=_UNKNOWN)
        if known and not held:
            return Figure(reason="All labelled answers are of the median length or shorter.")
        return difference(held, ends)

    return LengthBias(
        n=len(known),
        rho=rho,
        p=p,
        reason=reason,
        median=middle,
        shorter=half(lambda length: middle is not None and length <= middle),
        longer=half(lambda length: middle is not None and length > middle),
    )


def _correlation(
    both: Sequence[SampleScore],
    known: Sequence[tuple[SampleScore, int]],
    ends: tuple[float, float] | None,
) -> tuple[float | None, float | None, str]:
    """Spearman's rho of judge - human with the length, its p-value, or the reason for neither."""
    if not both or ends is None:
        return None, None, difference(both, ends).reason
    if not known:
        return None, None, _UNKNOWN
    scores, lengths = zip(*known, strict=True)
    # Rounded, so that 0.3 - 0.2 and 0.2 - 0.1 have one rank.
    gaps = [round((s.values[JUDGE] - s.values[HUMAN]) / (ends[1] - ends[0]), 9) for s in scores]
    if len(known) < FEW_FOR_RHO:
        few = "have both verdicts and a known length" if len(known) < len(both) else ""
        return None, None, f"Fewer than {FEW_FOR_RHO} samples {few or 'have both verdicts'}."
    if len(set(gaps)) == 1:
        return None, None, "The judge is equally far from the human label in all samples."
    if len(set(lengths)) == 1:
        return None, None, "All labelled answers are of one length."
    from scipy.stats import spearmanr

    found = spearmanr(gaps, lengths)
    return float(found.statistic), float(found.pvalue), ""
