"""Rank ranges: the best and the worst rank that a model may have, all of a group held together.

If all claims "i is better than j" of a group are right, a model's true rank lies between one more
than the number of those that are better for sure, and the number of those for which that is not
sure the other way round. The claims rest on simultaneous comparisons, so with the group's level all
ranges hold at once (Mogstad, Romano, Shaikh and Wilhelm, Review of Economic Studies 91 (2024),
476-518; from intervals alone: Klein, Wright and Wieczorek, JRSS A 183 (2020), 589-606).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.board.counting import Counted, has_scores, tally
from evalkit.board.pairwise import adjusted_p
from evalkit.compare.comparable import mismatches
from evalkit.compare.sides import Scored
from evalkit.records import MetricValue
from evalkit.run_record import RunRecord, TaskResult

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LEVEL = 0.95
"""The chance that all ranges of a group hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A number that is to be ranked.

    Attributes:
        value: The number with its interval.
        counted: Its sums by cluster; None where there are no scored samples.
    """

    value: MetricValue
    counted: Counted | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The ranks of a group.

    Attributes:
        ranges: The best and the worst rank of each, from 1.
        better: Shape (m, m): whether the first is better than the second for sure.
        by: What each one's ranks rest on: "scores", "intervals" or "both".
    """

    ranges: tuple[tuple[int, int], ...]
    better: npt.NDArray[np.bool_]
    by: tuple[str, ...]


def ranked(
    rivals: Sequence[Rival], *, higher: bool = True, level: float = LEVEL, seed: int = 0
) -> Ranking:
    """The rank ranges of numbers that may stand beside each other.

    Pairs of which both have scored samples of the same questions are compared sample by sample; for
    all others, and where samples say nothing (`adjusted_p`), the two intervals, stretched to hold
    together, must not touch. Where there are pairs of both kinds each kind has half of the error.

    Args:
        rivals: One or more.
        higher: Whether more is better.
        level: The chance that all ranges hold.
        seed: Of the generator.
    """
    import numpy as np

    p = _paired_p(rivals, seed)
    paired = ~np.isnan(p)
    others = ~paired & ~np.eye(len(rivals), dtype=bool)
    have = np.array([one.value.low is not None and one.value.high is not None for one in rivals])
    split = paired.any() and (others & np.outer(have, have)).any()
    alpha = (1 - level) / (2 if split else 1)
    ahead = (p <= alpha) & _above(rivals)
    if others.any():
        ahead |= others & _apart(rivals, alpha)
    better = ahead if higher else ahead.T
    return Ranking(ranges=ranges(better), better=better, by=_grounds(paired, others))


