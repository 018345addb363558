"""Clusters that outweigh the others, and strata of a single cluster: what variances then are.

Where clusters are alike, the squares of their shares add up to the variance. One cluster with two
fifths of the units draws the mean to itself, so its own share looks small, and the quantiles of t
are those of fewer degrees of freedom than there are clusters. And the only cluster of a stratum
has no other to differ from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

HEAVY = 0.1
"""A cluster with more of the units than this, and more than twice an even share, is heavy."""

_EVEN = 2.0  # times an even share: of ten clusters or fewer each may have a tenth and more


def spread(moved: npt.NDArray[np.float64], strata: npt.NDArray[np.intp]) -> tuple[float, float]:
    """The cluster-robust variance of a number, and its degrees of freedom: Σ_h V_h, of strata h.

    V_h = n_h / (n_h - 1) Σ_g u_g²: Miller 2024, arXiv:2411.00640, equation 4, with the factor for
    few clusters. The degrees of freedom are Satterthwaite's, (Σ V_h)² / Σ V_h² / (n_h - 1): G - 1
    where there is one stratum, and few where small ones weigh much. Strata of one cluster are not
    in it (`collapsed`).

    Args:
        moved: Shape (G,): how far each cluster moves the number, to first order, around 0 in each
            stratum.
        strata: Shape (G,): the strata.
    """
    import numpy as np

    sizes, squares = np.bincount(strata), np.bincount(strata, weights=moved**2)
    spare = np.maximum(sizes - 1, 1)
    parts = sizes / spare * squares * (sizes > 1)
    variance = float(parts.sum())
    if not variance:
        return 0.0, float((np.maximum(sizes, 1) - 1).sum())
    return variance, float(1 / ((parts / variance) ** 2 / spare).sum())


def centred(
    moved: npt.NDArray[np.float64], strata: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Shape (G,): what clusters move, less the mean of their stratum.

    Args:
        moved: Shape (G,): how far each cluster moves a number.
        strata: Shape (G,): the strata.
    """
    import numpy as np

    means = np.bincount(strata, weights=moved) / np.maximum(np.bincount(strata), 1)
    found: npt.NDArray[np.float64] = moved - means[strata]
    return found


# Heavy clusters


def leverages(codes: npt.NDArray[np.intp], clusters: int) -> npt.NDArray[np.float64]:
    """Each cluster's share of the units: shape (G,).

    Args:
        codes: Shape (units,): the cluster of each unit.
        clusters: G.
    """
    import numpy as np

    found: npt.NDArray[np.float64] = np.bincount(codes, minlength=clusters) / len(codes)
    return found


def heaviest(shares: npt.NDArray[np.float64]) -> float:
    """The largest leverage if that cluster is heavy; else 0.

    Args:
        shares: Shape (G,): the clusters' leverages.
    """
    largest = float(shares.max())
    return largest if largest > max(HEAVY, _EVEN / len(shares)) else 0.0


def jackknifed(
    moved: npt.NDArray[np.float64], shares: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """The standard error of clusters of unlike weight, and its degrees of freedom.

    SE² = Σ_g (u_g / (1 - h_g))²: what each cluster moves if it is left out (the jackknife; CR3 of
    MacKinnon, Nielsen and Webb, Journal of Applied Econometrics 38 (2023), 671-694). The degrees of
    freedom are Satterthwaite's for units that vary alike (Bell and McCaffrey, Survey Methodology 28
    (2002), 169-181), written out for a mean: with s_g = h_g / (1 - h_g), and the covariance of the
    clusters' deviations 1 / h_g on the diagonal less 1 everywhere,

        df = (Σ s² (1 - h) / h)² / (Σ s⁴ / h² - 2 Σ s⁴ / h + (Σ s²)²).

    Of normal clusters, one with 2 to 40 % of the units of 30, 100 or 500, the one-sided 5 % bound
    missed in 1.5 to 5.3 % of simulations, where that of like clusters missed in up to 20 %.

    Args:
        moved: Shape (G,): how far each cluster moves the number, to first order, around 0.
        shares: Shape (G,): their leverages, above 0 and below 1.
    """
    import numpy as np

    error = float(np.linalg.norm(moved / (1 - shares)))
    inner = (shares / (1 - shares)) ** 2
    trace = (inner * (1 - shares) / shares).sum()
    squares = (inner**2 / shares**2).sum() - 2 * (inner**2 / shares).sum() + inner.sum() ** 2
    return error, float(trace**2 / squares)


# Strata of one


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What the only clusters of their strata add to a variance.

    Attributes:
        variance: Of the number, by them together; 0 where there are none.
        df: Its degrees of freedom; 0 where there are none.
    """

    variance: float = 0.0
    df: float = 0.0

    def added(self, variance: float, df: float) -> tuple[float, float]:
        """A variance and its degrees of freedom with these added (Satterthwaite 1946)."""
        both = variance + self.variance
        if not self.variance:
            return variance, df
        terms = [(v / both) ** 2 / f for v, f in ((variance, df), (self.variance, self.df)) if v]
        return both, 1 / sum(terms)


def alone(strata: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Shape (G,): which clusters are the only one of their stratum."""
    import numpy as np

    only: npt.NDArray[np.bool_] = (np.bincount(strata) == 1)[strata]
    return only


def collapsed(effects: npt.NDArray[np.float64], strata: npt.NDArray[np.intp]) -> Alone | None:
    """The variance of strata of one cluster, by those of their like: collapsed strata.

    Such strata are taken for one, and what differs between them for what would differ within
    (Wolter, Introduction to Variance Estimation, 2nd edition, 2007, section 2.5), which errs on the
    wide side. A few of them may agree by chance, so the variance of an effect is no less than that
    within all strata.

    Args:
        effects: Shape (G,): the difference that each cluster makes, as if it were its stratum.
        strata: Shape (G,): the strata.

    Returns:
        None where there is nothing to differ from: one cluster in all.
    """
    import numpy as np

    lone = alone(strata)
    count = int(lone.sum())
    if not count:
        return Alone()
    joined = np.unique(np.where(lone, -1, strata), return_inverse=True)[1]
    within, around = len(joined) - int(joined.max()) - 1, centred(effects, joined)
    if not within:
        return None
    candidates = [(float(around @ around) / within, within)]
    if count > 1:
        own = around[lone]
        candidates.append((float(own @ own) / (count - 1), count - 1))
    variance, df = max(candidates)
    return Alone(variance=count * variance, df=df)
