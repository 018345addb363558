"""All pairs of a group at once: which of two models is better, and for sure of all pairs together.

Every model answered the same questions, so two of them are compared cluster by cluster, and their
difference has a cluster-robust standard error. Of m models there are m (m - 1) / 2 differences,
which hang together: all of a model's move with it. So the critical value is the quantile of the
largest of |x_i - x_j| / sd(x_i - x_j), with x normal and the covariance that the clusters show
(single-step max-t: Hothorn, Bretz and Westfall, Biometrical Journal 50 (2008), 346-363; that the
normal law is right for the maximum of many averages: Chernozhukov, Chetverikov and Kato, Annals of
Statistics 41 (2013), 2786-2819). Each difference enters as the normal quantile of its own
Student's t, with the score test's error (`evalkit.difference`), and is no surer than all exchanges
of its clusters where few of them differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from evalkit import leverage
from evalkit.board.counting import Counted
from evalkit.difference import FEW_DISCORDANT
from evalkit.gradient import gradient
from evalkit.resampling import all_exchanges, settled
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

DRAWS = 10_000
"""Draws of the largest statistic."""

_JITTER = 1e-9  # of the largest variance: models that answer alike have none between them
_EQUAL = 1e-9  # of the metric's range: differences below are rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """How far each cluster moves each model's number, to first order.

    Attributes:
        metric: The metric.
        values: Shape (m,): the numbers.
        moved: Shape (G, m): around 0 in each stratum; NaN where a number has no gradient.
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
        draws: Of the largest statistic.
        seed: Of their generator; the p-values are a function of it.

    Returns:
        Shape (m, m), symmetric; 1 on the diagonal and where nothing is known of a difference.
    """
    import numpy as np

    order = sorted(range(len(members)), key=lambda i: members[i].by_cluster.tobytes())
    moves = _moves([members[i] for i in order])  # in an order that no name tells
    sizes = np.zeros((len(members), len(members)))
    for i, j in combinations(range(len(members)), 2):
        sizes[i, j] = sizes[j, i] = _size(moves, i, j)
    largest = _largest(moves, sizes > 0, draws, seed)
    if largest is None:
        return np.ones_like(sizes)
    beyond = len(largest) - np.searchsorted(largest, sizes, side="left")
    found = np.ones_like(sizes)
    found[np.ix_(order, order)] = np.where(sizes > 0, (1 + beyond) / (1 + len(largest)), 1.0)
    return found


def _moves(members: Sequence[Counted]) -> Moves:
    import numpy as np

    metric = members[0].metric
    scale = np.mean([one.scale for one in members], axis=0)
    columns, heaviest = [], np.zeros(len(members))
    for place, one in enumerate(members):
        slopes = gradient(metric, one.sums, scale)
        undefined = np.full(len(one.strata), np.nan)
        moved = undefined if slopes is None else settled((one.by_cluster @ slopes)[:, None])[:, 0]
        columns.append(leverage.centred(moved, one.strata))
        if slopes is not None and one.strata.any():
            heaviest[place] = (np.abs(one.by_cluster) @ np.abs(slopes)).max() / 2
    return Moves(
        metric=metric,
        values=np.array([float(metric.value(one.sums)) for one in members]),
        moved=np.stack(columns, axis=1),
        members=members,
        heaviest=heaviest,
    )


def _size(moves: Moves, i: int, j: int) -> float:
    """|difference| / error as a normal quantile; 0 where nothing is known, or nothing differs."""
    import numpy as np
    from scipy.special import ndtri, stdtr

    one, two = moves.members[i], moves.members[j]
    shares, strata = one.leverages, one.strata
    far = abs(float(moves.values[i] - moves.values[j]))
    u = moves.moved[:, i] - moves.moved[:, j]
    heavy = leverage.heaviest(shares) and strata.any()
    if not np.isfinite(u).all() or not np.isfinite(far) or len(u) < 2 or heavy:  # noqa: PLR2004
        return 0.0
    if far <= _EQUAL * (moves.metric.high - moves.metric.low):
        return 0.0
    differs = (settled(one.by_cluster) != settled(two.by_cluster)).any(axis=1)
    variance, df, _ = leverage.variance_of(u, shares, strata)
    jumps = u
    if leverage.few(strata).any():
        effects = _effects(moves, i, j)
        added = leverage.collapsed(effects * np.bincount(strata)[strata], strata)
        variance, df = added.to(variance, df)
        jumps = np.where(leverage.few(strata), effects, u)
    largest = max(_largest_move(moves), moves.heaviest[i], moves.heaviest[j])
    jump = _jump(jumps[differs], largest)
    error = max(variance + far**2 / len(u), jump * far) ** 0.5
    size = float(-ndtri(stdtr(max(df, 1.0), -far / error)))
    if len(jumps[differs]) >= FEW_DISCORDANT:
        return size
    return min(size, max(0.0, float(-ndtri(_exact_p(u[differs]) / 2))))


def _exact_p(moved: npt.NDArray[np.float64]) -> float:
    """The share of all exchanges of few discordant clusters with as large a difference, or larger.

    Four losses and no win are 2 of 16 exchanges, while the score test would call that significant.
    """
    import numpy as np

    found = np.abs(all_exchanges(moved[:, None])[:, 0])
    return float((found >= found[0] * (1 - _EQUAL)).mean())


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
) -> npt.NDArray[np.float64] | None:
    """Shape (draws,): the largest statistic of all pairs if no two differ, ascending.

    Returns:
        None where no pair is asked about.
    """
    import numpy as np

    if not asked.any():
        return None
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
