"""Two runs on the same samples: by how much a metric differs, and how sure that is.

Both runs answer the same questions about the same pictures, so what is compared is the pair, and
what is independent is the cluster. Of a metric (a sum of rows and a function of that sum) follow

- the interval of the difference: cluster-robust t for means, the paired cluster bootstrap for the
  rest, and a score interval where few clusters differ (`evalkit.sampling`);
- the p-value of "no difference": the two runs are exchanged, cluster by cluster, at random. If the
  runs are alike, every such exchange is as likely as what was found, whatever the metric (Fisher,
  The Design of Experiments, 1935, section 21; for clusters, Gail, Mark, Carroll, Green and Pee,
  Statistics in Medicine 15 (1996), 1069-1092).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evalkit import resampling
from evalkit.gradient import gradient
from evalkit.pairing import Paired, check_range, correlation, gains, pair, scale
from evalkit.sampling import Bounds, Draws, Sampling, StudentT, holm
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "DRAWS",
    "LEVEL",
    "Bounds",
    "Draws",
    "Estimate",
    "Paired",
    "Sampling",
    "StudentT",
    "estimate",
    "gains",
    "holm",
    "pair",
]

LEVEL = 0.95
"""The level of a difference's interval where nothing else is said."""

DRAWS = 10_000
"""Resamples, and exchanges, where nothing else is said."""

FEW_DISCORDANT = 10
"""With fewer clusters in which the runs differ, the error depends on the supposed difference."""

_EQUAL = 1e-9  # differences of numbers below this share of the metric's range are rounding
_UNDEFINED_SHARE = 0.05  # draws that may be undefined before the bootstrap is
_BEND = 0.1  # of each column: how far from the two runs a metric must be straight to be a mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """By how much one metric differs between two runs.

    Attributes:
        first: Its value in the first run.
        second: Its value in the second run.
        difference: `second` - `first`.
        error: Standard error of the difference; None where it is not known.
        sampling: What is known of the true difference; None where nothing is.
        method: How `sampling` was made, or why it is not there.
        n: Units that were compared.
        clusters: Independent clusters among them.
        discordant: Clusters in which the two runs differ.
        won: Units that are better in the second run; None where a unit has no direction.
        lost: Units that are worse in it.
        tied: Units that are neither.
        correlation: Of what the units add to the number in the two runs; None where undefined.
        p: Two-sided p-value of "no difference".
        p_method: How many exchanges it is made of, or why it is 1.
        limit: The largest difference that the metric's range allows.
    """

    first: float
    second: float
    difference: float
    error: float | None
    sampling: Sampling | None
    method: str
    n: int
    clusters: int
    discordant: int
    won: int | None
    lost: int | None
    tied: int | None
    correlation: float | None
    p: float
    p_method: str
    limit: float

    def interval(self, level: float = LEVEL) -> Bounds | None:
        """The interval of the difference, cut to what is possible; None where there is none.

        What is possible is `limit`, or what was found where the metric has no range.
        """
        if self.sampling is None:
            return None
        low, high = self.sampling.interval(level)
        most = max(self.limit, abs(self.difference))
        return max(low, -most), min(high, most)


# From rows to an estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What all parts of an estimate start from.

    Attributes:
        metric: The metric, `high` being what these samples could have reached.
        sums: Shape (2, k): the rows of both runs, added.
        by_cluster: Shape (2, G, k): the same by cluster, without the last digits.
        scale: Shape (k,): what each column could have summed to.
        values: The metric in both runs.
        strata: Shape (G,): the clusters' strata.
        discordant: Shape (G,): whether the runs differ.
    """

    metric: Metric
    sums: npt.NDArray[np.float64]
    by_cluster: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    values: tuple[float, float]
    strata: npt.NDArray[np.intp]
    discordant: npt.NDArray[np.bool_]

    @property
    def difference(self) -> float:
        return self.values[1] - self.values[0]

    @property
    def width(self) -> float:
        """How far one cluster could move the metric if it were all: the range, where there is one.

        A metric whose `high` means nothing moves by itself, or by all that is below it.
        """
        high = self.metric.high if self.metric.bounded else max(map(abs, self.values))
        return high - self.metric.low


