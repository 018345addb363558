"""What samples can show: the chance to find an effect, the smallest one found, samples needed.

All of it follows from one standard error, that of the paired difference by clusters, which a stored
pair of runs gives (`evalkit.paired.Estimate.error`). With its degrees of freedom (clusters - 1, or
fewer where they weigh unlike) the test is t's, and what it finds noncentral t; without them both
are normal, which is a little too good for few clusters.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Sides = Literal[1, 2]
"""Whether a test looks for an effect in one direction or in both."""

ALPHA, POWER = 0.05, 0.8
"""Error rates where nothing else is said: a false alarm in 20, an effect missed in 5."""

_MOST = 10**7  # samples, above which t is normal
_TWO = 2  # clusters, without which nothing lies between them


def detectable(
    error: float,
    *,
    alpha: float = ALPHA,
    power: float = POWER,
    sides: Sides = 2,
    df: float | None = None,
) -> float:
    """The smallest effect that a test at `alpha` finds with the power, as `predicted_power` has it.

    Of a normal test that is (z_a + z_b) · SE, with the normal quantile z_a at 1 - alpha, or at 1 -
    alpha / 2 for two sides, and z_b at the power: Miller 2024, arXiv:2411.00640, section 5, solved
    for the effect.

    Args:
        error: Standard error of the difference.
        alpha: Chance of a false alarm.
        power: Chance to find the effect.
        sides: In how many directions the test looks.
        df: Degrees of freedom of a t test; None is a normal test.

    Returns:
        0 where no effect at all is found as often.
    """
    return _shift(alpha, power, sides, df) * error


def needed(
    effect: float,
    error: float,
    n: int,
    *,
    alpha: float = ALPHA,
    power: float = POWER,
    sides: Sides = 2,
    df: float | None = None,
    strata: int = 1,
) -> int | None:
    """How many samples settle an effect of this size; of a normal test n · ((z_a + z_b) SE / e)².

    A variance falls as 1 / n if more clusters are asked of the same sizes, so `n` may count samples
    or clusters: the answer counts the same. Degrees of freedom grow with the clusters, less strata.

    Args:
        effect: How far the truth is from what is to be excluded, such as margin - damage.
        error: Standard error of the difference on `n`.
        n: Samples, or clusters, that `error` is of.
        alpha: Chance of a false alarm.
        power: Chance to find the effect.
        sides: In how many directions the test looks.
        df: Degrees of freedom on `n`; None is a normal test.
        strata: Of the clusters.

    Returns:
        At least 1; None where the effect is 0, which no number settles.
    """
    if not effect:
        return None
    least = max(1, math.ceil(n * (_shift(alpha, power, sides, None) * error / effect) ** 2))
    if df is None or least > _MOST:
        return least

    def settles(samples: int) -> bool:
        own = _shift(alpha, power, sides, max((df + strata) * samples / n - strata, 1.0))
        return bool(own * error * math.sqrt(n / samples) <= abs(effect))

    return _first(settles, least)


def _first(holds: Callable[[int], bool], least: int) -> int:
    """The first number from `least` on of which it holds, as of all after it."""
    low, high = least, least
    while not holds(high):
        low, high = high + 1, 2 * high
    return low + bisect_left(range(low, high), x=True, key=holds)


def predicted_power(
    effect: float,
    error: float,
    *,
    alpha: float = ALPHA,
    sides: Sides = 2,
    df: float | None = None,
) -> float:
    """The chance that a test at `alpha` finds an effect: Φ(effect / SE - z_a), or that of t.

    Args:
        effect: The true difference; with one side, above 0 in the direction that the test looks.
        error: Standard error of the difference, above 0.
        alpha: Chance of a false alarm.
        sides: In how many directions the test looks; with 2 the wrong direction counts as found.
        df: Degrees of freedom of a t test (noncentral t); None is a normal test.
    """
    from scipy.special import nctdtr, ndtr, ndtri, stdtrit

    shift = effect / error
    if df is None:
        limit = float(ndtri(1 - alpha / sides))
        above, below = ndtr(shift - limit), ndtr(-shift - limit)
    else:
        limit = float(stdtrit(df, 1 - alpha / sides))
        under, below = map(_tiny_for_nan, nctdtr(df, shift, [limit, -limit]))
        above = 1 - under
    return float(above + below) if sides == 2 else float(above)  # noqa: PLR2004 - both sides


def _tiny_for_nan(share: float) -> float:
    """A share by scipy's noncentral t, which gives NaN where it is some 1e-16 or less."""
    return 0.0 if math.isnan(share) else float(share)


def _shift(alpha: float, power: float, sides: Sides, df: float | None) -> float:
    """The effect in standard errors that is found with the power: z_a + z_b of a normal test."""
    from scipy.optimize import brentq
    from scipy.special import ndtri, stdtrit

    def lacking(shift: float) -> float:
        return predicted_power(shift, 1.0, alpha=alpha, sides=sides, df=df) - power

    if power <= alpha:
        return 0.0
    share = 1 - alpha / sides
    high = float(ndtri(share) if df is None else stdtrit(df, share)) + 1.0
    while lacking(high) < 0:
        high *= 2
    return float(brentq(lacking, 0.0, high, xtol=1e-12))


# Clusters


def design_effect(size: float, alike: float) -> float:
    """By how much clusters inflate a variance: 1 + (m - 1) r (Kish, Survey Sampling, 1965, 5.4).

    Args:
        size: m, the mean number of units of a cluster; for unequal ones Σ m² / Σ m.
        alike: r, the correlation of two units of one cluster.
    """
    return 1 + (size - 1) * alike


def intraclass(values: npt.NDArray[np.float64], codes: npt.NDArray[np.intp]) -> float | None:
    """The correlation of two units of one cluster, by the analysis of variance.

    r = (between - within) / (between + (m₀ - 1) within), of mean squares, with m₀ = (n - Σ m² / n)
    / (G - 1): Donner, International Statistical Review 54 (1986), 67-82.

    Args:
        values: Shape (units,).
        codes: Shape (units,): the cluster of each, from 0 on, none of them empty.

    Returns:
        Below 0 where units of a cluster are less alike than others; None where there is one
        cluster, no cluster of two, or no variation.
    """
    import numpy as np

    sizes = np.bincount(codes)
    n, clusters = len(codes), len(sizes)
    if clusters < _TWO or n == clusters:
        return None
    means = np.bincount(codes, weights=values) / sizes
    between = float(sizes @ (means - values.mean()) ** 2) / (clusters - 1)
    within = float(((values - means[codes]) ** 2).sum()) / (n - clusters)
    typical = (n - float(sizes @ sizes) / n) / (clusters - 1)
    total = between + (typical - 1) * within
    return (between - within) / total if total > 0 else None
