"""Looking at data before all of it is there: which error each look may spend, and its bound.

Who looks K times at a test of 5 % is wrong more often than in 5 %. So the error is spent: by an
information fraction t (the share of the clusters that is complete) at most f(t) of it, f(1) being
all (Lan and DeMets, Biometrika 70 (1983), 659-663). The spending here is theirs of the type of
O'Brien and Fleming (Biometrics 35 (1979), 549-556): next to nothing early, so that the last look is
almost the test of one look. Every bound follows from those before it, by integrating over the paths
that have crossed none of them (Armitage, McPherson and Rowe, JRSS A 132 (1969), 235-244; Jennison
and Turnbull, Group Sequential Methods, 2000, chapters 7 and 19).

All of it is one-sided and for normal numbers. Of few clusters the level of a look is taken, and the
quantile of t at that level (Jennison and Turnbull, section 11.4; exact for one look, close for
more). An interval at a look's level holds at all looks together: it is a repeated confidence
interval (Jennison and Turnbull, JRSS B 51 (1989), 305-361).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LEAST = 1e-12
"""The smallest level of a look: below it neither draws nor tables mean anything."""

_FAR = 9.0  # standard deviations, beyond which a path is not followed
_HIGHEST = 38.0  # the largest bound: the tail beyond it is the smallest number there is
_NODES = (
    16  # of the quadrature in a panel, which is two standard deviations wide of what a look adds
)


def spent(fraction: float, alpha: float) -> float:
    """How much of alpha may be spent until a fraction t of the information: 2 - 2 Φ(z / √t).

    z is the normal quantile at 1 - alpha / 2.

    Args:
        fraction: t, above 0 and at most 1.
        alpha: All of the error, one-sided.
    """
    from scipy.special import ndtr, ndtri

    return float(2 * ndtr(ndtri(alpha / 2) / fraction**0.5))


def bounds(fractions: Sequence[float], alpha: float) -> tuple[float, ...]:
    """The bound of each look in standard errors: a claim is made at the first look beyond its own.

    If the claim is false, and as nearly true as that can be, it is made at any of the looks with
    probability `spent(fractions[-1], alpha)`.

    Args:
        fractions: Of the information at each look, ascending, above 0 and at most 1.
        alpha: The error of all looks, one-sided, below 0.5.

    Returns:
        Those of a prefix of the looks are a prefix of these.
    """
    from scipy.optimize import brentq

    paths, found, before = None, [], 0.0
    for fraction in fractions:
        paths = _Paths.start(fraction) if paths is None else paths.step(fraction)
        share = max(spent(fraction, alpha) - before, 0.0)
        before += share
        bound = _HIGHEST
        if paths.beyond(_HIGHEST) < share:
            bound = float(brentq(lambda z, p=paths, s=share: p.beyond(z) - s, -_FAR, _HIGHEST))
        found.append(bound)
        paths = paths.kept(bound)
    return tuple(found)


def levels(fractions: Sequence[float], alpha: float) -> tuple[float, ...]:
    """The one-sided level of each look: that of a test which is beyond its bound in `bounds`.

    None is below `LEAST`; what that adds to the error is nothing.
    """
    from scipy.special import ndtr

    return tuple(max(float(ndtr(-bound)), LEAST) for bound in bounds(fractions, alpha))


def crossed(fractions: Sequence[float], limits: Sequence[float]) -> tuple[float, ...]:
    """The chance to be beyond a bound at a look and at none before, with no effect.

    Args:
        fractions: Of the information at each look, ascending.
        limits: The bound of each look in standard errors.
    """
    paths, found = None, []
    for fraction, limit in zip(fractions, limits, strict=True):
        paths = _Paths.start(fraction) if paths is None else paths.step(fraction)
        found.append(paths.beyond(limit))
        paths = paths.kept(limit)
    return tuple(found)


class _Paths:
    """The sums at a look of the paths that no look before has stopped.

    With independent increments S(t) is a Brownian motion at time t, and Z = S / √t. What is known
    is a density at the look before, at nodes of a quadrature; the look adds a normal number.
    """

    def __init__(
        self,
        nodes: npt.NDArray[np.float64],
        masses: npt.NDArray[np.float64],
        times: tuple[float, float],
    ) -> None:
        """Take the sums before, what each stands for, and the time before and now."""
        self._nodes, self._masses, self._times = nodes, masses, times

    @classmethod
    def start(cls, time: float) -> _Paths:
        """One path, at 0, before the first look."""
        import numpy as np

        return cls(np.zeros(1), np.ones(1), (0.0, time))

    def step(self, time: float) -> _Paths:
        """The next look."""
        return _Paths(self._nodes, self._masses, (self._times[1], time))

    @property
    def _spread(self) -> float:
        before, now = self._times
        return math.sqrt(now - before)

    def beyond(self, bound: float) -> float:
        """The chance of a sum beyond a bound, which is given in standard errors."""
        from scipy.special import ndtr

        limit = bound * self._times[1] ** 0.5
        return float(self._masses @ ndtr((self._nodes - limit) / self._spread))

    def kept(self, bound: float) -> _Paths:
        """The paths that go on: their density at nodes below the bound."""
        import numpy as np

        root, spread = self._times[1] ** 0.5, self._spread
        low, high = -_FAR * root, min(bound, _FAR) * root
        panels = max(4, math.ceil((high - low) / (2 * spread)))
        places, weights = np.polynomial.legendre.leggauss(_NODES)
        width = (high - low) / panels
        nodes = low + width * (np.arange(panels)[:, None] + (places + 1) / 2).ravel()
        distances = (nodes[:, None] - self._nodes) / spread
        density = np.exp(-(distances**2) / 2) @ self._masses / ((2 * np.pi) ** 0.5 * spread)
        return _Paths(nodes, np.tile(weights, panels) * density * width / 2, self._times)