def estimate(
    metric: Metric, paired: Paired, *, draws: int = DRAWS, seed: int = 0
) -> Estimate | None:
    """By how much the metric differs between two runs; None where one of them has none.

    Args:
        metric: The metric.
        paired: Its rows in both runs.
        draws: Resamples, and exchanges.
        seed: Of their generators; the estimate is a function of it.

    Raises:
        UsageError: A value is outside of the metric's range.
    """
    case = _case(metric, paired)
    if case is None:
        return None
    sampling, error, method = _sampled(case, draws, seed)
    p, p_method = _exchange_test(case, draws, seed)
    moved = gains(metric, paired)
    won, lost = (None, None) if moved is None else _counts(case, moved)
    n = len(paired.codes)
    return Estimate(
        first=case.values[0],
        second=case.values[1],
        difference=case.difference,
        error=error,
        sampling=sampling,
        method=method,
        n=n,
        clusters=int(paired.clusters),
        discordant=int(case.discordant.sum()),
        won=won,
        lost=lost,
        tied=None if won is None or lost is None else n - won - lost,
        correlation=correlation(metric, paired),
        p=p,
        p_method=p_method,
        limit=case.metric.high - case.metric.low,
    )


def _case(metric: Metric, paired: Paired) -> _Case | None:
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
    return _Case(
        metric=metric,
        sums=sums,
        by_cluster=by_cluster,
        scale=scale(paired),
        values=values,
        strata=paired.strata,
        discordant=(by_cluster[0] != by_cluster[1]).any(axis=1),
    )


# The interval


def _sampled(case: _Case, draws: int, seed: int) -> tuple[Sampling | None, float | None, str]:
    """The sampling distribution of the difference, its standard error, and how it was made."""
    freedom = len(case.strata) - len(set(case.strata.tolist()))
    if freedom < 1:
        return None, None, "none (one cluster)"
    shares, few = _shares(case), int(case.discordant.sum()) < FEW_DISCORDANT
    if shares is None and case.discordant.any():
        return _bootstrapped(case, freedom, draws, seed)
    error = 0.0 if shares is None else _standard_error(case, shares)
    if few or error <= _EQUAL * case.width:
        return _scored(case, freedom, error, shares)
    if freedom == len(case.strata) - 1 and _is_mean(case):
        plain = StudentT(centre=case.difference, error=error, df=freedom)
        return plain, error, "cluster-robust t"
    return _bootstrapped(case, freedom, draws, seed)


def _shares(case: _Case) -> npt.NDArray[np.float64] | None:
    """How far each cluster moves the difference, to first order: shape (G,), 0 in each stratum.

    u_g = J₂ · S₂g - J₁ · S₁g less its mean, with the clusters' sums S and the gradients J of the
    value at each run's sums: the linearisation that surveys use for ratios.

    Returns:
        None where the value has no gradient in one of the runs.
    """
    import numpy as np

    first, second = (gradient(case.metric, sums, case.scale) for sums in case.sums)
    if first is None or second is None:
        return None
    moved = case.by_cluster[1] @ second - case.by_cluster[0] @ first
    sizes = np.bincount(case.strata)
    centred: npt.NDArray[np.float64] = (
        moved - (np.bincount(case.strata, weights=moved) / np.maximum(sizes, 1))[case.strata]
    )
    return centred


def _standard_error(case: _Case, shares: npt.NDArray[np.float64]) -> float:
    """The cluster-robust standard error: SE² = Σ_h n_h / (n_h - 1) Σ_g u_g², by strata h.

    Miller 2024, arXiv:2411.00640, equation 4, with the factor for few clusters. A stratum of one
    cluster tells nothing of its variance and adds none.
    """
    import numpy as np

    sizes, squares = np.bincount(case.strata), np.bincount(case.strata, weights=shares**2)
    return float((sizes / np.maximum(sizes - 1, 1) @ squares) ** 0.5)


