"""All pairs of a group at once: which of two models is better, and for sure of all pairs together.

Every model answered the same questions, so two of them are compared cluster by cluster, and their
difference has a cluster-robust standard error. Of m models there are m (m - 1) / 2 differences,
which hang together: all of a model's move with it. So the critical value is the quantile of the
largest of |x_i - x_j| / sd(x_i - x_j), with x normal and the covariance that the clusters show
(single-step max-t: Hothorn, Bretz and Westfall, Biometrical Journal 50 (2008), 346-363; that the
normal law is right for the maximum of many averages: Chernozhukov, Chetverikov and Kato, Annals of
Statistics 41 (2013), 2786-2819). Each difference enters as the normal quantile of its own
Student's t, with the score test's error (`evalkit.difference`); where few clusters differ, as that
of the p-value of all exchanges of the two models' rows (`_exchanged_p`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from evalkit import leverage
from evalkit.board.counting import Counted
from evalkit.difference import EQUAL, FEW_DISCORDANT, Case
from evalkit.gradient import gradient
from evalkit.paired import as_large
from evalkit.resampling import ENUMERABLE, all_exchanges, exchanged, settled
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

DRAWS = 10_000
"""Draws of the largest statistic, and exchanges."""

SOME_DISCORDANT = 40
"""With more clusters in which two models differ, exchanges say no more than the score test."""

FEW_DF = 20
"""With fewer degrees of freedom exchanges are asked in any case: whole strata differ."""

_JITTER = 1e-9  # of the largest variance: models that answer alike have none between them


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """How far each cluster moves each model's number, to first order.

    Attributes:
        metric: The metric.
        values: Shape (m,): the numbers.
        moved: Shape (G, m): around 0 in each stratum; NaN where a number has no gradient, or
            a flat one.
        members: The models' sums.
        heaviest: Shape (m,): the most that one cluster's rows are in each number, where there are
            strata; 0 where there are none.
    """

    metric: Metric
    values: npt.NDArray[np.float64]
    moved: npt.NDArray[np.float64]
    members: Sequence[Counted]
    heaviest: npt.NDArray[np.float64]


def adjusted_p(
    members: Sequence[Counted], *, draws: int = DRAWS, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Two-sided p-values of all pairs, corrected for their number.

    Args:
        members: Two models or more, of the same metric and the same samples.
        draws: Of the largest statistic, and exchanges of a pair.
        seed: Of their generator; the p-values are a function of it.

    Returns:
        Shape (m, m), symmetric; 1 on the diagonal and where numbers are equal; NaN where nothing
        is known of a difference: there is a single cluster, or one that outweighs the others of
        several strata, or a number has no gradient, or a flat one.
    """
    import numpy as np

    order = sorted(range(len(members)), key=lambda i: members[i].by_cluster.tobytes())
    moves = _moves([members[i] for i in order])  # in an order that no name tells
    sizes = np.zeros((len(members), len(members)))
    for i, j in combinations(range(len(members)), 2):
        sizes[i, j] = sizes[j, i] = _size(moves, i, j, draws, seed)
    largest = _largest(moves, sizes > 0, draws, seed)
    beyond = len(largest) - np.searchsorted(largest, sizes, side="left")
    p = np.where(sizes > 0, (1 + beyond) / (1 + len(largest)), 1.0)
    found = np.empty_like(sizes)
    found[np.ix_(order, order)] = np.where(np.isnan(sizes), np.nan, p)
    return found


def _moves(members: Sequence[Counted]) -> Moves:
    import numpy as np

    metric = members[0].metric
    scale = np.mean([one.scale for one in members], axis=0)
    columns, heaviest = [], np.zeros(len(members))
    for place, one in enumerate(members):
        slopes = gradient(metric, one.sums, scale)
        if slopes is None or not slopes.any():  # a kink, or a step
            columns.append(np.full(len(one.strata), np.nan))
            continue
        moved = settled((one.by_cluster @ slopes)[:, None])[:, 0]
        columns.append(leverage.centred(moved, one.strata))
        if one.strata.any():
            heaviest[place] = (np.abs(one.by_cluster) @ np.abs(slopes)).max() / 2
    return Moves(
        metric=metric,
        values=np.array([float(metric.value(one.sums)) for one in members]),
        moved=np.stack(columns, axis=1),
        members=members,
        heaviest=heaviest,
    )


def _size(moves: Moves, i: int, j: int, draws: int, seed: int) -> float:
    """How sure a difference is, as a normal quantile; 0 where there is none, NaN where none knows.

    Of few discordant clusters exchanges alone tell. Of some more it is the surer of exchanges and
    the score test, whose t is never above the root of the number of clusters: 15 losses of 15 have
    p = 0.002 by it and are 2 of 32,768 exchanges. The same holds of many that fill whole strata,
    which leave few degrees of freedom.
    """
    import numpy as np
    from scipy.special import ndtri, stdtr

    far = abs(float(moves.values[i] - moves.values[j]))
    if far <= EQUAL * (moves.metric.high - moves.metric.low):
        return 0.0
    if not _is_known(moves, i, j):
        return float("nan")
    case, size, error, df = _case(moves, i, j), 0.0, np.inf, 0.0
    if len(case.halves) >= FEW_DISCORDANT:
        error, df = _error(moves, i, j, case)
    if len(case.halves) <= SOME_DISCORDANT or df < FEW_DF:
        size = max(0.0, float(-ndtri(_exchanged_p(case, draws, seed) / 2)))
    return max(size, float(-ndtri(stdtr(max(df, 1.0), -far / error))))


