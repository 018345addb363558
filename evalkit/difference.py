"""How sure the difference of two runs is: its interval, from clusters that were drawn.

What chooses between the ways is what the clusters are: many of like weight, few in which the runs
differ, one that outweighs the rest (`evalkit.leverage`), strata of a single one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evalkit import leverage, resampling
from evalkit.gradient import gradient
from evalkit.leverage import Added
from evalkit.pairing import Paired, check_range, scale
from evalkit.sampling import UNDEFINED_SHARE, Draws, Sampling, StudentT, Wider
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FEW_DISCORDANT = 10
"""With fewer clusters in which the runs differ, the error depends on the supposed difference."""

EQUAL = 1e-9
"""Differences of numbers below this share of the metric's range are rounding."""

_BEND = 0.1  # of each column: how far from the two runs a metric must be straight to be a mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What all parts of an estimate start from.

    Attributes:
        metric: The metric, `high` being what these samples could have reached.
        sums: Shape (2, k): the rows of both runs, added.
        by_cluster: Shape (2, G, k): the same by cluster, without the last digits.
        scale: Shape (k,): what each column could have summed to.
        values: The metric in both runs, in the first times `factor`.
        strata: Shape (G,): the clusters' strata.
        leverages: Shape (G,): their shares of the units.
        discordant: Shape (G,): whether the runs differ, or would if both were alike.
        factor: What the first run's value is multiplied by.
    """

    metric: Metric
    sums: npt.NDArray[np.float64]
    by_cluster: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    values: tuple[float, float]
    strata: npt.NDArray[np.intp]
    leverages: npt.NDArray[np.float64]
    discordant: npt.NDArray[np.bool_]
    factor: float = 1.0

    @property
    def difference(self) -> float:
        """The second run's value less the first's."""
        return self.values[1] - self.values[0]

    @property
    def halves(self) -> npt.NDArray[np.float64]:
        """Shape (d, k): half of what each discordant cluster's sums differ by."""
        found: npt.NDArray[np.float64] = self.by_cluster[1] - self.by_cluster[0]
        return found[self.discordant] / 2

    def differences(
        self, first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """The difference of other sums: shape (...), of sums of shape (..., k) in each run."""
        value = self.metric.value
        found: npt.NDArray[np.float64] = value(second) - self.factor * value(first)
        return found

    @property
    def width(self) -> float:
        """How far one cluster could move the metric if it were all: the range, where there is one.

        A metric whose `high` means nothing moves by itself, or by all that is below it.
        """
        high = self.metric.high if self.metric.bounded else max(map(abs, self.values))
        return high - self.metric.low


def case_of(metric: Metric, paired: Paired, factor: float = 1.0) -> Case | None:
    """What all parts of an estimate start from; None where a run has no value.

    Args:
        metric: The metric.
        paired: Its rows in both runs.
        factor: What the first run's value is multiplied by. Other than 1, every cluster adds to the
            difference, whether the runs differ in it or not.

    Raises:
        UsageError: A value is outside of the metric's range.
    """
    import numpy as np

    runs = paired.runs
    sums = np.stack([run.sums for run in runs])
    values = factor * float(metric.value(sums[0])), float(metric.value(sums[1]))
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
        discordant=(by_cluster[0] != by_cluster[1]).any(axis=1) | (factor != 1),
        factor=factor,
    )