def _scored(
    case: _Case, freedom: int, error: float, shares: npt.NDArray[np.float64] | None
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


def _jump(case: _Case, shares: npt.NDArray[np.float64] | None) -> float:
    """By how much one more discordant cluster would move the difference.

    The root of the mean square of those that were found and of one that was not: a cluster that is
    all right in one run and all wrong in the other, as nothing says that there is none.
    """
    clusters, found = len(case.strata), int(case.discordant.sum())
    largest = case.width / clusters
    seen = 0.0 if shares is None else float((shares[case.discordant] ** 2).sum())
    return float(((seen + largest**2) / (found + 1)) ** 0.5)


def _is_mean(case: _Case) -> bool:
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
    return bool((np.abs(bends) <= _EQUAL * case.width).all())


def _bootstrapped(
    case: _Case, freedom: int, draws: int, seed: int
) -> tuple[Sampling | None, float | None, str]:
    """The difference over resampled clusters, both runs on the same draws."""
    import numpy as np

    first, second = case.by_cluster
    rows, mirrored = np.hstack([first, second]), np.hstack([second, first])
    sign = 1 if resampling.precedes(rows, mirrored) else -1
    sums = resampling.resampled(rows if sign > 0 else mirrored, case.strata, draws, seed)
    k = len(case.scale)
    drawn = sign * (case.metric.value(sums[:, k:]) - case.metric.value(sums[:, :k]))
    drawn = np.sort(drawn[np.isfinite(drawn)])
    if len(drawn) < max(2, (1 - _UNDEFINED_SHARE) * draws):
        return None, None, "none (undefined on resamples)"
    if drawn[-1] - drawn[0] <= _EQUAL * case.width:
        return None, None, "none (no variation)"
    return Draws(values=drawn, df=freedom), float(drawn.std(ddof=1)), "paired cluster bootstrap"


# The test


def _exchange_test(case: _Case, draws: int, seed: int) -> tuple[float, str]:
    """The two-sided p-value of "no difference", and how it was found.

    The runs of some clusters are exchanged: sums ± half of what they differ by are added to the
    sums of the two runs' mean, and the metric is computed of both. The p-value is the share of
    exchanges whose difference is larger than what was found, and half of those that are as large
    (mid-p: Lancaster, JASA 56 (1961), 223-234): wins and losses are whole numbers, of which ties
    are many, and if all of them counted, a test at 5 % would raise 3.5 % false alarms on 150 pairs
    and miss more. For McNemar's test that is what is advised (Fagerland, Lydersen and Laake, BMC
    Medical Research Methodology 13 (2013), 91). Of drawn exchanges, what was found is one more
    (Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010), 39).
    """
    halves = (case.by_cluster[1] - case.by_cluster[0])[case.discordant] / 2
    if not len(halves):
        return 1.0, "nothing differs"
    if len(halves) <= resampling.ENUMERABLE:
        p = _as_large(case, halves, resampling.all_exchanges(halves)) / 2 ** len(halves)
        return p, f"all {2 ** len(halves):,} exchanges, ties half"
    halves = halves if resampling.precedes(halves, -halves) else -halves
    p = (0.5 + _as_large(case, halves, resampling.exchanged(halves, draws, seed))) / (1 + draws)
    return min(p, 1.0), f"{draws:,} random exchanges, ties half"


def _as_large(
    case: _Case, halves: npt.NDArray[np.float64], moved: npt.NDArray[np.float64]
) -> float:
    """How many exchanges give a larger difference than the one found, ties for half.

    What is undefined counts as larger; a difference of 0 surprises nobody, so all count.
    """
    import numpy as np

    middle, value = case.by_cluster.sum(axis=1).mean(axis=0), case.metric.value
    found, tie = halves.sum(axis=0), _EQUAL * case.width
    size = abs(value(middle + found) - value(middle - found))
    if size <= tie:
        return float(len(moved))
    beyond = np.abs(value(middle + moved) - value(middle - moved)) - size
    return float((~(beyond <= tie)).sum() + (np.abs(beyond) <= tie).sum() / 2)


def _counts(case: _Case, moved: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Units that are better, and that are worse; smaller gains than a millionth are rounding."""
    import numpy as np

    least = 1e-6 * case.width
    return int(np.count_nonzero(moved > least)), int(np.count_nonzero(moved < -least))