def _is_known(moves: Moves, i: int, j: int) -> bool:
    """Whether clusters say how sure a difference is."""
    import numpy as np

    shares, strata = moves.members[i].leverages, moves.members[i].strata
    if len(shares) < 2 or (leverage.heaviest(shares) and strata.any()):  # noqa: PLR2004
        return False
    return bool(
        np.isfinite(moves.moved[:, [i, j]]).all() and np.isfinite(moves.values[[i, j]]).all()
    )


def _case(moves: Moves, i: int, j: int) -> Case:
    """Two models as what exchanges are made of."""
    import numpy as np

    two = [moves.members[i], moves.members[j]]
    rows = settled(np.concatenate([one.by_cluster for one in two]))
    by_cluster = rows.reshape(2, len(two[0].strata), -1)
    return Case(
        metric=moves.metric,
        sums=np.stack([one.sums for one in two]),
        by_cluster=by_cluster,
        scale=np.mean([one.scale for one in two], axis=0),
        values=(float(moves.values[i]), float(moves.values[j])),
        strata=two[0].strata,
        leverages=two[0].leverages,
        discordant=(by_cluster[0] != by_cluster[1]).any(axis=1),
    )


def _error(moves: Moves, i: int, j: int, case: Case) -> tuple[float, float]:
    """The error of a difference if there is none in truth, and its degrees of freedom."""
    import numpy as np

    u, strata = moves.moved[:, i] - moves.moved[:, j], case.strata
    u[np.abs(u) <= EQUAL * _largest_move(moves)] = 0.0  # what all clusters of a stratum do alike
    variance, df, _ = leverage.variance_of(u, case.leverages, strata)
    jumps = u
    if leverage.few(strata).any():
        effects = _effects(moves, i, j)
        added = leverage.collapsed(effects * np.bincount(strata)[strata], strata)
        variance, df = added.to(variance, df or added.df)
        jumps = np.where(leverage.few(strata), effects, u)
    largest = max(_largest_move(moves), moves.heaviest[i], moves.heaviest[j])
    jump, far = _jump(jumps[case.discordant], largest), abs(case.difference)
    return max(variance + far**2 / len(u), jump * far) ** 0.5, df


def _exchanged_p(case: Case, draws: int, seed: int) -> float:
    """The share of exchanges with as large a difference, or larger: of all, or of many drawn.

    Each cluster's rows of the two models are exchanged, and the metric is computed anew
    (`evalkit.paired`), so it holds for whatever is no mean. Four losses and no win are 2 of 16
    exchanges, while the score test would call that significant.

    What is as large counts whole, and not half as in a comparison of two runs: a half is right on
    average over many comparisons and wrong in some (five losses and no win, which 6 % of equal
    pairs with five discordant clusters come to, would be 3 %), while ranks are to hold for all.
    """
    halves = case.halves
    if len(halves) <= ENUMERABLE:
        moved = all_exchanges(halves)
        return sum(as_large(case, moved)) / len(moved)
    return (1 + sum(as_large(case, exchanged(halves, draws, seed)))) / (1 + draws)


def _effects(moves: Moves, i: int, j: int) -> npt.NDArray[np.float64]:
    """Shape (G,): the difference that goes if a cluster's rows in both are the first's."""
    import numpy as np

    one, two = moves.members[i], moves.members[j]
    without = moves.metric.value(two.sums - two.by_cluster + one.by_cluster)
    found: npt.NDArray[np.float64] = np.nan_to_num(moves.values[j] - without)
    return found


def _largest_move(moves: Moves) -> float:
    """How far the heaviest cluster can move the metric: its share of the units, times the range."""
    metric = moves.metric
    width = metric.high - metric.low if metric.bounded else float(abs(moves.values).max())
    return float(width * moves.members[0].leverages.max())


def _jump(moved: npt.NDArray[np.float64], largest: float) -> float:
    """By how much one more discordant cluster would move a difference (`evalkit.difference`)."""
    import numpy as np

    squares, sizes = float((moved**2).sum()), np.abs(moved)
    jump = ((squares + largest**2) / (len(moved) + 1)) ** 0.5
    return float(max(jump, (sizes**3).sum() / squares if squares else 0.0))


def _largest(
    moves: Moves, asked: npt.NDArray[np.bool_], draws: int, seed: int
) -> npt.NDArray[np.float64]:
    """Shape (draws,): the largest statistic of the pairs asked about if none differ, ascending."""
    import numpy as np

    if not asked.any():
        return np.zeros(draws)
    factor = _factor(moves)
    x = factor @ np.random.default_rng(seed).standard_normal((len(factor), draws))
    found = np.zeros(draws)
    for i in range(len(factor)):
        rest = np.flatnonzero(asked[i, i + 1 :]) + i + 1
        for j in rest:
            spread = np.linalg.norm(factor[i] - factor[j])
            np.maximum(found, np.abs(x[i] - x[j]) / spread, out=found)
    return np.sort(found)


def _factor(moves: Moves) -> npt.NDArray[np.float64]:
    """Shape (m, m): a root of the numbers' covariance, which normal numbers are multiplied by."""
    import numpy as np

    moved, strata = np.nan_to_num(moves.moved), moves.members[0].strata
    sizes = np.bincount(strata)
    weights = (sizes / np.maximum(sizes - 1, 1))[strata]
    covariance = (moved * weights[:, None]).T @ moved
    top = float(np.diag(covariance).max()) or 1.0
    level = covariance + _JITTER * top * np.eye(len(covariance))
    return np.asarray(np.linalg.cholesky(level), dtype=np.float64)
