"""Whether a judge still gives the verdicts it gave: the same anchors, judged twice.

Where the second judge is another one, the same is said of the two, and nothing has moved.

Two things can go wrong, and each has a test at `ALPHA`: verdicts lean to one side of what they were
(McNemar's test, Wilcoxon's), or they change to and fro more often than is allowed, where the sides
balance and the first kind of test sees nothing. Anchors are taken for independent of each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evalkit.errors import UsageError
from evalkit.judge.kinds import Kind, is_rating, kind_of, require_tolerance, within

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ALPHA = 0.05
"""A test says that the judge has moved where its p-value is at most this."""

MOST_EXACT = 500
"""Ratings that moved, of which the p-value is exact; of more it is approximated."""

SAME, MOVED, ALIKE, APART, UNKNOWN, UNHEALTHY = (
    "the judge gives the verdicts it gave",
    "the judge has moved",
    "the other judge gives the verdicts of the first",
    "the two judges differ",
    "too few anchors to tell",
    "too many of the judge's verdicts are missing",
)
"""The verdicts: the first two on one judge, the next two on two of them. The last stands in the
place of all that call no judge another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """An anchor whose verdict is another now: another label, or a rating beyond the tolerance."""

    sample_id: str
    before: str | float
    now: str | float


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What two verdicts on the same anchors say of a judge.

    Attributes:
        kind: Whether verdicts are labels or ratings.
        tolerance: Ratings that differ by this much are the same.
        allowed: The share of anchors that may flip.
        alpha: The level of both tests.
        n: Anchors with both verdicts.
        unchanged: Those whose verdict is the same.
        flips: The others, by sample id.
        missing_before: Anchors that have a verdict now alone.
        missing_now: Anchors that had a verdict before alone.
        flip_share: Share of the n that flipped; None where n is 0.
        flip_p: Chance of so many flips or more, if `allowed` is the judge's share of flips.
        direction: The test of a lean to one side.
        shift: How far ratings moved in the mean; None for labels.
        verdict: `SAME` or `MOVED`, of two judges `ALIKE` or `APART`; `UNKNOWN`, or `UNHEALTHY`.
        sentence: The verdict with what it rests on.
        another: What makes the second judge another one; empty where it is the same.
        notes: What a reader should know of the verdicts.
    """

    kind: Kind
    tolerance: float
    allowed: float
    alpha: float
    n: int
    unchanged: int
    flips: tuple[Flip, ...]
    missing_before: tuple[str, ...]
    missing_now: tuple[str, ...]
    flip_share: float | None
    flip_p: float | None
    direction: Direction
    shift: Shift | None
    verdict: str
    sentence: str
    another: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def drift(
    before: Mapping[str, str | float],
    now: Mapping[str, str | float],
    *,
    tolerance: float = 0.0,
    allowed: float = 0.1,
    another: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    unhealthy: str = "",
) -> Drift:
    """Compare a judge's verdicts on anchors with those that it gave before.

    Args:
        before: Verdict by sample id, as it was.
        now: The same, as it is; each in any order.
        tolerance: For ratings: those that differ by this much are the same.
        allowed: The share of anchors that may flip without the judge having moved; a judge that is
            asked twice at once flips some.
        another: What makes the present judge another one than the earlier; empty: it is the same.
        notes: What a reader should know of the verdicts.
        unhealthy: Why too many present verdicts are missing to trust those that are there, in
            words; empty where they are not.

    Raises:
        UsageError: Labels and ratings are mixed, a verdict is neither, or an option is impossible.
    """
    require_tolerance(tolerance)
    _require_share(allowed)
    kind = _shared_kind(before, now)
    shared = {name: (before[name], now[name]) for name in sorted(before.keys() & now.keys())}
    found = _compared(kind, shared, (tolerance, allowed), two=bool(another))
    if unhealthy and found.verdict not in (MOVED, APART):
        sentence = f"{UNHEALTHY}: {unhealthy}; of {found.n} anchors {len(found.flips)} flipped."
        found = replace(found, verdict=UNHEALTHY, sentence=sentence)
    return replace(
        found,
        another=another,
        notes=notes,
        missing_before=tuple(sorted(now.keys() - before.keys())),
        missing_now=tuple(sorted(before.keys() - now.keys())),
    )


def _compared(
    kind: Kind,
    shared: Mapping[str, tuple[str | float, str | float]],
    limits: tuple[float, float],
    *,
    two: bool,
) -> Drift:
    """The drift of anchors that have both verdicts, as (before, now), of one judge or of two."""
    n, (tolerance, allowed) = len(shared), limits
    flips = tuple(
        Flip(sample_id=name, before=old, now=new)
        for name, (old, new) in shared.items()
        if _has_changed(old, new, tolerance)
    )
    direction, shift = _tested(kind, list(shared.values()))
    flip_p = _many_flips(len(flips), n, allowed)
    verdict = _verdict(direction, flip_p, two=two)
    return Drift(
        kind=kind,
        tolerance=tolerance,
        allowed=allowed,
        alpha=ALPHA,
        n=n,
        unchanged=n - len(flips),
        flips=flips,
        missing_before=(),
        missing_now=(),
        flip_share=len(flips) / n if n else None,
        flip_p=flip_p,
        direction=direction,
        shift=shift,
        verdict=verdict,
        sentence=_sentence(verdict, len(flips), n, direction, (flip_p, allowed)),
    )


def _require_share(allowed: float) -> None:
    if not (is_rating(allowed) and 0 <= allowed < 1):
        message = f"The share of anchors that may flip lies from 0 to below 1, not at {allowed!r}."
        raise UsageError(message)


def _shared_kind(before: Mapping[str, object], now: Mapping[str, object]) -> Kind:
    verdicts = [(f"the earlier verdict on {name!r}", v) for name, v in sorted(before.items())]
    verdicts += [(f"the present verdict on {name!r}", v) for name, v in sorted(now.items())]
    return kind_of(verdicts)


def _has_changed(before: str | float, now: str | float, tolerance: float) -> bool:
    if isinstance(before, str) or isinstance(now, str):
        return before != now
    return not within(before, now, tolerance)


# Tests


def _tested(
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


def _many_flips(flips: int, n: int, allowed: float) -> float | None:
    """The exact chance of so many flips or more if each anchor flips with the allowed chance."""
    from scipy.stats import binomtest

    return float(binomtest(flips, n, allowed, alternative="greater").pvalue) if n else None


# Words


def _verdict(direction: Direction, flip_p: float | None, *, two: bool) -> str:
    if any(p is not None and p <= ALPHA for p in (direction.p, flip_p)):
        return APART if two else MOVED
    if direction.smallest_p > ALPHA:
        return UNKNOWN
    return ALIKE if two else SAME


def _sentence(
    verdict: str, flips: int, n: int, direction: Direction, often: tuple[float | None, float]
) -> str:
    flip_p, allowed = often
    if direction.p is None or flip_p is None:
        return f"{verdict}: no anchor was judged twice."
    if verdict == UNKNOWN:
        return (
            f"{verdict}: were all {n} to move to one side, p would still be "
            f"{direction.smallest_p:.2g}, above {ALPHA:g}."
        )
    more = "clearly more" if flip_p <= ALPHA else "not clearly more"
    leaning = "and lean to one side" if direction.p <= ALPHA else "and lean to no side"
    return (
        f"{verdict}: {flips} of {n} anchors flipped, {more} than the {100 * allowed:g} % that may "
        f"(p = {flip_p:.2g}), {leaning} (p = {direction.p:.2g}), at alpha = {ALPHA:g}."
    )
