"""The tests of drift: a lean to one side, a shift, and too many flips. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.judge.kinds import Kind
from evalkit.stats import LEVEL

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST_EXACT = 500
"""Ratings that moved, of which the p-value is exact; of more it is approximated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """A test of whether verdicts lean to one side.

    Attributes:
        test: Which one, in words.
        p: Two-sided; None where nothing was judged twice.
        smallest_p: What p is if every anchor moves to one side: with fewer anchors it is larger.
        label: For labels: the one that `gained` and `lost` are about; None if there is none.
        gained: Anchors that have this label now and had another before.
        lost: Anchors that had it before and have another now.
    """

    test: str
    p: float | None
    smallest_p: float
    label: str | None = None
    gained: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """The mean of now - before over ratings, with its 95 % t interval.

    Attributes:
        mean: In the ratings' unit; None where `reason` says why.
        low: Lower end; None where `reason` says why.
        high: Upper end.
        reason: Why there is no mean, or no interval; else empty.
    """

    mean: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""


def tested(
    kind: Kind, pairs: Sequence[tuple[str | float, str | float]]
) -> tuple[Direction, Shift | None]:
    """The test of a lean to one side, and for ratings the mean shift."""
    if kind == "labels":
        return _mcnemar([(str(old), str(new)) for old, new in pairs]), None
    # Rounded, so that 0.3 - 0.2 and 0.2 - 0.1 have one rank.
    moves = [round(float(new) - float(old), 9) for old, new in pairs]
    return _wilcoxon(moves), _shift(moves)


def _mcnemar(pairs: Sequence[tuple[str, str]]) -> Direction:
    """McNemar's exact test of two labels; of more, of each against the others.

    Among the anchors that gained or lost a label, each way is as likely if the judge has not moved:
    McNemar, Psychometrika 12 (1947), 153-157, with the binomial in place of chi-squared. With k > 2
    labels the smallest of the k p-values is multiplied by k (Bonferroni), and its label named.
    """
    labels = sorted({label for pair in pairs for label in pair})
    if not pairs:
        return Direction(test="McNemar's exact test", p=None, smallest_p=1.0)
    several = len(labels) > 2  # noqa: PLR2004 - of two labels one gains what the other loses
    tested = labels if several else labels[-1:]
    times = len(tested)
    found = []
    for label in tested:
        gained = sum(a != label and b == label for a, b in pairs)
        lost = sum(a == label and b != label for a, b in pairs)
        found.append((min(1.0, times * _sign_test(gained, gained + lost)), label, gained, lost))
    p, label, gained, lost = min(found)
    return Direction(
        test="McNemar's exact test" + (f", each of {times} labels, Bonferroni" if several else ""),
        p=p,
        smallest_p=min(1.0, times * _sign_test(0, len(pairs))),
        label=label,
        gained=gained,
        lost=lost,
    )


def _sign_test(one_way: int, discordant: int) -> float:
    """The two-sided exact p-value of so many one way among the discordant; 1 where none is."""
    from scipy.stats import binomtest

    return float(binomtest(one_way, discordant).pvalue) if discordant else 1.0


def _wilcoxon(moves: list[float]) -> Direction:
    """Wilcoxon's signed-rank test of now - before; ratings that did not move are left out.

    Wilcoxon, Biometrics Bulletin 1 (1945), 80-83. Where no rating moved, p is 1.
    """
    name = "Wilcoxon's signed-rank test"
    smallest = _sign_test(0, len(moves))  # all ranks on one side: as likely as all signs alike
    moved = [move for move in moves if move]
    if not moved:
        return Direction(test=name, p=1.0 if moves else None, smallest_p=smallest)
    return Direction(test=name, p=_signed_rank(moved), smallest_p=smallest)


def _signed_rank(moved: list[float]) -> float:
    """The two-sided p-value of moves, exact also where several are of one size.

    The chances of all sums of ranks grow by one rank at a time. The normal approximation calls too
    often for a move where most are of one size, as on yes and no; it is left to very many.
    """
    import numpy as np
    from scipy.stats import rankdata, wilcoxon

    if len(moved) > MOST_EXACT:
        return float(wilcoxon(moved).pvalue)
    ranks = np.rint(2 * rankdata(np.abs(moved))).astype(int)  # halves are whole
    chances = np.zeros(1 + ranks.sum())
    chances[0] = 1.0
    for rank in ranks:
        chances[rank:] += chances[:-rank].copy()
        chances /= 2
    upward = int(ranks[np.array(moved) > 0].sum())
    tail = min(chances[: 1 + upward].sum(), chances[upward:].sum())
    return float(min(1.0, 2 * tail))


def _shift(moves: list[float]) -> Shift:
    """The paired mean difference with Student's interval (Biometrika 6 (1908), 1-25)."""
    import numpy as np

    if not moves:
        return Shift(reason="No anchor was judged twice.")
    held: npt.NDArray[np.float64] = np.array(moves)
    mean = float(held.mean())
    if len(set(moves)) == 1:
        reason = "One anchor has no spread." if len(moves) == 1 else "All anchors moved alike."
        return Shift(mean=mean, reason=reason)
    from scipy.stats import ttest_1samp

    ends = ttest_1samp(held, 0.0).confidence_interval(0.95)
    return Shift(mean=mean, low=float(ends.low), high=float(ends.high))


def many_flips(flips: int, n: int, allowed: float) -> float | None:
    """The exact chance of so many flips or more if each anchor flips with the allowed chance."""
    from scipy.stats import binomtest

    return float(binomtest(flips, n, allowed, alternative="greater").pvalue) if n else None


def most_flips(flips: int, n: int) -> float | None:
    """The largest share of flips that so many are in keeping with, with 95 % confidence; exact.

    The upper end of the one-sided interval of Clopper and Pearson (Biometrika 26 (1934), 404-413).
    """
    from scipy.special import betaincinv

    if not n:
        return None
    return 1.0 if flips == n else float(betaincinv(flips + 1, n - flips, LEVEL))
