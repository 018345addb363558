"""How sure the difference of two runs is: its interval, from clusters that were drawn.

What chooses between the ways is what the clusters are: many of like weight, few in which the runs
differ, one that outweighs the rest (`evalkit.leverage`), strata of a single one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evalkit import leverage, resampling
from evalkit.gradient import gradient
from evalkit.leverage import Alone
from evalkit.pairing import Paired, check_range, scale
from evalkit.sampling import Draws, Sampling, StudentT
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FEW_DISCORDANT = 10
"""With fewer clusters in which the runs differ, the error depends on the supposed difference."""

EQUAL = 1e-9
"""Differences of numbers below this share of the metric's range are rounding."""

_UNDEFINED_SHARE = 0.05  # draws that may be undefined before the bootstrap is
_BEND = 0.1  # of each column: how far from the two runs a metric must be straight to be a mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What all parts of an estimate start from.

    Attributes:
        metric: The metric, `high` being what these samples could have reached.
        sums: Shape (2, k): the rows of both runs, added.
        by_cluster: Shape (2, G, k): the same by cluster, without the last digits.
        scale: Shape (k,): what each column could have summed to.
        values: The metric in both runs.
        strata: Shape (G,): the clusters' strata.
        leverages: Shape (G,): their shares of the units.
        discordant: Shape (G,): whether the runs differ.
    """

    metric: Metric
    sums: npt.NDArray[np.float64]
    by_cluster: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    values: tuple[float, float]
    strata: npt.NDArray[np.intp]
    leverages: npt.NDArray[np.float64]
    discordant: npt.NDArray[np.bool_]

    @property
    def difference(self) -> float:
        """The second run's value less the first's."""
        return self.values[1] - self.values[0]

    @property
    def width(self) -> float:
        """How far one cluster could move the metric if it were all: the range, where there is one.

        A metric whose `high` means nothing moves by itself, or by all that is below it.
        """
        high = self.metric.high if self.metric.bounded else max(map(abs, self.values))
        return high - self.metric.low


def case_of(metric: Metric, paired: Paired) -> Case | None:
    """What all parts of an estimate start from; None where a run has no value.

    Raises:
        UsageError: A value is outside of the metric's range.
    """
    import numpy as np

    runs = paired.runs
    sums = np.stack([run.sums for run in runs])
    values = float(metric.value(sums[0])), float(metric.value(sums[1]))
    if not np.isfinite(values).all():
        return None
    for run in (sums, paired.first, paired.second):
        check_range(metric, run)
    if metric.reach is not None:
        metric = replace(metric, high=max(map(metric.reach, sums)))
    by_cluster = resampling.settled(np.concatenate([run.cluster_sums for run in runs]))
    by_cluster = by_cluster.reshape(2, paired.clusters, -1)
    return Case(
        metric=metric,
        sums=sums,
        by_cluster=by_cluster,
        scale=scale(paired),
        values=values,
        strata=paired.strata,
        leverages=leverage.leverages(paired.codes, paired.clusters),
        discordant=(by_cluster[0] != by_cluster[1]).any(axis=1),
    )


# The interval


def sampled(case: Case, draws: int, seed: int) -> tuple[Sampling | None, float | None, str]:
    """The sampling distribution of the difference, its standard error, and how it was made."""
    heaviest, shares = leverage.heaviest(case.leverages), _shares(case)
    if heaviest:
        return _outweighed(case, heaviest, shares)
    lone = _alone(case)
    freedom = len(case.strata) - len(set(case.strata.tolist()))
    if lone is None or not (freedom or lone.df):
        return None, None, "none (one cluster)"
    if shares is None and case.discordant.any():
        return _bootstrapped(case, lone, freedom, draws, seed)
    inner = (0.0, float(freedom)) if shares is None else leverage.spread(shares, case.strata)
    variance, df = lone.added(*inner)
    error, few = variance**0.5, int(case.discordant.sum()) < FEW_DISCORDANT
    if few or error <= EQUAL * case.width:
        return _scored(case, df or lone.df, error, shares)
    if freedom == len(case.strata) - 1 and _is_mean(case):
        return _t(case, error, df), error, "cluster-robust t"
    return _bootstrapped(case, lone, inner[1], draws, seed)


def _t(case: Case, error: float, df: float) -> StudentT:
    return StudentT(centre=case.difference, error=error, df=df)


def _outweighed(
    case: Case, heaviest: float, shares: npt.NDArray[np.float64] | None
) -> tuple[Sampling | None, float | None, str]:
    """The same where a cluster is heavy: by the jackknife, for the bootstrap has its fault, too."""
    whole = f"none (one cluster has {heaviest:.0%} of the units)"
    if case.strata.any() or (shares is None and case.discordant.any()):
        return None, None, whole
    moved = 0 * case.leverages if shares is None else shares
    error, df = leverage.jackknifed(moved, case.leverages)
    if int(case.discordant.sum()) < FEW_DISCORDANT or error <= EQUAL * case.width:
        return _scored(case, df, error, shares)
    return _t(case, error, df), error, "cluster-robust t (jackknife)"


def _alone(case: Case) -> Alone | None:
    """What clusters add that are the only ones of their strata; None where nothing tells it."""
    import numpy as np

    if not leverage.alone(case.strata).any():
        return Alone()
    return leverage.collapsed(_effects(case) * np.bincount(case.strata)[case.strata], case.strata)


def _effects(case: Case) -> npt.NDArray[np.float64]:
    """Shape (G,): the difference that goes if a cluster's rows in both runs are the first's."""
    import numpy as np

    first, second = case.by_cluster
    without = case.metric.value(case.sums[1] - second + first)
    moved: npt.NDArray[np.float64] = np.nan_to_num(case.values[1] - without)
    return moved


def _shares(case: Case) -> npt.NDArray[np.float64] | None:
    """How far each cluster moves the difference, to first order: shape (G,), 0 in each stratum.

    u_g = J₂ · S₂g - J₁ · S₁g less its mean, with the clusters' sums S and the gradients J of the
    value at each run's sums: the linearisation that surveys use for ratios.

    Returns:
        None where the value has no gradient in one of the runs.
    """
    first, second = (gradient(case.metric, sums, case.scale) for sums in case.sums)
    if first is None or second is None:
        return None
    return leverage.centred(case.by_cluster[1] @ second - case.by_cluster[0] @ first, case.strata)


def _scored(
    case: Case, freedom: float, error: float, shares: npt.NDArray[np.float64] | None
) -> tuple[Sampling, float | None, str]:
    """A score interval: the clusters in which the runs differ are rare, as Poisson's events are.

    So their squares count as they are, and not around their mean; and there are at least as many
    as it takes to move by the difference in jumps of the size that is supposed.
    """
    jump, moved = _jump(case, shares), abs(case.difference)
    error = max(error**2 + moved**2 / len(case.strata), jump * moved) ** 0.5
    scored = StudentT(centre=case.difference, error=error, df=freedom, jump=jump)
    if not case.discordant.any():
        return scored, None, "Wilson (no difference)"
    return scored, error, "score (few discordant clusters)"


def _jump(case: Case, shares: npt.NDArray[np.float64] | None) -> float:
    """By how much one more discordant cluster would move the difference.

    The root of the mean square of those that were found and of one that was not: a cluster that is
    all right in one run and all wrong in the other, as nothing says that there is none.
    """
    import numpy as np

    found, lone = int(case.discordant.sum()), leverage.alone(case.strata)
    even = 1 / (len(set(case.strata.tolist())) if lone.any() else len(case.strata))
    largest = case.width * (leverage.heaviest(case.leverages) or even)
    moved = 0 * case.leverages if shares is None else shares
    if lone.any():
        moved = np.where(lone, _effects(case), moved)
    seen = float((moved[case.discordant] ** 2).sum())
    return float(((seen + largest**2) / (found + 1)) ** 0.5)


def _is_mean(case: Case) -> bool:
    """Whether the metric is straight in the columns in which the runs differ, as means are.

    The second difference of the value is looked at around the middle of the two runs, a tenth of
    each such column up and down: f(m + v + w) - f(m + v) - f(m + w) + f(m). It is 0 for a mean
    whose denominators are the same in both runs; it is not for F1.
    """
    import numpy as np

    differs = (case.by_cluster[0] != case.by_cluster[1]).any(axis=0)
    middle, step = case.sums.mean(axis=0), _BEND * case.scale * differs
    turns = np.random.default_rng(0).uniform(-1, 1, size=(2, 8, len(step)))
    v, w = turns * step
    value = case.metric.value
    bends = value(middle + v + w) - value(middle + v) - value(middle + w) + value(middle)
    return bool((np.abs(bends) <= EQUAL * case.width).all())


def _bootstrapped(
    case: Case, lone: Alone, freedom: float, draws: int, seed: int
) -> tuple[Sampling | None, float | None, str]:
    """The difference over resampled clusters, both runs on the same draws.

    What clusters add that nothing is drawn for is a normal number, added to each draw.
    """
    import numpy as np

    first, second = case.by_cluster
    rows, mirrored = np.hstack([first, second]), np.hstack([second, first])
    sign = 1 if resampling.precedes(rows, mirrored) else -1
    sums = resampling.resampled(rows if sign > 0 else mirrored, case.strata, draws, seed)
    k = len(case.scale)
    drawn = case.metric.value(sums[:, k:]) - case.metric.value(sums[:, :k])
    if lone.variance:
        noise = np.random.default_rng([seed, 1]).standard_normal(draws)
        drawn = drawn + noise * lone.variance**0.5
    drawn = sign * drawn
    drawn = np.sort(drawn[np.isfinite(drawn)])
    if len(drawn) < max(2, (1 - _UNDEFINED_SHARE) * draws):
        return None, None, "none (undefined on resamples)"
    if drawn[-1] - drawn[0] <= EQUAL * case.width:
        return None, None, "none (no variation)"
    error = float(drawn.std(ddof=1))
    df = lone.added(max(error**2 - lone.variance, 0.0), freedom)[1]
    return Draws(values=drawn, df=df), error, "paired cluster bootstrap"
