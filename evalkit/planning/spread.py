"""How much the difference of two runs varies: from a pair of runs, or supposed from one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.paired import Paired, estimate, gains
from evalkit.power import intraclass
from evalkit.standard_error import redrawn, slopes_of, standard_error
from evalkit.sums import Statistics
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_DRAWS = 999
_LEAST = 1e-9  # of a metric's range: what varies by less does not vary


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How much a metric's difference varies on some samples.

    Attributes:
        value: The metric in the first run.
        maximum: The largest that it could have been.
        error: Standard error of the difference.
        df: Its degrees of freedom.
        deviation: Standard deviation of what a unit differs by, in the metric's unit; None where
            the metric has no gradient.
        correlation: Of what the units add to the metric in the two runs; None if undefined.
        alike: Correlation of two units of a cluster; None if undefined.
        samples: On which it was seen.
        units: Samples, or groups, that the metric counts of them.
        clusters: Clusters among them.
        strata: Strata of the clusters.
    """

    value: float
    maximum: float
    error: float
    df: float
    deviation: float | None
    correlation: float | None
    alike: float | None
    samples: int
    units: int
    clusters: int
    strata: int

    @property
    def design(self) -> float | None:
        """By how much the clusters inflate the variance."""
        if not self.deviation:
            return None
        return self.error**2 * self.units / self.deviation**2


def spread_of(metric: Metric, paired: Paired, samples: int, seed: int = 0) -> Spread | None:
    """How much the difference of two runs varies.

    Args:
        metric: The metric.
        paired: Its rows in both runs.
        samples: How many samples these are.
        seed: Of resamples.

    Returns:
        None where the runs do not differ, or nothing tells the error.
    """
    found = estimate(metric, paired, draws=_DRAWS, seed=seed)
    if found is None or found.sampling is None or not found.error or not found.discordant:
        return None
    return Spread(
        value=found.first,
        maximum=metric.low + found.limit,
        error=found.error,
        df=found.sampling.df,
        correlation=found.correlation,
        samples=samples,
        units=found.n,
        clusters=found.clusters,
        strata=_strata(paired),
        **_units(gains(metric, paired), paired),
    )


def spread_of_one(
    metric: Metric, paired: Paired, samples: int, supposed: float, seed: int = 0
) -> Spread | None:
    """How much the difference of two runs like this one would vary: Var(B - A) = 2 (1 - r) Var(A).

    Var(A) is what A's own interval rests on, with what parts of few clusters add.

    Args:
        metric: The metric.
        paired: Its rows in the run, as the first of the two.
        samples: How many samples these are.
        supposed: r, the correlation of the two runs.
        seed: Of resamples.

    Returns:
        None where the metric is undefined or does not vary.
    """
    counted, factor = paired.runs[0], (2 * (1 - supposed)) ** 0.5
    value = float(metric.value(counted.sums))
    alone, df = (0.0, 1.0) if math.isnan(value) else _error_of_one(metric, counted, seed)
    if factor * alone <= _LEAST * (metric.high - metric.low):
        return None
    slopes = slopes_of(metric, counted)
    moved = None if slopes is None else factor * len(counted.rows) * (counted.rows @ slopes)
    return Spread(
        value=value,
        maximum=metric.high if metric.reach is None else metric.reach(counted.sums),
        error=factor * alone,
        df=df,
        correlation=supposed,
        samples=samples,
        units=len(counted.rows),
        clusters=counted.clusters,
        strata=_strata(paired),
        **_units(moved, paired),
    )


def _error_of_one(metric: Metric, counted: Statistics, seed: int) -> tuple[float, float]:
    """The standard error of a run's number, as its interval has it, and its degrees of freedom.

    The error is 0 where nothing tells it.
    """
    import numpy as np

    if counted.clusters < 2:  # noqa: PLR2004 - a variance needs two
        return 0.0, 1.0
    found = standard_error(metric, counted)
    if found is not None:
        return found.error, found.df
    drawn = redrawn(metric, counted, _DRAWS, seed)
    values = drawn.values[np.isfinite(drawn.values)]
    return float(values.std(ddof=1)) if len(values) >= _DRAWS / 2 else 0.0, drawn.df


def _strata(paired: Paired) -> int:
    return len(set(paired.strata.tolist()))


def _units(moved: npt.NDArray[np.float64] | None, paired: Paired) -> dict[str, float | None]:
    """What is known of single units: how much they vary, and how alike those of a cluster are."""
    if moved is None:
        return {"deviation": None, "alike": None}
    return {"deviation": float(moved.std(ddof=1)), "alike": intraclass(moved, paired.codes)}
