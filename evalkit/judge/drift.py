"""Whether a judge still gives the verdicts it gave: the same anchors, judged twice.

Where the second judge is another one, the same is said of the two, and nothing has moved.

Two things can go wrong, and each has a test at `ALPHA`: verdicts lean to one side of what they were
(McNemar's test, Wilcoxon's), or they change to and fro more often than is allowed, where the sides
balance and the first kind of test sees nothing. Anchors are taken for independent of each other.
Where a budget ended the asking and more is to come, the level is `EARLY`, and the test of all
anchors keeps its own: Haybittle's (1971) and Peto's (1976) rule for a look at unfinished data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from evalkit.errors import UsageError
from evalkit.judge.kinds import Kind, is_rating, kind_of, require_tolerance, within
from evalkit.judge.movement import Direction, Shift, many_flips, most_flips, tested

ALPHA = 0.05
"""A test says that the judge has moved where its p-value is at most this."""

EARLY = 0.001
"""The same where the judge's budget ended before all anchors were asked."""

FAR = 2.0
"""A judge that may flip more than so many times the allowed share is not called the same, unless
no more than the allowed share did flip."""

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
class Drift:
    """What two verdicts on the same anchors say of a judge.

    Attributes:
        kind: Whether verdicts are labels or ratings.
        tolerance: Ratings that differ by this much are the same.
        allowed: The share of anchors that may flip.
        alpha: The level of both tests: `ALPHA`, or `EARLY`.
        n: Anchors with both verdicts.
        unchanged: Those whose verdict is the same.
        flips: The others, by sample id.
        missing_before: Anchors that have a verdict now alone.
        missing_now: Anchors that had a verdict before alone.
        flip_share: Share of the n that flipped; None where n is 0.
        flip_p: Chance of so many flips or more, if `allowed` is the judge's share of flips.
        flips_at_most: The largest share of flips that is in keeping with those, at 95 % confidence;
            None where n is 0.
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
    flips_at_most: float | None
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
    early: bool = False,
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
        early: Whether they are missing since the budget was spent, and the rest is still to come.

    Raises:
        UsageError: Labels and ratings are mixed, a verdict is neither, or an option is impossible.
    """
    require_tolerance(tolerance)
    _require_share(allowed)
    kind = _shared_kind(before, now)
    shared = {name: (before[name], now[name]) for name in sorted(before.keys() & now.keys())}
    found = _compared(kind, shared, (tolerance, allowed))
    return replace(
        _worded(replace(found, alpha=EARLY if early else ALPHA), unhealthy, two=bool(another)),
        another=another,
        notes=notes,
        missing_before=tuple(sorted(now.keys() - before.keys())),
        missing_now=tuple(sorted(before.keys() - now.keys())),
    )


def _compared(
    kind: Kind,
    shared: Mapping[str, tuple[str | float, str | float]],
    limits: tuple[float, float],
) -> Drift:
    """The drift of anchors that have both verdicts, as (before, now), without the verdict on it."""
    n, (tolerance, allowed) = len(shared), limits
    flips = tuple(
        Flip(sample_id=name, before=old, now=new)
        for name, (old, new) in shared.items()
        if _has_changed(old, new, tolerance)
    )
    direction, shift = tested(kind, list(shared.values()))
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
        flip_p=many_flips(len(flips), n, allowed),
        flips_at_most=most_flips(len(flips), n),
        direction=direction,
        shift=shift,
        verdict="",
        sentence="",
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


# Words


def _worded(found: Drift, unhealthy: str, *, two: bool) -> Drift:
    """The drift with the verdict on one judge, or on two, and the sentence that begins with it."""
    verdict = _verdict(found, two=two)
    if unhealthy and verdict not in (MOVED, APART):
        sentence = f"{UNHEALTHY}: {unhealthy}; of {found.n} anchors {len(found.flips)} flipped."
        return replace(found, verdict=UNHEALTHY, sentence=sentence)
    return replace(found, verdict=verdict, sentence=f"{verdict}: {_reason(found, verdict)}.")


def _verdict(found: Drift, *, two: bool) -> str:
    if any(p is not None and p <= found.alpha for p in (found.direction.p, found.flip_p)):
        return APART if two else MOVED
    if found.direction.smallest_p > found.alpha or _may_flip_far_more(found):
        return UNKNOWN
    return ALIKE if two else SAME


def _may_flip_far_more(found: Drift) -> bool:
    """Whether more flipped than may, and as far as the anchors tell it could be far more."""
    share, most = found.flip_share or 0.0, found.flips_at_most or 0.0
    return share > found.allowed and most > FAR * found.allowed


def _reason(found: Drift, verdict: str) -> str:
    direction, flip_p, most = found.direction, found.flip_p, found.flips_at_most
    if direction.p is None or flip_p is None or most is None:
        return "no anchor was judged twice"
    if verdict == UNKNOWN and direction.smallest_p > found.alpha:
        return (
            f"were all {found.n} to move to one side, p would still be "
            f"{direction.smallest_p:.2g}, above {found.alpha:g}"
        )
    more = "clearly more" if flip_p <= found.alpha else "not clearly more"
    leaning = "and lean to one side" if direction.p <= found.alpha else "and lean to no side"
    return (
        f"{len(found.flips)} of {found.n} anchors flipped (at most {100 * most:.3g} % of all such "
        f"would, with 95 % confidence), {more} than the {100 * found.allowed:g} % that may (p = "
        f"{flip_p:.2g}), {leaning} (p = {direction.p:.2g}), at alpha = {found.alpha:g}"
    )
