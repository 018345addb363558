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

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalkit import resampling
from evalkit.difference import EQUAL, Case, case_of, sampled
from evalkit.pairing import Paired, correlation, gains, pair
from evalkit.sampling import Bounds, Draws, Sampling, StudentT, holm
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "DRAWS",
    "LEVEL",
    "Bounds",
    "Case",
    "Draws",
    "Estimate",
    "Gap",
    "Paired",
    "Sampling",
    "StudentT",
    "as_large",
    "estimate",
    "gains",
    "gap_of",
    "holm",
    "pair",
]

LEVEL = 0.95
"""The level of a difference's interval where nothing else is said."""

DRAWS = 10_000
"""Resamples, and exchanges, where nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """By how much one metric differs between two runs, and how sure that is.

    Attributes:
        first: Its value in the first run, times the factor that was asked for.
        second: Its value in the second run.
        difference: `second` - `first`.
        error: Standard error of the difference; None where it is not known.
        sampling: What is known of the true difference; None where nothing is.
        bounding: The same for bounds that must hold on each side; as wide, or wider.
        method: How `sampling` was made, or why it is not there.
        n: Units that were compared.
        clusters: Independent clusters among them.
        discordant: Clusters in which the two runs differ.
        limit: The largest difference that the metric's range allows.
    """

    first: float
    second: float
    difference: float
    error: float | None
    sampling: Sampling | None
    bounding: Sampling | None
    method: str
    n: int
    clusters: int
    discordant: int
    limit: float

    def interval(self, level: float = LEVEL) -> Bounds | None:
        """The interval of the difference, cut to what is possible; None where there is none.

        What is possible is `limit`, or what was found where the metric has no range.
        """
        return self._cut(self.sampling, level)

    def bounds(self, level: float) -> Bounds | None:
        """Bounds each of which is beyond the truth in half of 1 - `level` of cases; as above."""
        return self._cut(self.bounding, level)

    def _cut(self, sampling: Sampling | None, level: float) -> Bounds | None:
        if sampling is None:
            return None
        low, high = sampling.interval(level)
        most = max(self.limit, abs(self.difference))
        return max(low, -most), min(high, most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate(Gap):
    """A gap with what its units and a test say of it.

    Attributes:
        won: Units that are better in the second run; None where a unit has no direction.
        lost: Units that are worse in it.
        tied: Units that are neither.
        correlation: Of what the units add to the number in the two runs; None where undefined.
        p: Two-sided p-value of "no difference".
        p_method: How many exchanges it is made of, or why it is 1.
    """

    won: int | None
    lost: int | None
    tied: int | None
    correlation: float | None
    p: float
    p_method: str


# From rows to an estimate


def gap_of(
    metric: Metric, paired: Paired, *, draws: int = DRAWS, seed: int = 0, factor: float = 1.0
) -> Gap | None:
    """By how much the metric differs between two runs; None where one of them has none.

    Args:
        metric: The metric.
        paired: Its rows in both runs.
        draws: Resamples.
        seed: Of their generator; the gap is a function of it.
        factor: What the first run's value is multiplied by, to compare with a share of it.

    Raises:
        UsageError: A value is outside of the metric's range.
    """
    case = case_of(metric, paired, factor)
    return None if case is None else Gap(**_known(case, paired, draws, seed))


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
    case = case_of(metric, paired)
    if case is None:
        return None
    p, p_method = _exchange_test(case, draws, seed)
    won, lost, tied = _outcomes(case, gains(metric, paired))
    return Estimate(
        **_known(case, paired, draws, seed),
        won=won,
        lost=lost,
        tied=tied,
        correlation=correlation(metric, paired),
        p=p,
        p_method=p_method,
    )


def _known(case: Case, paired: Paired, draws: int, seed: int) -> dict[str, Any]:
    """The fields of a `Gap`."""
    known = sampled(case, draws, seed)
    return {
        "first": case.values[0],
        "second": case.values[1],
        "difference": case.difference,
        "error": known.error,
        "sampling": known.sampling,
        "bounding": known.bounding,
        "method": known.method,
        "n": len(paired.codes),
        "clusters": int(paired.clusters),
        "discordant": int(case.discordant.sum()),
        "limit": max(1.0, case.factor) * (case.metric.high - case.metric.low),
    }


# The test


def _exchange_test(case: Case, draws: int, seed: int) -> tuple[float, str]:
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
    halves = case.halves
    if not len(halves):
        return 1.0, "nothing differs"
    if len(halves) <= resampling.ENUMERABLE:
        larger, ties = as_large(case, resampling.all_exchanges(halves))
        p = (larger + ties / 2) / 2 ** len(halves)
        return p, f"all {2 ** len(halves):,} exchanges, ties half"
    halves = halves if resampling.precedes(halves, -halves) else -halves
    larger, ties = as_large(case, resampling.exchanged(halves, draws, seed))
    p = (0.5 + larger + ties / 2) / (1 + draws)
    return min(p, 1.0), f"{draws:,} random exchanges, ties half"


def as_large(case: Case, moved: npt.NDArray[np.float64]) -> tuple[int, int]:
    """How many exchanges give a larger difference than the one found, and how many one as large.

    What is undefined counts as larger; a difference of 0 surprises nobody, so all are larger.

    Args:
        case: The two runs.
        moved: Shape (exchanges, k): sums of ± `case.halves`.
    """
    import numpy as np

    middle, value = case.by_cluster.sum(axis=1).mean(axis=0), case.metric.value
    found, tie = case.halves.sum(axis=0), EQUAL * case.width
    size = abs(value(middle + found) - value(middle - found))
    if size <= tie:
        return len(moved), 0
    beyond = np.abs(value(middle + moved) - value(middle - moved)) - size
    return int((~(beyond <= tie)).sum()), int((np.abs(beyond) <= tie).sum())


def _outcomes(
    case: Case, moved: npt.NDArray[np.float64] | None
) -> tuple[int | None, int | None, int | None]:
    """Units that are better, worse, and neither; smaller gains than a millionth are rounding."""
    import numpy as np

    if moved is None:
        return None, None, None
    least = 1e-6 * case.width
    won, lost = int(np.count_nonzero(moved > least)), int(np.count_nonzero(moved < -least))
    return won, lost, len(moved) - won - lost