def ranges(better: npt.NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """The best and the worst rank of each, from who is better than whom for sure.

    Args:
        better: Shape (m, m): whether the first is better than the second.
    """
    above, below = better.sum(axis=0), better.sum(axis=1)
    pairs = zip(above.tolist(), below.tolist(), strict=True)
    return tuple((1 + up, len(better) - down) for up, down in pairs)


def _paired_p(rivals: Sequence[Rival], seed: int) -> npt.NDArray[np.float64]:
    """Shape (m, m): p-values sample by sample, of those of the commonest samples; else NaN."""
    import numpy as np

    digests = [None if one.counted is None else one.counted.samples for one in rivals]
    known = [digest for digest in digests if digest is not None]
    commonest = max(sorted(set(known)), key=known.count, default=None)
    members = [one.counted for one in rivals if one.counted and one.counted.samples == commonest]
    places = [i for i, digest in enumerate(digests) if digest is not None and digest == commonest]
    found = np.full((len(rivals), len(rivals)), np.nan)
    if members:
        found[np.ix_(places, places)] = adjusted_p(members, seed=seed)
    np.fill_diagonal(found, np.nan)
    return found


def _above(rivals: Sequence[Rival]) -> npt.NDArray[np.bool_]:
    import numpy as np

    values = np.array([one.value.value for one in rivals])
    found: npt.NDArray[np.bool_] = values[:, None] > values[None, :]
    return found


def _apart(rivals: Sequence[Rival], alpha: float) -> npt.NDArray[np.bool_]:
    """Shape (m, m): whether the first's interval lies above the second's, both stretched."""
    import numpy as np

    ends = [stretched(one.value, 1 - alpha / len(rivals)) for one in rivals]
    low, high = (np.array(side) for side in zip(*ends, strict=True))
    found: npt.NDArray[np.bool_] = low[:, None] > high[None, :]
    return found


def stretched(value: MetricValue, level: float) -> tuple[float, float]:
    """A recorded interval of 95 %, at another level: each side by the quotient of t's quantiles.

    What has no interval may be anywhere.
    """
    from scipy.special import stdtrit

    if value.low is None or value.high is None:
        return float("-inf"), float("inf")
    df = max((value.clusters or 2) - 1, 1)
    factor = float(stdtrit(df, (1 + level) / 2) / stdtrit(df, (1 + LEVEL) / 2))
    down, up = value.value - value.low, value.high - value.value
    return value.value - factor * down, value.value + factor * up


def _grounds(paired: npt.NDArray[np.bool_], others: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    names = {(True, True): "both", (True, False): "scores", (False, True): "intervals"}
    pairs = [(bool(one.any()), bool(two.any())) for one, two in zip(paired, others, strict=True)]
    return tuple(names.get(pair, "") for pair in pairs)


def undistinguished(
    results: Sequence[tuple[RunRecord, TaskResult, Scored | None]], metric: str
) -> frozenset[int]:
    """The places of results that may be the best: the best number, its equals, and who may be it.

    Only what may be compared with the best is among them, an equal number of other data is not; of
    one publication all numbers may. A number without an interval is told from all others but its
    equals, since nothing says by how much it could be wrong. Of equal numbers that may not be
    compared one with an interval is the best, and of several the first.

    Args:
        results: Each with its record and, where they are at hand, its scored samples.
        metric: The metric; results that lack it are not looked at.
    """
    held = [i for i, (_, result, _) in enumerate(results) if metric in result.metrics]
    if not held:
        return frozenset()
    rivals, directions = {}, []
    for i in held:
        record, result, scored = results[i]
        found = tally(record, result, scored if has_scores(scored, result) else None)
        rivals[i] = Rival(value=result.metrics[metric], counted=found.counted.get(metric))
        directions.append(found.better.get(metric, True))
    higher = False not in directions
    values = {i: rivals[i].value.value for i in held}
    top = (max if higher else min)(values.values())
    best = max((i for i in held if values[i] == top), key=lambda i: _is_known(rivals[i]))
    like = [i for i in held if i == best or _is_comparable(results[best], results[i])]
    equal = {i for i in like if values[i] == top}
    beside = [i for i in like if _is_known(rivals[i])]
    if best not in beside:
        return frozenset(equal)
    ranking = ranked([rivals[i] for i in beside], higher=higher)
    first = {i for i, (rank, _) in zip(beside, ranking.ranges, strict=True) if rank == 1}
    return frozenset(equal | first)


def _is_known(rival: Rival) -> bool:
    """Whether something says by how much the number could be wrong."""
    return rival.value.low is not None or rival.counted is not None


def _is_comparable(
    best: tuple[RunRecord, TaskResult, Scored | None],
    other: tuple[RunRecord, TaskResult, Scored | None],
) -> bool:
    """Whether two results may be compared: by their fingerprints, or as of one publication."""
    one, two = best[0].publication, other[0].publication
    if one is not None and two is not None and one.digest == two.digest:
        return True
    return all(m.waived for m in mismatches(best[1], other[1], ("preprocessing",)))


ALLOWED: Mapping[str, str] = {
    "preprocessing": "each model's own processor prepares its pictures",
}
"""Parts of fingerprints that may differ in a group where nothing else is said, each with why."""