# The interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known of a difference.

    Attributes:
        sampling: Of the difference, for its interval; None where nothing is known.
        bounding: The same for bounds that must hold on each side; as wide, or wider.
        error: Its standard error; None where it is not known.
        method: How `sampling` was made, or why it is not there.
    """

    sampling: Sampling | None
    bounding: Sampling | None
    error: float | None
    method: str


def sampled(case: Case, draws: int, seed: int) -> Found:
    """The sampling distribution of the difference, its standard error, and how it was made."""
    shares = _shares(case)
    undefined = shares is None and bool(case.discordant.any())
    if why := _nothing_known(case, undefined=undefined):
        return _unknown(why)
    added = leverage.added(lambda: _whole_effects(case), case.strata)
    if undefined:
        return _bootstrapped(case, added, float(len(case.strata) - 1), draws, seed)
    moved = 0 * case.leverages if shares is None else shares
    *inner, uneven = leverage.variance_of(moved, case.leverages, case.strata)
    variance, df = added.to(*inner)
    error, few = variance**0.5, int(case.discordant.sum()) < FEW_DISCORDANT
    scored = _scored(case, df or added.df or 1.0, error, moved)
    if few or error <= EQUAL * case.width:
        return _of_few(case, scored)
    if uneven or (not leverage.is_stratified(case.strata) and _is_mean(case)):
        plain = StudentT(centre=case.difference, error=error, df=df)
        name = f"cluster-robust t{' (jackknife)' if uneven else ''}"
        found = Found(sampling=plain, bounding=plain, error=error, method=name)
    else:
        found = _bootstrapped(case, added, inner[1], draws, seed)
    if isinstance(found.sampling, StudentT | Draws):
        return replace(found, bounding=Wider(plain=found.sampling, scored=scored))
    return found


def _nothing_known(case: Case, *, undefined: bool) -> str:
    """Why nothing is known of the difference; empty where something is."""
    if len(case.strata) < 2:  # noqa: PLR2004 - a variance needs two
        return "none (one cluster)"
    heaviest = leverage.heaviest(case.leverages)
    if heaviest and (leverage.is_stratified(case.strata) or undefined):
        return f"none (one cluster has {heaviest:.0%} of the units)"
    return ""


def _unknown(method: str) -> Found:
    return Found(sampling=None, bounding=None, error=None, method=method)


def _of_few(case: Case, scored: StudentT) -> Found:
    """What is known where few clusters differ, or all do alike."""
    if not case.discordant.any():
        method, error = "Wilson (no difference)", None
    else:
        few = int(case.discordant.sum()) < FEW_DISCORDANT
        method, error = f"score ({'few discordant clusters' if few else 'all alike'})", scored.error
    return Found(sampling=scored, bounding=scored, error=error, method=method)


def _whole_effects(case: Case) -> npt.NDArray[np.float64]:
    """Shape (G,): the difference that each cluster makes, as if it were its stratum.

    With a factor f that is V₂ - f V₁ = (V₂ - V₁) + (1 - f) V₁, so what a cluster does to the first
    run's value is a part of it: what goes if it is left out, as of single numbers.
    """
    import numpy as np

    sizes = np.bincount(case.strata)[case.strata]
    found = _effects(case) * sizes
    if case.factor != 1:
        value, sums = case.metric.value, case.sums[0]
        alone = np.nan_to_num(value(sums) - value(sums - case.by_cluster[0]))
        found += (1 - case.factor) * alone * np.maximum(sizes - 1, 1)
    return found


def _effects(case: Case) -> npt.NDArray[np.float64]:
    """Shape (G,): the difference that goes if a cluster's rows in both runs are the first's."""
    import numpy as np

    first, second = case.by_cluster
    without = case.metric.value(case.sums[1] - second + first)
    moved: npt.NDArray[np.float64] = np.nan_to_num(case.values[1] - without)
    return moved


def _shares(case: Case) -> npt.NDArray[np.float64] | None:
    """How far each cluster moves the difference, to first order: shape (G,), 0 in each stratum.

    u_g = J₂ · S₂g - f J₁ · S₁g less its mean, with the clusters' sums S, the gradients J of the
    value at each run's sums, and the factor f: the linearisation that surveys use for ratios.

    Returns:
        None where the value has no gradient in one of the runs.
    """
    first, second = (gradient(case.metric, sums, case.scale) for sums in case.sums)
    if first is None or second is None:
        return None
    moved = case.by_cluster[1] @ second - case.factor * (case.by_cluster[0] @ first)
    return leverage.centred(moved, case.strata)


def _scored(case: Case, df: float, error: float, moved: npt.NDArray[np.float64]) -> StudentT:
    """A score interval: clusters in which the runs differ are rare, as Poisson's events are.

    So their squares count as they are, and not around their mean; and there are at least as many
    as it takes to move by the difference in jumps of the size that is supposed.
    """
    jump, far = _jump(case, moved), abs(case.difference)
    error = max(error**2 + far**2 / len(case.strata), jump * far) ** 0.5
    return StudentT(centre=case.difference, error=error, df=df, jump=jump)


def _jump(case: Case, moved: npt.NDArray[np.float64]) -> float:
    """By how much one more discordant cluster would move the difference.

    The root of the mean square of those that were found and of one that was not: the heaviest
    cluster, all right in one run and all wrong in the other, as nothing says that there is none.
    But no less than Σ |u|³ / Σ u² of those that were found, which is what makes a sum of rare jumps
    of unlike size lean (its skewness is that of as many jumps of this one size).
    """
    import numpy as np

    found = int(case.discordant.sum())
    if leverage.few(case.strata).any():
        moved = np.where(leverage.few(case.strata), _effects(case), moved)
    sizes = np.abs(moved[case.discordant])
    squares = float((sizes**2).sum())
    jump = ((squares + _largest(case) ** 2) / (found + 1)) ** 0.5
    return float(max(jump, (sizes**3).sum() / squares if squares else 0.0))


def _largest(case: Case) -> float:
    """How far the heaviest cluster can move the metric: its weight, times the range.

    Of one stratum the weight is the cluster's share of the units. Of several it is what its rows
    are in the value by the gradient: J · |S_g|, the larger of the runs.
    """
    import numpy as np

    heaviest = max(1.0, case.factor) * float(case.width * case.leverages.max())
    if not leverage.is_stratified(case.strata):
        return heaviest
    slopes = [gradient(case.metric, sums, case.scale) for sums in case.sums]
    weights = [
        times * (np.abs(by_cluster) @ np.abs(slope) / 2)
        for times, by_cluster, slope in zip(
            (case.factor, 1.0), case.by_cluster, slopes, strict=True
        )
        if slope is not None
    ]
    return max([heaviest, *(float(weight.max()) for weight in weights)])


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


def _bootstrapped(case: Case, added: Added, df: float, draws: int, seed: int) -> Found:
    """The difference over resampled clusters, both runs on the same draws.

    What strata of few clusters add is a normal number, added to each draw.
    """
    import numpy as np

    first, second = case.by_cluster
    rows, mirrored = np.hstack([first, second]), np.hstack([second, first])
    sign = 1 if resampling.precedes(rows, mirrored) else -1
    sums = resampling.resampled(rows if sign > 0 else mirrored, case.strata, draws, seed)
    halves = np.hsplit(sums, 2)[::sign]
    drawn = case.differences(halves[0], halves[1])
    if added.variance:
        noise = np.random.default_rng([seed, 1]).standard_normal(draws)
        drawn = drawn + sign * noise * added.variance**0.5
    drawn = np.sort(drawn[np.isfinite(drawn)])
    if len(drawn) < max(2, (1 - UNDEFINED_SHARE) * draws):
        return _unknown("none (undefined on resamples)")
    if drawn[-1] - drawn[0] <= EQUAL * case.width:
        return _unknown("none (no variation)")
    error = float(drawn.std(ddof=1))
    df = added.to(max(error**2 - added.variance, 0.0), df)[1]
    made = Draws(values=drawn, df=df)
    return Found(sampling=made, bounding=made, error=error, method="paired cluster bootstrap")
